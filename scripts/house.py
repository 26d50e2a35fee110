"""Check the house: layers, whole classes, lines, titles, headings, the paper map and the stages'
deps. `python scripts/house.py` prints a line per fault and counts, -v every dense line too; --deps
writes the stages' deps; --self plants each fault in a small tree and asks whether it is found.
Exit 1 if there is a fault."""
import ast
import importlib
import inspect
import json
import re
import shlex
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYERS = {'core': 0, 'files': 0, 'lean': 0, 'warm': 0, 'charts': 0, 'plots': 0, 'data': 1,
          'models': 2, 'training': 3, 'tasks': 4}
WIDTH = 100         # columns
LENGTH = 400        # lines of a module
CELL = 60           # lines of an exported cell
RELATIVES = {'lvmae', 'videomae'}   # their sections leave what is as in the notebook
GUARDS = (ast.Raise, ast.Return, ast.Continue, ast.Break)
GIVEN = {'training'}      # what nn.Module sets on every module
LOOPS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
DENSE = {f'over {WIDTH} columns': 'wrap it or shorten it',       # kind → what to do about it
         'nested comprehension': 'name the inner one, or write a loop',
         'tuple assignment of more than two': 'write one assignment a line',
         'two statements a line': 'write one a line',
         'one-line if that is no guard': 'give its body a line of its own'}


def modules(root=ROOT):
    "Name → file of every exported module."
    found = {}
    for path in sorted((root/'smaug').rglob('*.py')):
        if path.stem.startswith('_'): continue
        found['.'.join(path.relative_to(root/'smaug').with_suffix('').parts)] = path
    return found


def notebooks(root=ROOT):
    "Every notebook, without the copies that JupyterLab keeps."
    return [p for p in sorted((root/'nbs').rglob('*.ipynb')) if '.ipynb_checkpoints' not in p.parts]


def cells(path, kind):
    "(number, source) of a notebook's cells of a kind."
    for number, cell in enumerate(json.loads(path.read_text())['cells']):
        if cell['cell_type'] == kind:
            yield number, ''.join(cell['source'])


def room(name, root=ROOT):
    "Import the module smaug.`name` of a tree, and of no other."
    loaded = getattr(sys.modules.get('smaug'), '__path__', [])
    if loaded and Path(loaded[0]).resolve() != (root/'smaug').resolve():
        for other in [m for m in sys.modules if m.split('.')[0] == 'smaug']:
            del sys.modules[other]
    if sys.path[0] != str(root):
        sys.path.insert(0, str(root))
        importlib.invalidate_caches()
    return importlib.import_module(f'smaug.{name}')


def imports_of(source, name):
    "Rooms that the module `name` imports, anywhere in it, relative imports resolved."
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ImportFrom): continue
        if node.level:
            above = name.split('.')[:-node.level]
            yield '.'.join([*above, node.module] if node.module else above)
        elif (node.module or '').startswith('smaug.'):
            yield node.module.removeprefix('smaug.')


def wrong_layers(root=ROOT):
    "Imports that lead from the core up, or to an annex."
    for name, path in modules(root).items():
        own = LAYERS.get(name.split('.')[0])
        if own is None: continue
        for other in sorted(set(imports_of(path.read_text(), name))):
            layer = LAYERS.get(other.split('.')[0])
            if layer is None:
                yield (f'{path.relative_to(root)} imports the annex or pipeline room '
                       f'smaug.{other}; use a hook')
            elif layer > own:
                yield (f'{path.relative_to(root)} imports smaug.{other}, which is a later layer; '
                       'move what is needed down, or use a hook')


def parsed(source):
    "The tree of a cell without its magics; of one that is no Python, an empty one."
    try:
        return ast.parse(re.sub(r'^(\s*)[%!].*$', r'\1pass', source, flags=re.M))
    except SyntaxError:
        return ast.parse('')


def _private_names(tree, name):
    "(room, name) for every private name that the room `name` imports from another."
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom): continue
        private = [a.name for a in node.names if re.match('_[^_]', a.name)]
        for other in imports_of(ast.unparse(node), name):
            if other != name:
                yield from ((other, found) for found in private)


def private_imports(root=ROOT):
    "Private names that a module, or a cell that is not exported, imports from another room."
    places = [(path, name, path.read_text()) for name, path in modules(root).items()]
    for path in notebooks(root):
        sources = [source for _, source in cells(path, 'code')]
        own = re.search(r'#\| default_exp (\S+)', '\n'.join(sources))
        tests = [s for s in sources if 'from smaug' in s and '#| export' not in s]
        places += [(path, own[1] if own else '', s) for s in tests]
    for path, name, source in places:
        for other, found in _private_names(parsed(source), name):
            yield (f'{path.relative_to(root)} imports the private {found} of smaug.{other}; '
                   'give it a public name and a docstring there, or move it')


