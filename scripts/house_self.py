"""Do the checks of house.py find what they are for? Each fault is planted alone in a small tree
that has none, and must be the only one that is reported, with its file and what to do.
`python scripts/house.py --self` runs this; exit 1 if a check is blind."""
import json
import sys
import tempfile
from pathlib import Path
from house import CELL, DENSE, LENGTH, WIDTH, dense_places, faults_of

CORE = '''
def patch(function):
    setattr(function.__annotations__['self'], function.__name__, function)
    return function
'''
NET = '''
from ..core import patch
class Base:
    def __init__(self): self.width = 3
class Net(Base):
    depth:int = 2
    def __init__(self):
        super().__init__()
        self.kept = []
    def size(self): return self.width*self.depth + len(self.kept) + self.more()
@patch
def more(self:Net): return self.size
'''
READ = '''
from ..core import patch
def read(): return patch
'''
MORE = '''
from ..models.net import Net
class More(Net): pass
'''
MAP = '''## From the paper to the code

| in the paper | functions |
|---|---|
| eq. 1–12, Tables 1–13, Figures 2–7 | `models.net.Net` `data.read.read` |
'''
MAIN = '''stages:
  prepare:
    cmd: smaug_run nbs/pipeline/1_prepare.ipynb prepare
    deps:
      - nbs/pipeline/1_prepare.ipynb
      - smaug/core.py
      - smaug/data
      - data
    outs:
      - out/prepared:
          persist: true
  train:
    foreach: [a, b]
    do:
      cmd: smaug_run nbs/pipeline/2_train.ipynb ${item}
      deps:
        - nbs/pipeline/2_train.ipynb
        - smaug/core.py
        - smaug/models
        - out/prepared
'''
MORE_STAGES = '''stages:
  train:
    cmd: smaug_run ../nbs/pipeline/2_train.ipynb train
    deps:
      - ../nbs/pipeline/2_train.ipynb
      - ../smaug/core.py
      - ../smaug/models
'''


def notebook(text, *sources):
    "The file of a notebook with one text cell and some code cells."
    cells = [dict(cell_type='markdown', source=[text])]
    cells += [dict(cell_type='code', source=[source]) for source in sources]
    return json.dumps(dict(cells=cells))


def titled(*sources, more=''):
    "A notebook in order."
    return notebook('# Title\n\n> What it is about\n' + more, *sources)


def with_parameters():
    "The file of a notebook that takes `steps`."
    told = json.loads(titled('from smaug.models.net import Net', 'steps = 3'))
    told['cells'][-1]['metadata'] = dict(tags=['parameters'])
    return json.dumps(told)


PARAMETERS = with_parameters()
TREE = {    # a house in order: path → text
    'smaug/__init__.py': '', 'smaug/core.py': CORE,
    'smaug/data/__init__.py': '', 'smaug/data/read.py': READ,
    'smaug/models/__init__.py': '', 'smaug/models/net.py': NET,
    'smaug/options/__init__.py': '', 'smaug/options/more.py': MORE,
    'nbs/index.ipynb': titled(more=MAP),
    'nbs/00_core.ipynb': titled('%time 1\nx = [i for i in range(3)]', more='## Terms: what?\n'),
    'nbs/pipeline/1_prepare.ipynb': titled('from smaug.data.read import read'),
    'nbs/pipeline/2_train.ipynb': titled('from smaug.models.net import Net'),
    'dvc.yaml': MAIN, 'more/dvc.yaml': MORE_STAGES, 'scripts/ok.py': 'a, b = 1, 2\n'}
