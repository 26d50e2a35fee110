"Check that notebooks, exports and runs agree; the last line is `N passed, N failed`."
import argparse, filecmp, json, os, re, shutil, signal, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
import psutil
from browse import check_in_browser
from lab import check_page

ROOT = Path(__file__).resolve().parent.parent
# Chapters that fork need workers in which no other chapter has started autograd's threads:
# torch refuses to go on after such a fork.
APART = re.compile('04_distributed|01_kill|09_proof')
NOTES = 'nbdev Tests Failed On The Following Notebooks:'
# Kinds of CPU that this one can play: torch's own kernels, and the matrix products of MKL.
CPUS = dict(native={}, default=dict(ATEN_CPU_CAPABILITY='default', MKL_CBWR='COMPATIBLE'),
            avx2=dict(ATEN_CPU_CAPABILITY='avx2', MKL_CBWR='AVX2'))
# Chapters that compare what rounding can move: CI runs them on a second kind of CPU.
NUMBERS = '08_selector 09_losses 10_smaug savings retrieval'.split()
# Kind of CPU and threads of each hard run, beside busy processes, in a path with a space.
HARD = [('default', 1), ('avx2', 2)]
EVENT = re.compile(r'(Starting|- Completed) (/.+?\.ipynb)')
VERDICT = re.compile(r'^(\d+) passed, (\d+) failed$', re.M)


def git(*words):
    "Names that a git command lists, separated by zero bytes."
    command = ['git', *words, '-z']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split('\0') if name]


def copy_files(names, folder):
    "Copy files of the tree; one that is gone here goes there too."
    for name in names:
        if not (ROOT/name).is_file():
            (folder/name).unlink(missing_ok=True)
            continue
        (folder/name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT/name, folder/name)


def copy_of_tree(folder):
    "Copy what git tracks or would track of the notebooks and the package."
    listed = git('ls-files', '-co', '--exclude-standard')
    parts = 'nbs', 'smaug', 'scripts', 'README.md', 'settings.ini'
    copy_files([name for name in listed if name.split('/')[0] in parts], folder)


def changed(folder, pattern):
    "Files of the tree that differ from the copy, are missing there or are new there."
    names = {str(p.relative_to(top)) for top in (ROOT, folder) for p in top.glob(pattern)
             if '.ipynb_checkpoints' not in p.parts}
    def same(n):
        here, there = ROOT/n, folder/n
        return here.exists() and there.exists() and filecmp.cmp(here, there, shallow=False)
    return sorted(n for n in names if not same(n))


def check_drift():
    "Export, clean and write the README in a copy; yield (what, names that differ)."
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        copy_of_tree(folder)
        steps = [('exports', ['nbdev_export'], 'smaug/**/*.py'),
                 ('clean notebooks', ['nbdev_clean'], 'nbs/**/*.ipynb')]
        if (folder/'nbs/index.ipynb').is_file():
            steps.append(('README.md', [sys.executable, 'scripts/readme.py'], 'README.md'))
        for what, command, pattern in steps:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            error = f'exit {done.returncode}: {done.stderr.strip()[-800:]}'
            yield what, [error] if done.returncode else changed(folder, pattern)


def check_site(limit=600):
    "Build the site from a copy; what went wrong, or nothing."
    with tempfile.TemporaryDirectory() as folder:
        copy_of_tree(Path(folder))
        command, options = [sys.executable, 'scripts/docs.py'], dict(capture_output=True, text=True)
        try:
            done = subprocess.run(command, cwd=folder, timeout=limit, **options)
        except subprocess.TimeoutExpired:
            return f'not built after {limit} s'
        if done.returncode:
            return f'exit {done.returncode}: {(done.stdout + done.stderr).strip()[-800:]}'
        wrong, seen = check_in_browser(Path(folder)/'_docs')
        print(f'site: {seen}', flush=True)
        return wrong


