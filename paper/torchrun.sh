#!/usr/bin/env bash
# The paper's run on this machine's GPUs: bash paper/torchrun.sh, or PROCESSES=2 bash paper/torchrun.sh.
# Arguments are dvc's: bash paper/torchrun.sh --single-item paper/dvc.yaml:retrieval
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -d .venv ]; then source .venv/bin/activate; fi
if [ $# -eq 0 ]; then set -- paper/dvc.yaml; fi
exec dvc repro -k "$@"