def foreign_patches(root=ROOT):
    "Methods that one room patches into another's class."
    for path in modules(root).values():
        tree = ast.parse(path.read_text())
        own = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef): continue
            marks = {getattr(d.func if isinstance(d, ast.Call) else d, 'id', '')
                     for d in node.decorator_list}
            if 'patch' not in marks or not node.args.args: continue
            target = ast.unparse(node.args.args[0].annotation)
            if target not in own:
                yield (f'{path.relative_to(root)} patches {node.name} into {target} of another '
                       'room; move it or subclass')


def _selves(function):
    "Names used as self.name in a function: read, and written."
    read, written = set(), set()
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and getattr(node.value, 'id', '') == 'self':
            (read if isinstance(node.ctx, ast.Load) else written).add(node.attr)
    return read, written


def _set_in(cls):
    "Names that a class of ours sets on itself."
    if not cls.__module__.startswith('smaug.'): return set()
    tree = ast.parse(inspect.getsource(cls))
    return set().union(*(_selves(n)[1] for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)))


def _patched(tree):
    "Class name → the functions of a module whose first parameter is annotated with it."
    found = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or not node.args.args: continue
        if node.args.args[0].annotation:
            found.setdefault(ast.unparse(node.args.args[0].annotation), []).append(node)
    return found


def _undefined(node, patched, cls):
    "Names that a class reads from self and that nothing sets."
    parts = [n for n in node.body if isinstance(n, ast.FunctionDef)] + patched
    used = [_selves(part) for part in parts]
    read, written = (set().union(*sets) for sets in zip((set(), set()), *used))
    buffers = set(re.findall(r"register_(?:buffer|parameter)\('(\w+)'", ast.unparse(node)))
    fields = {n.target.id for n in node.body if isinstance(n, ast.AnnAssign)}
    given = GIVEN if hasattr(cls, 'named_parameters') else set()
    inherited = set().union(*(_set_in(base) for base in cls.__mro__[1:]))
    unknown = read - written - buffers - fields - given - inherited - set(dir(cls))
    return sorted(name for name in unknown if not name.startswith('__'))


def missing_methods(root=ROOT):
    "self.x that no part of the class, nor what it inherits, defines: it must come from elsewhere."
    for name, path in modules(root).items():
        if name.split('.')[0] not in LAYERS: continue
        tree = ast.parse(path.read_text())
        module, patched = room(name, root), _patched(tree)
        for node in tree.body:
            if not isinstance(node, ast.ClassDef): continue
            parts = patched.get(node.name, [])
            for attribute in _undefined(node, parts, getattr(module, node.name)):
                yield (f'{path.relative_to(root)}: {node.name} uses self.{attribute}, which is '
                       'defined nowhere in its room; define it there')


def _nested(node):
    "Is there a comprehension inside this one's element or sources?"
    inner = [n for n in ast.walk(node) if isinstance(n, LOOPS) and n is not node]
    return bool(inner) or len(node.generators) > 2


def density(source):
    "Yield (kind, line) for every breach of the rules of a line."
    for number, line in enumerate(source.split('\n'), 1):
        if len(line) > WIDTH:
            yield f'over {WIDTH} columns', number
    starts = Counter()
    for node in ast.walk(parsed(source)):
        for block in ('body', 'orelse', 'finalbody'):
            inside = getattr(node, block, None)
            for statement in inside if isinstance(inside, list) else []:
                if isinstance(statement, ast.stmt):
                    starts[statement.lineno] += 1
        if isinstance(node, ast.If) and node.body[0].lineno == node.lineno:
            if not isinstance(node.body[-1], GUARDS):
                yield 'one-line if that is no guard', node.lineno
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            if len(node.targets[0].elts) > 2 and isinstance(node.value, ast.Tuple):
                yield 'tuple assignment of more than two', node.lineno
        if isinstance(node, LOOPS) and _nested(node):
            yield 'nested comprehension', node.lineno
    text = source.split('\n')
    for number, count in starts.items():
        if count > 1 and ';' in text[number - 1]:
            yield 'two statements a line', number


def dense_places(root=ROOT):
    "(kind, where) for the notebooks, from which the package is exported, and for the scripts."
    for path in sorted((root/'scripts').glob('*.py')):
        for kind, line in density(path.read_text()):
            yield kind, f'{path.relative_to(root)}:{line}'
    for path in notebooks(root):
        for number, source in cells(path, 'code'):
            for kind, line in density(source):
                yield kind, f'{path.relative_to(root)}:cell {number}, line {line}'