def check_house(*options):
    "Ask scripts/house.py; what it found, or nothing."
    command = [sys.executable, 'scripts/house.py', *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip() if done.returncode else ''


def check_wheel():
    "Ask scripts/wheel.py whether the package works without its repository; what it found."
    command = [sys.executable, 'scripts/wheel.py']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()[-2000:] if done.returncode else ''


def self_starting():
    "Notebooks with a cell that would start the program under test: each is a __main__."
    for path in sorted((ROOT/'nbs').rglob('*.ipynb')):
        for cell in json.loads(path.read_text())['cells']:
            source = ''.join(cell['source'])
            starts = re.search(r"^if __name__ ?==(?!.*'__file__' in globals)", source, re.M)
            if cell['cell_type'] == 'code' and starts:
                yield str(path.relative_to(ROOT))


def chosen_notebooks(only):
    """Names of the notebooks: all, the paper's (`paper`), or those whose number, name or folder
    is given."""
    found = sorted((ROOT/'nbs').rglob('*.ipynb'))
    paths = [p for p in found if not re.search(r'/[._]', f'/{p.relative_to(ROOT)}')]
    def words(path):
        number, _, name = path.stem.partition('_')
        inside = path.parent.relative_to(ROOT/'nbs').parts
        if inside: return {path.stem, name, *inside, '/'.join(inside)}
        return {path.stem, name, number, 'paper'} if name else {path.stem}
    if unknown := set(only) - set().union(*map(words, paths)):
        raise SystemExit(f"no notebook is called {', '.join(sorted(unknown))}; give numbers, names "
                         'or folders, as in 04 losses data pipeline\n0 passed, 1 failed')
    return [p.name for p in paths if not only or words(p) & set(only)]


def environment(cpu, threads):
    "Where notebooks run: the kind of CPU, the threads, and this tree's package."
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    # GOMP_SPINCOUNT: threads that wait for one that a busy core holds up go to sleep soon
    return dict(os.environ, PYTHONPATH=path, OMP_NUM_THREADS=str(threads), PYTHONUNBUFFERED='1',
                GOMP_SPINCOUNT='1000', MPLBACKEND='agg', TOKENIZERS_PARALLELISM='false') | CPUS[cpu]


def check_setting(cpu, threads):
    "Ask torch whether the setting took effect."
    code = 'import torch; print(torch.backends.cpu.get_cpu_capability(), torch.get_num_threads())'
    done = subprocess.run([sys.executable, '-c', code], env=environment(cpu, threads),
                          capture_output=True, text=True)
    said = done.stdout.strip() or done.stderr[-300:]
    print(f'CPU {cpu}, threads {threads}: torch computes with {said}', flush=True)
    kind, count = said.split()[0].lower(), said.split()[-1]
    if (cpu not in ('native', kind)) or count != str(threads):
        raise SystemExit('the setting has no effect on this machine\n0 passed, 1 failed')


def run_notebooks(names, cpu, threads, workers=2):
    "Run nbdev_test; return the names that passed and that failed, printing times as they come."
    listed = '|'.join(map(re.escape, names))
    command = ['nbdev_test', '--n_workers', str(workers), '--do_print', '--file_re',
               f'^({listed})$']
    run = subprocess.Popen(command, cwd=ROOT, env=environment(cpu, threads), stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    began = time.time()
    started = {}
    completed = {}
    failed = set()
    listing = False
    try:
        for line in run.stdout:
            told = EVENT.findall(line)          # two workers write: a line may hold two messages
            for event, name in told:
                if event == 'Starting':
                    started[name] = time.time()
                else:
                    seconds = completed[name] = time.time() - started.get(name, began)
                    print(f'{seconds:6.1f} s  {Path(name).relative_to(ROOT)}', flush=True)
            if told: continue
            if line.startswith(NOTES):
                listing = True
            elif listing and line.startswith('\t'):
                failed.add(line.strip())
            elif found := re.match(r'\w+ in (/.+\.ipynb):$', line):
                failed.add(Path(found[1]).name)
                print(line, end='', flush=True)
            elif line.strip() not in ('', 'Success.') and set(line.strip()) != {'='}:
                print(line, end='', flush=True)
        code = run.wait()
    finally:
        run.kill()
    failed |= set(names) - {Path(n).name for n in completed}    # a worker died under them
    passed = [n for n in completed if Path(n).name not in failed]
    if code and not listing:
        failed.add(f'nbdev_test itself (exit {code})')
    if not passed and not failed:
        failed.add('no notebook ran')
    return passed, sorted(failed)


def check_tree(site=True, wheel=False):
    "Exports, clean notebooks, README, site and wheel; what passed and what failed."
    passed, failed = [], []
    for what, names in check_drift():
        differs = '\n  '.join(['differs, run `make prepare` and commit what it changes:', *names])
        print(f'{what}: {differs if names else "nothing to change"}', flush=True)
        (failed if names else passed).append(what)
    for what, options in (('house', []), ('house checks', ['--self'])):
        wrong = check_house(*options)
        print(f"{what}: {wrong or 'in order'}", flush=True)
        (failed if wrong else passed).append(what)
    if site:
        print('site: ' + ((wrong := check_site()) or 'built'), flush=True)
        (failed if wrong else passed).append('site')
        wrong, seen = check_page()
        print(f'JupyterLab: {wrong or seen}', flush=True)
        (failed if wrong else passed).append('JupyterLab')
    if wheel:
        print('wheel: ' + ((wrong := check_wheel()) or 'works without its repository'), flush=True)
        (failed if wrong else passed).append('wheel')
    return passed, failed


def test(settings, wheel=False):
    "Check the tree, then the notebooks under each (chapters, CPU, threads); close with a count."
    began = time.time()
    if names := list(self_starting()):
        print(f"{', '.join(names)}: the cell with `if __name__ ==` would run here; call main with "
              f"python -c instead, as the Makefile does\n0 passed, {len(names)} failed")
        sys.exit(1)
    passed, failed = check_tree(site=not settings[0][0], wheel=wheel)
    for only, cpu, threads in settings:
        names = chosen_notebooks(only)
        check_setting(cpu, threads)
        apart = [n for n in names if APART.match(n)]
        others = [n for n in names if n not in apart]
        # a worker each for the first
        for some, workers in ((apart, max(2, len(apart))), (others, 2)):
            if not some: continue
            good, bad = run_notebooks(some, cpu, threads, workers)
            passed += good
            failed += [f'{name} (CPU {cpu}, threads {threads})' for name in bad]
    print(f'\n{time.time() - began:.0f} s')
    if failed:
        print('failed: ' + ', '.join(failed))
    print(f'{len(passed)} passed, {len(failed)} failed')
    sys.exit(bool(failed))


@contextmanager
def busy_cores():
    "A process that computes on each core, until we leave or die."
    code = 'import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(100_000))'
    command = [sys.executable, '-c', code]
    # a group of their own, against Ctrl-C; the same session, for Linux shares out time by session
    hogs = [psutil.Popen(command, process_group=0) for _ in range(os.cpu_count())]
    try:
        yield hogs
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def clone_into(folder):
    "Clone the tree with what is not committed yet, and draw its data."
    subprocess.run(['git', 'clone', '-q', ROOT, folder], check=True)
    new = git('ls-files', '-o', '--exclude-standard')
    copy_files(git('diff', 'HEAD', '--name-only') + new, folder)
    subprocess.run(['dvc', 'pull', '-q', 'data.dvc'], cwd=folder, check=True)


def run_copy(name, copy, arguments, variables):
    "Run this script in a copy, its lines as they come under a name; numbers passed and failed."
    line = ''
    command = [sys.executable, 'scripts/test.py', *arguments]
    run = subprocess.Popen(command, cwd=copy, env=os.environ | variables, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    try:
        for line in run.stdout:
            print(f'{name}: {line}', end='', flush=True)
        code = run.wait()
    finally:
        run.terminate()
    found = VERDICT.match(line)
    passed, failed = map(int, found.groups()) if found else (0, 1)
    return passed, failed or int(code != 0)         # an end without a verdict is a failure


def run_hard(cpu, threads, only):
    "Check a copy whose path has a space; numbers passed and failed."
    name, began = f'{cpu}, threads {threads}, busy cores, path with a space', time.time()
    with tempfile.TemporaryDirectory(prefix='smaug hard ') as place:
        copy, temporary = Path(place)/'a clone', Path(place)/'temporary files'
        temporary.mkdir()
        clone_into(copy)
        print(f'\n== {name}: {copy}', flush=True)
        arguments = ['--cpu', cpu, '--threads', str(threads), '--only', *only]
        variables = dict(PYTHONPATH=str(copy), TMPDIR=str(temporary))
        passed, failed = run_copy(cpu, copy, arguments, variables)
    print(f'== {name}: {passed} passed, {failed} failed; {time.time() - began:.0f} s', flush=True)
    return passed, failed


def test_hard(only):
    "Run all hard settings at once, in each other's way and beside a busy process on each core."
    pool = ThreadPoolExecutor(len(HARD))
    try:
        with busy_cores() as hogs:
            running = [pool.submit(run_hard, *setting, only) for setting in HARD]
            found = [run.result() for run in running]
            spent = [sum(hog.cpu_times()[:2]) for hog in hogs if hog.poll() is None]
    finally:
        for child in psutil.Process().children(recursive=True):
            child.terminate()
        pool.shutdown()
    print('busy processes computed', ' and '.join(f'{seconds:.0f} s' for seconds in spent))
    passed, failed = (sum(column) for column in zip(*found))
    failed += len(spent) < len(hogs)                # a core was idle
    print(f'{passed} passed, {failed} failed')
    sys.exit(bool(failed))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--only', nargs='*', default=[], help='as in 04 losses pipeline')
    parser.add_argument('--cpu', choices=CPUS, default='native', help='kind of CPU to play')
    parser.add_argument('--threads', type=int, default=1, help='threads of a notebook')
    parser.add_argument('--ci', action='store_true', help='and the wheel alone, and numbers on '
                        'another kind of CPU')
    parser.add_argument('--hard', action='store_true', help='in settings that strangers have')
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended'))     # leave nothing behind
    if asked.hard:
        test_hard(asked.only)
    second = [(NUMBERS, 'default', 2)] if asked.ci else []
    test([(asked.only, asked.cpu, asked.threads), *second], wheel=asked.ci)


if __name__ == '__main__':
    main()
