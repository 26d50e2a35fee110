"""Check that the package works without its repository: build the wheel, install it where nothing
is but what it requires, run its commands there. `python scripts/wheel.py` says what was wrong."""
import os, shutil, subprocess, sys, tempfile, venv
from importlib.metadata import distribution
from pathlib import Path
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
BUILT_FROM = 'settings.ini', 'setup.py', 'pyproject.toml', 'README.md', 'LICENSE'
# What nobody has who installs the package without its extras.
EXTRAS = 'papermill', 'dvc', 'dvclive', 'nbformat', 'ipykernel', 'jupyterlab', 'nbdev'
# Clips with captions, and a checkpoint of random weights that `load_model` rebuilds.
MAKE = f'''
import csv, smaug, torch
from importlib.util import find_spec
from pathlib import Path
from smaug.corpus.toy import toy_config, toy_files, toy_scenes
from smaug.data.captions import train_tokenizer
from smaug.models.smaug import Smaug
from smaug.training.checkpoints import save_checkpoint

assert 'clone' not in smaug.__file__ and Path(smaug.__file__).with_name('py.typed').is_file()
assert not [name for name in {EXTRAS} if find_spec(name)]
Path('films').mkdir()
clips = toy_files('films', toy_scenes('wheel', 3), [12, 12, 12])
with open('films/captions.csv', 'w', newline='') as file:
    table = csv.writer(file)
    table.writerow(['file', 'caption'])
    table.writerows([Path(clip.media).name, *clip.texts] for clip in clips)
tokenizer = train_tokenizer([text for clip in clips for text in clip.texts], 300)
torch.manual_seed(0)
model = Smaug(toy_config(tokenizer))
save_checkpoint(model, 'model', tokenizer)
again = smaug.load_model('model').state_dict()
assert all(torch.equal(value, again[name]) for name, value in model.state_dict().items())
'''


def requirements_of(name):
    "Installed distributions that a distribution requires, and those that they require."
    todo = [(name, '')]
    found = {}
    for key in todo:                # which grows
        name, extra = key
        found.setdefault(name, distribution(name))
        for need in map(Requirement, found[name].requires or []):
            if need.marker and not need.marker.evaluate({'extra': extra}): continue
            wanted = [(canonicalize_name(need.name), asked) for asked in ('', *need.extras)]
            todo += [key for key in wanted if key not in todo]
    return found


def link(found, place):
    "Show installed distributions to another environment."
    for name, installed in found.items():
        tops = {file.parts[0] for file in installed.files}
        for top in tops - {'..', '__pycache__'}:
            if not (place/top).exists():
                (place/top).symlink_to(Path(installed.locate_file(top)).resolve())


def own_environment(**more):
    "The variables of this process, without those that would show the repository's package."
    ours = 'PYTHONPATH', 'VIRTUAL_ENV', 'XDG_CACHE_HOME'
    return {name: value for name, value in os.environ.items() if name not in ours} | more


def build_wheel(folder):
    "Build from a copy: the tree keeps no trace of it."
    clone = folder/'clone'
    shutil.copytree(ROOT/'smaug', clone/'smaug', ignore=shutil.ignore_patterns('__pycache__'))
    for name in BUILT_FROM:
        shutil.copy2(ROOT/name, clone/name)
    command = [sys.executable, '-m', 'build', '--wheel', '--no-isolation', '--outdir', folder]
    say(command, clone, own_environment())
    return next(folder.glob('*.whl'))


def say(command, cwd, env, code=0):
    "What a command says; that it ends otherwise than expected is an error."
    ended = subprocess.run(list(map(str, command)), cwd=cwd, env=env, text=True, timeout=900,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if ended.returncode != code:
        raise SystemExit(f"{' '.join(map(str, command))[:200]} ended with {ended.returncode}, "
                         f"expected {code}:\n{ended.stdout[-1500:]}")
    return ended.stdout


def install(wheel, place):
    "Install the wheel, and show it what it requires and no more; the folder of its programs."
    venv.create(place, symlinks=True)
    say([sys.executable, '-m', 'pip', '--python', place/'bin'/'python', 'install', '-q',
         '--no-deps', '--no-index', wheel], place, own_environment())
    packages = next(place.glob('lib/python*/site-packages'))
    sys.path.insert(0, str(packages))
    link({name: found for name, found in requirements_of('smaug').items() if name != 'smaug'},
         packages)
    return place/'bin'


def expect(text, *parts):
    "That a program said these words."
    for part in parts:
        if part not in text: raise SystemExit(f'expected {part!r} in:\n{text[-1500:]}')


def main():
    with tempfile.TemporaryDirectory(prefix='smaug-wheel-') as folder:
        folder = Path(folder).resolve()
        programs = install(build_wheel(folder), folder/'environment')
        home = folder/'home'
        home.mkdir()
        env = own_environment(HOME=str(home), OMP_NUM_THREADS='1', MPLBACKEND='agg')
        say([programs/'python', '-c', MAKE], home, env)
        expect(say([programs/'smaug_check', 'custom', 'films', '--workers', '0'], home, env),
               '3 records of 3 files', '3 readable, 0 not')
        query = [programs/'smaug_search', 'films', 'a', 'red', 'ball']
        expect(say([*query, '--checkpoint', 'model'], home, env), 'films: 3 clips', 'figure: ')
        if not [*home.glob('.cache/smaug/search/*/about.json')]:
            raise SystemExit('smaug_search has put its index elsewhere')
        expect(say(query, home, env, code=2), 'no clone of smaug here')
        expect(say([programs/'smaug_run', 'stage.ipynb', 'x'], home, env, code=1),
               'smaug[workbook]')


if __name__ == '__main__':
    main()
