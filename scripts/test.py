"Check that notebooks, exports and runs agree; the last line is `N passed, N failed`."
import filecmp, json, os, re, shutil, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Chapters that fork need workers in which no other chapter has started autograd's threads: torch refuses to go on after such a fork.
APART = ['--file_re', '^19[ab]_'], ['--skip_file_re', '^([_.]|19[ab]_)']
NOTES = 'nbdev Tests Failed On The Following Notebooks:'


def copy_of_tree(folder):
    "Copy what git tracks or would track of the notebooks and the package."
    listed = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', '--', 'nbs', 'smaug', 'scripts', 'README.md', 'settings.ini'],
                            cwd=ROOT, capture_output=True, text=True, check=True).stdout.split('\n')
    for name in filter(None, listed):
        if not (ROOT/name).exists(): continue
        (folder/name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT/name, folder/name)


def changed(folder, pattern):
    "Files of the tree that differ from the copy, are missing there or are new there."
    names = {str(p.relative_to(top)) for top in (ROOT, folder) for p in top.glob(pattern)
             if '.ipynb_checkpoints' not in p.parts}
    return sorted(n for n in names if not ((ROOT/n).exists() and (folder/n).exists()
                                           and filecmp.cmp(ROOT/n, folder/n, shallow=False)))


def check_drift():
    "Export, clean and write the README in a copy; yield (what, names that differ)."
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        copy_of_tree(folder)
        steps = [('exports', ['nbdev_export'], 'smaug/**/*.py'), ('clean notebooks', ['nbdev_clean'], 'nbs/**/*.ipynb')]
        if (folder/'nbs/index.ipynb').is_file(): steps.append(('README.md', [sys.executable, 'scripts/readme.py'], 'README.md'))
        for what, command, pattern in steps:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            if done.returncode: yield what, [f'exit {done.returncode}: {done.stderr.strip()[-800:]}']
            else: yield what, changed(folder, pattern)


def check_site(limit=300):
    "Build the site from a copy; what went wrong, or nothing."
    with tempfile.TemporaryDirectory() as folder:
        copy_of_tree(Path(folder))
        try: done = subprocess.run([sys.executable, 'scripts/docs.py'], cwd=folder, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired: return f'not built after {limit} s'
        return f'exit {done.returncode}: {(done.stdout + done.stderr).strip()[-800:]}' if done.returncode else ''


def self_starting():
    "Notebooks with a cell that would start the program under test: a notebook is its own __main__, but has no __file__."
    for path in sorted((ROOT/'nbs').rglob('*.ipynb')):
        for cell in json.loads(path.read_text())['cells']:
            source = ''.join(cell['source'])
            if cell['cell_type'] == 'code' and re.search(r"^if __name__ ?==(?!.*'__file__' in globals)", source, re.M):
                yield str(path.relative_to(ROOT))


def run_notebooks(arguments):
    "Run nbdev_test; return the names that passed and that failed, printing times as they come."
    environment = dict(os.environ, OMP_NUM_THREADS='1', PYTHONUNBUFFERED='1', MPLBACKEND='agg', TOKENIZERS_PARALLELISM='false')
    command = ['nbdev_test', '--n_workers', '2', '--do_print', *arguments]
    run = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    started, completed, failed, listing = {}, {}, set(), False
    for line in run.stdout:
        if found := re.match(r'Starting (.+\.ipynb)$', line): started[found[1]] = time.time()
        elif found := re.match(r'- Completed (.+\.ipynb)$', line):
            completed[found[1]] = time.time() - started[found[1]]
            print(f'{completed[found[1]]:6.1f} s  {Path(found[1]).relative_to(ROOT)}', flush=True)
        elif line.startswith(NOTES): listing = True
        elif listing and line.startswith('\t'): failed.add(line.strip())
        elif found := re.match(r'\w+ in (/.+\.ipynb):$', line): failed.add(Path(found[1]).name); print(line, end='', flush=True)
        elif line.strip() and line.strip() != 'Success.' and not set(line.strip()) == {'='}: print(line, end='', flush=True)
    code = run.wait()
    unfinished = {Path(n).name for n in started.keys() - completed.keys()}      # a worker died under them
    failed |= unfinished
    passed = [n for n in completed if Path(n).name not in failed]
    if code and not listing: failed.add(f'nbdev_test itself (exit {code})')
    return passed, sorted(failed)


def main():
    began = time.time()
    passed, failed = [], []
    if names := list(self_starting()):
        print(f"{', '.join(names)}: the cell with `if __name__ ==` would run here; call main with python -c instead, as the "
              f"Makefile does\n0 passed, {len(names)} failed")
        sys.exit(1)
    for what, names in check_drift():
        remedy = 'run `make prepare` and commit what it changes'
        print(f'{what}: ' + (f'differs, {remedy}:\n  ' + '\n  '.join(names) if names else 'nothing to change'), flush=True)
        (failed if names else passed).append(what)
    if not sys.argv[1:]:
        print('site: ' + ((wrong := check_site()) or 'built'), flush=True)
        (failed if wrong else passed).append('site')
    ran = [run_notebooks(some) for some in ([sys.argv[1:]] if sys.argv[1:] else APART)]
    for notebooks in ran: passed += notebooks[0]; failed += notebooks[1]
    if not any(notebooks[0] or notebooks[1] for notebooks in ran): failed.append('no notebook ran')
    print(f'\n{time.time() - began:.0f} s')
    if failed: print('failed: ' + ', '.join(failed))
    print(f'{len(passed)} passed, {len(failed)} failed')
    sys.exit(bool(failed))


if __name__ == '__main__': main()
