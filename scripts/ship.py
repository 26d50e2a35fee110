"""Put the trained retrieval model of out/ into small/, in half precision, and into the repository's
own DVC remote: `python scripts/ship.py` after `make repro`. What is lost by halving is printed."""
import subprocess
import sys
from pathlib import Path

from smaug.data.captions import load_tokenizer
from smaug.data.prepared import open_source
from smaug.tasks.protocols import judge_retrieval
from smaug.training.checkpoints import load_checkpoint, read_history, save_checkpoint

ROOT = Path(__file__).resolve().parent.parent
TRAINED, SMALL = ROOT/'out/checkpoints/retrieval', ROOT/'small'
LARGEST = 10_000_000    # bytes: it lies in git


def recalls(folder):
    "R@1 of the two encoders and re-ranked, on the validation clips."
    model = load_checkpoint(folder)
    tokenizer = load_tokenizer(folder/'tokenizer')
    found = judge_retrieval(model, open_source(ROOT/'out', 'msrvtt_val'), tokenizer, 8, k=8)
    return [found.metrics[key]['R@1'] for key in ('dual_t2v', 't2v')]


def main():
    model = load_checkpoint(TRAINED)
    tokenizer = load_tokenizer(TRAINED/'tokenizer')
    save_checkpoint(model.half(), SMALL, tokenizer, history=read_history(TRAINED))
    size = sum(path.stat().st_size for path in SMALL.rglob('*') if path.is_file())
    if size > LARGEST:
        sys.exit(f'small/ has {size:,} bytes, at most {LARGEST:,} lie in git; ship a smaller model')
    print(f'{size:,} bytes; R@1 in float32 {recalls(TRAINED)}, in float16 {recalls(SMALL)}')
    subprocess.run(['dvc', 'add', '-q', 'small'], cwd=ROOT, check=True)
    subprocess.run(['dvc', 'push', '-q', 'small.dvc'], cwd=ROOT, check=True)
    print('commit small.dvc and .dvcstore')


if __name__ == '__main__':
    main()
