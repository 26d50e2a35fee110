"""Run the default pipeline with several seeds and commit its numbers: what `smaug_verdict` reads.
Each seed is a whole run in a clone of its own; --jobs of them at a time. Seeds that the file has of
the same parameters are kept."""
import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from smaug.verdict import SETTINGS, read_claims, run_conditions
from test import ROOT, clone_into

COMMITTED = ROOT/'nbs/measured/default_run.json'


def run_seed(seed):
    "Clone the tree and run it with a seed: its conditions and its numbers."
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)/'smaug'
        clone_into(folder)
        dvc = ['dvc', 'exp', 'run', '-S', f'base.seed={seed}']
        subprocess.run(dvc, cwd=folder, check=True, stdout=sys.stderr)
        metrics = folder/'out/metrics'
        return run_conditions(metrics), read_claims(metrics)


def kept_runs():
    "seed → (conditions, numbers), as the file has them of the present parameters."
    if not COMMITTED.exists(): return {}
    told = json.loads(COMMITTED.read_text())
    now = run_conditions(ROOT/'out/metrics')
    if any(told['conditions'][k] != now[k] for k in SETTINGS if k != 'seed'): return {}
    return {run['conditions']['seed']: (run['conditions'], run['numbers']) for run in told['runs']}


def write(found):
    "Write all runs, by seed; the first one's conditions are those that a run is held against."
    commit = ['git', 'rev-parse', '--short', 'HEAD']
    commit = subprocess.check_output(commit, cwd=ROOT, text=True).strip()
    runs = [dict(conditions=c, numbers=n) for _, (c, n) in sorted(found.items())]
    numbers = {}
    for run in runs:
        for title, number in run['numbers'].items():
            numbers.setdefault(title, []).append(number)
    told = dict(conditions=runs[0]['conditions'], commit=commit, numbers=numbers, runs=runs)
    COMMITTED.write_text(json.dumps(told, indent=1, ensure_ascii=False) + '\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('seeds', nargs='*', type=int, help='beside the run that lies in out/')
    parser.add_argument('--jobs', type=int, default=1, help='runs at a time')
    asked = parser.parse_args()
    found = kept_runs()
    here = run_conditions(ROOT/'out/metrics')
    found[here['seed']] = here, read_claims(ROOT/'out/metrics')
    with ThreadPoolExecutor(asked.jobs) as pool:
        for conditions, numbers in pool.map(run_seed, asked.seeds):
            found[conditions['seed']] = conditions, numbers
            write(found)
            print(f'{len(found)} seeds in {COMMITTED.relative_to(ROOT)}', flush=True)
    write(found)


if __name__ == '__main__':
    main()