def long_modules(root=ROOT):
    "Modules that are too long to hold one idea."
    for path in modules(root).values():
        lines = path.read_text().count('\n')
        if lines > LENGTH:
            yield (f'{path.relative_to(root)} has {lines} lines, at most {LENGTH}; '
                   'split the idea or cut')


def long_cells(root=ROOT):
    "Exported cells that do not fit on a screen."
    for path in notebooks(root):
        for number, source in cells(path, 'code'):
            lines = source.count('\n') + 1
            if source.startswith('#| export') and lines > CELL:
                yield (f'{path.relative_to(root)} cell {number} has {lines} lines, at most {CELL}; '
                       'split it or name a part of it')


def plain_headings(root=ROOT):
    "Notebooks without title or subtitle, and headings that ask without naming their term."
    for path in notebooks(root):
        where = path.relative_to(root)
        texts = list(cells(path, 'markdown'))
        if not texts or not re.match(r'# .+\n\n> .+', texts[0][1]):
            yield f'{where} begins without "# Title" and "> subtitle"; write them first'
        for number, text in texts:
            text = re.sub(r'```.*?```', '', text, flags=re.S)
            for heading in re.findall(r'^#{2,4} (.+)$', text, re.M):
                if heading.rstrip().endswith('?') and ':' not in heading:
                    yield (f'{where} cell {number}: "{heading}" asks without its term; '
                           'write "Term: question?"')


def wrong_map(root=ROOT):
    "Names of the paper map that do not exist, and tables and figures that it leaves out."
    text = '\n'.join(source for _, source in cells(root/'nbs/index.ipynb', 'markdown'))
    table = text[text.find('## From the paper'):]
    for name in re.findall(r'`([a-z_.0-9]+\.\w+)`', table):
        module, attribute = name.rsplit('.', 1)
        try:
            found = hasattr(room(module, root), attribute)
        except ModuleNotFoundError:
            found = False
        if not found:
            yield f'nbs/index.ipynb: the paper map names {name}, which does not exist; correct it'
    named = set()
    for kind, first, last in re.findall(r'(Table|Figure|eq\.)s? (\d+)(?:–(\d+))?', table):
        named |= {(kind, number) for number in range(int(first), int(last or first) + 1)}
    for first, second in re.findall(r'Tables \d+–\d+, (\d+)(?: and (\d+))?', table):
        named |= {('Table', int(number)) for number in (first, second) if number}
    for kind, last in (('eq.', 12), ('Table', 13), ('Figure', 7)):
        for number in range(1, last + 1):
            if (kind, number) not in named and (kind, number) != ('Figure', 1):
                yield f'nbs/index.ipynb: the paper map leaves out {kind} {number}; add a row'


def _imports_at_top(path, name):
    "Modules that a module imports at its top; one inside a function is a smoke run's."
    tree = ast.parse(path.read_text())
    top = '\n'.join(ast.unparse(n) for n in tree.body if isinstance(n, ast.ImportFrom))
    return set(imports_of(top, name))


def closure(names, known):
    "Modules that are reached from some by imports at the top."
    found, todo = set(), {name for name in names if name in known}
    while todo:
        name = todo.pop()
        found.add(name)
        todo |= (_imports_at_top(known[name], name) & known.keys()) - found
    return found


def notebook_imports(path):
    "Modules of the package that a notebook imports."
    found = set()
    for _, source in cells(path, 'code'):
        found |= set(re.findall(r'^\s*from smaug\.([\w.]+) import', source, re.M))
    return found


def stage_code(notebook, root=ROOT):
    """What a stage depends on: its notebook, and the rooms and folders of the package that it
    reaches."""
    known = modules(root)
    reached = closure(notebook_imports(root/notebook), known)
    rooms = {'smaug/' + (name.split('.')[0] if '.' in name else f'{name}.py') for name in reached}
    return [notebook, *sorted(rooms)]


def pipelines(root=ROOT):
    "The pipeline files, each with what it holds."
    from ruamel.yaml import YAML
    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    for path in sorted(root.glob('**/dvc.yaml')):
        inside = path.relative_to(root).parts
        if inside[0] in ('out', '.venv', '.dvc') or 'out' in inside: continue
        yield path, yaml, yaml.load(path.read_text())


