"Run the default pipeline with several seeds and commit its numbers: what `smaug_verdict` reads."
import argparse, json, subprocess, sys, tempfile
from pathlib import Path
from smaug.verdict import read_claims, run_conditions
from test import ROOT, clone_into

COMMITTED = ROOT/'nbs/measured/default_run.json'


def run_seed(seed, folder):
    "Clone the tree, run it with a seed; its conditions and its numbers."
    clone_into(folder)
    dvc = ['dvc', 'exp', 'run', '-S', f'base.seed={seed}']
    subprocess.run(dvc, cwd=folder, check=True, stdout=sys.stderr)
    metrics = folder/'out/metrics'
    return run_conditions(metrics), read_claims(metrics)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('seeds', nargs='+', type=int, help='the first is the one of params.yaml')
    found = []
    for seed in parser.parse_args().seeds:
        with tempfile.TemporaryDirectory() as place:
            found.append(run_seed(seed, Path(place)/'smaug'))
        numbers = {}
        for _, of_seed in found:
            for title, value in of_seed.items():
                numbers.setdefault(title, []).append(value)
        commit = ['git', 'rev-parse', '--short', 'HEAD']
        commit = subprocess.check_output(commit, cwd=ROOT, text=True).strip()
        told = dict(conditions=found[0][0], commit=commit, numbers=numbers)
        COMMITTED.write_text(json.dumps(told, indent=1, ensure_ascii=False) + '\n')
        print(f'seed {seed}: {len(found)} seeds in {COMMITTED.relative_to(ROOT)}', flush=True)


if __name__ == '__main__':
    main()