# What is planted → the files that it changes, and words of the one sentence that must come.
FAULTS = {
    'the core imports an annex': (
        {'smaug/models/net.py': NET + 'def late(): from ..options.more import More\n'},
        ['smaug/models/net.py', 'smaug.options.more', 'use a hook']),
    'a layer imports a later one': (
        {'smaug/data/read.py': READ + 'def late(): from ..models.net import Net\n'},
        ['smaug/data/read.py', 'smaug.models.net', 'later layer', 'move']),
    'a private name is imported': (
        {'smaug/options/more.py': MORE + 'from ..models.net import _lost\n'},
        ['smaug/options/more.py', '_lost of smaug.models.net', 'public name', 'move it']),
    'a test cell imports a private name': (
        {'nbs/00_core.ipynb': titled('#| default_exp core', 'from smaug.data.read import _lost')},
        ['nbs/00_core.ipynb', '_lost of smaug.data.read', 'public name', 'move it']),
    'a class is patched from another room': (
        {'smaug/options/more.py': MORE + 'from ..core import patch\n@patch\ndef f(self:Net): 0\n'},
        ['smaug/options/more.py', 'patches f into Net', 'move it or subclass']),
    'self.x is defined nowhere': (
        {'smaug/models/net.py': NET + '@patch\ndef lost(self:Net): return self.gone\n'},
        ['smaug/models/net.py', 'Net uses self.gone', 'define it']),
    'a module is too long': (
        {'smaug/core.py': CORE + '\n'*LENGTH},
        ['smaug/core.py', f'at most {LENGTH}', 'split']),
    'an exported cell is too long': (
        {'nbs/00_core.ipynb': titled('#| exports\n' + 'x = 1\n'*(CELL - 1) + 'x = 2')},
        ['nbs/00_core.ipynb cell 1', f'at most {CELL}', 'split it']),
    'a notebook has no title': (
        {'nbs/00_core.ipynb': notebook('Once upon a time')},
        ['nbs/00_core.ipynb', '# Title', 'write them']),
    'a notebook has no subtitle': (
        {'nbs/00_core.ipynb': notebook('# Title\n\nOnce upon a time')},
        ['nbs/00_core.ipynb', '> subtitle', 'write them']),
    'a heading asks without its term': (
        {'nbs/00_core.ipynb': titled(more='## What is it?\n')},
        ['nbs/00_core.ipynb cell 0', 'What is it?', 'write "Term: question?"']),
    'the map names what a module lacks': (
        {'nbs/index.ipynb': titled(more=MAP.replace('net.Net', 'net.Gone'))},
        ['nbs/index.ipynb', 'models.net.Gone', 'correct it']),
    'the map names a module that is gone': (
        {'nbs/index.ipynb': titled(more=MAP.replace('net.Net', 'gone.Net'))},
        ['nbs/index.ipynb', 'models.gone.Net', 'correct it']),
    'the map leaves out an equation': (
        {'nbs/index.ipynb': titled(more=MAP.replace('1–12', '1–11'))},
        ['nbs/index.ipynb', 'eq. 12', 'add a row']),
    'a stage lacks a dep': (
        {'dvc.yaml': MAIN.replace('      - smaug/data\n', '')},
        ['dvc.yaml', 'stage prepare lacks', 'smaug/data', '--deps']),
    'a stage in a loop lacks a dep': (
        {'dvc.yaml': MAIN.replace('        - smaug/models\n', '')},
        ['dvc.yaml', 'stage train lacks', 'smaug/models', '--deps']),
    'a stage has a dep too many': (
        {'more/dvc.yaml': MORE_STAGES + '      - ../smaug/data\n'},
        ['more/dvc.yaml', 'needs no', '../smaug/data', '--deps']),
    'a parameter has no key': (
        {'more/params.yaml': 'base: {}\ntrain: {}\n', 'nbs/pipeline/2_train.ipynb': PARAMETERS},
        ['more/params.yaml', 'train lacks steps', '-S']),
    'a data stage depends on a model': (
        {'dvc.yaml': MAIN.replace('smaug/data\n', 'smaug/data\n      - smaug/models\n'),
         'nbs/pipeline/1_prepare.ipynb': titled('from smaug.data.read import read\n'
                                                'from smaug.models.net import Net')},
        ['dvc.yaml', 'prepare', 'smaug/models', 'move what it needs']),
    'prepared data may be deleted': (
        {'dvc.yaml': MAIN.replace('prepared:\n          persist: true', 'prepared')},
        ['dvc.yaml', 'prepare', 'out/prepared', 'add persist: true'])}
# A kind of dense place → codes that each hold one.
PLACES = {
    f'over {WIDTH} columns': ["x = '" + 'x'*WIDTH + "'"],
    'nested comprehension': ['x = [[i for i in range(j)] for j in range(3)]',
                             'x = {k: sum(i for i in v) for k, v in y.items()}',
                             'x = [i for a in y for b in a for i in b]'],
    'tuple assignment of more than two': ['a, b, c = 1, 2, 3'],
    'two statements a line': ['a = 1; b = 2', 'def f(): a = 1; return a'],
    'one-line if that is no guard': ['if x: y = 1']}
FINE = ['a, b, c = f()', 'if x: raise ValueError(x)', 'x = [i for a in y for i in a]', "x = 'a; b'",
        'for x in y:\n    if not x: continue', "x = '" + 'x'*(WIDTH - 6) + "'"]


def planted(changes, ask):
    "What `ask` reports of the tree with some files changed."
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for name, text in (TREE | changes).items():
            (root/name).parent.mkdir(parents=True, exist_ok=True)
            (root/name).write_text(text)
        return list(ask(root))


def blind_checks():
    "A sentence for everything that is not found, or found wrongly."
    if found := planted({}, faults_of):
        yield f'a tree in order has faults: {found}'
    for what, (changes, words) in FAULTS.items():
        found = planted(changes, faults_of)
        if len(found) != 1 or not all(word in found[0] for word in words):
            yield f'{what}: expected one fault with {words}, found {found}'


def blind_to_density():
    "The same for dense places, in notebooks and in scripts."
    for kind in DENSE.keys() - PLACES.keys():
        yield f'{kind}: no code tests it'
    codes = [(code, [kind]) for kind, codes in PLACES.items() for code in codes]
    for code, kinds in [*codes, *((code, []) for code in FINE)]:
        places = {'nbs/00_core.ipynb:cell 1, line 2': titled('%time 1\n' + code),
                  'scripts/bad.py:2': 'import os\n' + code}
        for where, text in places.items():
            found = planted({where.split(':')[0]: text}, dense_places)
            if found != [(kind, where) for kind in kinds]:
                yield f'{code!r}: expected {kinds or "nothing"} at {where}, found {found}'


def main():
    wrong = [*blind_checks(), *blind_to_density()]
    print('\n'.join(wrong) or f'{len(FAULTS)} faults and {sum(map(len, PLACES.values()))} dense '
          f'places planted, each found; {len(FINE)} fine lines, none reported')
    sys.exit(bool(wrong))