def wrong_deps(root=ROOT, write=False):
    "Stages whose deps are not what their notebooks import; with `write` they are made so."
    for path, yaml, told in pipelines(root):
        changed = False
        for name, stage in told['stages'].items():
            stage = stage.get('do', stage)
            command = stage['cmd'] if isinstance(stage['cmd'], str) else stage['cmd'][-1]
            words = shlex.split(str(command))
            if 'smaug_run' not in words: continue       # alone, or behind a launcher
            here = (path.parent/stage.get('wdir', '.')).resolve()
            up = '../'*len(here.relative_to(root.resolve()).parts)
            notebook = words[words.index('smaug_run') + 1]
            notebook = str((here/notebook).resolve().relative_to(root.resolve()))
            wanted = [up + dep for dep in stage_code(notebook, root)]
            named = [dep for dep in stage['deps'] if re.search(r'(^|/)smaug/|\.ipynb$', dep)]
            if sorted(named) == sorted(wanted): continue
            changed = True
            stage['deps'][:] = wanted + [dep for dep in stage['deps'] if dep not in named]
            if not write:
                yield (f'{path.relative_to(root)}: stage {name} lacks '
                       f'{sorted(set(wanted) - set(named))}, '
                       f'needs no {sorted(set(named) - set(wanted))}; run python '
                       'scripts/house.py --deps')
        if changed and write:
            yaml.dump(told, path)


def models_under_data(root=ROOT):
    "Data stages that a change in a model would repeat, and prepared data that DVC would delete."
    for path, _, told in pipelines(root):
        for name, stage in told['stages'].items():
            stage = stage.get('do', stage)
            outs = [out for out in stage.get('outs', []) if 'prepared' in str(out)]
            if not outs or 'prepare' not in str(stage['cmd']): continue
            for out in outs:
                kept = not isinstance(out, str) and next(iter(out.values())).get('persist')
                if not kept:
                    yield f'{path.relative_to(root)}: {name} does not keep {out}; add persist: true'
            for dep in stage['deps']:
                if re.search(r'smaug/(models|training|tasks|options|videomae/model|lvmae)', dep):
                    yield (f'{path.relative_to(root)}: {name} prepares data and depends on {dep}; '
                           'move what it needs to smaug/data')


def _parameters(notebook):
    "Names that a notebook's cell of parameters assigns."
    for cell in json.loads(notebook.read_text())['cells']:
        if 'parameters' in cell.get('metadata', {}).get('tags', []):
            body = ast.parse(''.join(cell['source'])).body
            return [node.targets[0].id for node in body]
    return []


def missing_keys(root=ROOT):
    "Parameters of a stage that its section does not name: `-S` sets only what is there."
    for path, yaml, told in pipelines(root):
        for name, stage in told['stages'].items():
            words = shlex.split(str(stage.get('cmd', '')))
            if 'smaug_run' not in words or path.relative_to(root).parts[0] in RELATIVES: continue
            notebook, section, *rest = words[words.index('smaug_run') + 1:]
            here = path.parent/stage.get('wdir', '.')
            params = here/(rest[1] if rest[:1] == ['--params'] else 'params.yaml')
            if not params.exists(): continue
            values = yaml.load(params.read_text())
            known = {*values['base'], *values.get(section, {}), 'name', 'model'}
            lacking = [key for key in _parameters(here/notebook) if key not in known]
            if lacking:
                yield (f'{params.resolve().relative_to(root.resolve())}: {section} lacks '
                       f"{', '.join(lacking)} of {Path(notebook).name}; write them, so that "
                       '`dvc exp run -S` can set them')


CHECKS = (wrong_layers, private_imports, foreign_patches, missing_methods, long_modules,
          long_cells, plain_headings, wrong_map, wrong_deps, models_under_data, missing_keys)


def faults_of(root=ROOT):
    "A sentence for every fault of a tree."
    return [fault for check in CHECKS for fault in check(root)]


def main():
    if '--self' in sys.argv:
        from house_self import main as check_self       # here: it imports this module
        return check_self()
    if '--deps' in sys.argv:
        list(wrong_deps(write=True))
        return
    faults = faults_of()
    dense = list(dense_places())
    if '-v' in sys.argv:
        for kind, where in dense:
            print(f'{kind}: {where}')
    for fault in faults:
        print(fault)
    for kind, count in Counter(kind for kind, _ in dense).most_common():
        print(f'{count:6}  {kind}: {DENSE[kind]}')
    print(f'{len(modules())} modules, {len(notebooks())} notebooks, {len(faults)} faults, '
          f'{len(dense)} dense places')
    sys.exit(bool(faults or dense))


if __name__ == '__main__':
    main()
