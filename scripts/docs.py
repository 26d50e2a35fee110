"""Build the site from the committed notebooks, outputs included: nbs/*.ipynb → Markdown in _proc/ →
HTML in _docs/. Nothing is executed and nothing is fetched: math becomes MathML, search and styles
are local files."""
import ast, json, re, shutil, subprocess, sys
from pathlib import Path
import nbformat, yaml
from pages import FENCE, admonitions, mathml, notebook_pages, outside_code

ROOT = Path(__file__).resolve().parent.parent
GROUPS = {'': 'The paper', 'tasks': 'Tasks', 'pipeline': 'Pipeline', 'data': 'Data',
          'training': 'Training', 'support': 'Support', 'annex/corpus': 'Annex: corpus',
          'annex/formats': 'Annex: formats', 'annex/commands': 'Annex: commands',
          'annex/options': 'Annex: options', 'annex/ablations': 'Annex: ablations',
          'annex/videomae': 'Annex: VideoMAE', 'annex/lvmae': 'Annex: LVMAE',
          'annex/search': 'Annex: search', 'annex/judges': 'Annex: judges',
          'annex/cost': 'Annex: cost', 'annex/explore': 'Annex: explore',
          'annex/reliability': 'Annex: reliability', 'pipeline/options': 'Pipeline: options',
          'pipeline/videomae': 'Pipeline: VideoMAE', 'pipeline/lvmae': 'Pipeline: LVMAE',
          'pipeline/cost': 'Pipeline: cost', 'pipeline/ablations': 'Pipeline: ablations'}
FIRST = 'index', 'explore'      # pages above the groups
STYLE = '''
.md-grid { max-width: 76rem; }
.math { overflow-x: auto; overflow-y: hidden; padding: .2em 0; margin: .8em 0; }
math { font-size: 1.05em; }
.md-typeset img { background: white; } .md-typeset pre > code { font-size: .76em; }
'''


def folder_of(path):
    return '' if path.parent == ROOT/'nbs' else path.parent.relative_to(ROOT/'nbs').as_posix()


def chapters():
    "Notebooks in reading order: the tour, the page to explore, the paper, then the folders."
    nbs = ROOT/'nbs'
    found = [p for p in nbs.rglob('[0-9]*.ipynb') if '.ipynb_checkpoints' not in p.parts]
    if strange := {folder_of(p) for p in found} - GROUPS.keys():
        raise SystemExit(
            f"notebooks in {', '.join(sorted(strange))}: give the folder a name in GROUPS of "
            "scripts/docs.py")
    rank = list(GROUPS).index
    def place(path): return rank(folder_of(path)), int(re.match(r'\d+', path.name)[0]), path.name
    first = [nbs/f'{name}.ipynb' for name in FIRST]
    return [p for p in (*first, *sorted(found, key=place)) if p.is_file()]


def title_of(path):
    texts = (c.source for c in nbformat.read(path, 4).cells if c.cell_type == 'markdown')
    found = re.search(r'^#\s+(.+)$', next(texts, ''), re.M)
    return found[1].strip() if found else path.stem


def entry_of(path):
    "A page's name in the navigation; the paper's chapters have their number."
    number = re.match(r'\d+(?=_)', path.name)
    numbered = number and not folder_of(path)
    return f'{int(number[0])} · {title_of(path)}' if numbered else title_of(path)


def page_of(path): return '_'.join(path.relative_to(ROOT/'nbs').with_suffix('.md').parts)


def public_names(paths):
    "Public name → page, from cells marked `#| exports`."
    found = {}
    for path in paths:
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == 'code' and re.search(r'^#\| ?exports\b', cell.source, re.M):
                for name in re.findall(r'^(?:def|class) ([A-Za-z]\w*)', cell.source, re.M):
                    found[name] = page_of(path)
    return found


def only_imports(source):
    "Does a cell do nothing but import? A cell of shell commands does not."
    try:
        return all(isinstance(node, (ast.Import, ast.ImportFrom))
                   for node in ast.parse(source).body)
    except SyntaxError:
        return False


def code(flags, source):
    "Public code in full, helpers folded."
    block = f'```python\n{source}\n```'
    if 'exports' in flags:
        names = re.findall(r'^(?:def|class) ([A-Za-z]\w*)', source, re.M)
        return ''.join(f'<span id="{name}"></span>\n' for name in names) + '\n' + block
    if {'export', 'code-fold: true', 'parameters'} & set(flags) or only_imports(source):
        if 'export' in flags:
            what = 'helper' if re.search(r'^(def|class) ', source, re.M) else 'module'
        else:
            what = 'parameters' if 'parameters' in flags else 'notebook'
        what = {'helper': 'code of the helpers', 'module': 'imports and constants',
                'notebook': 'imports and set-up of this page', 'parameters': 'parameters'}[what]
        return f'??? abstract "{what}"\n\n' + '\n'.join(f'    {line}'.rstrip()
                                                        for line in block.split('\n'))
    return '' if source.startswith('default_exp') else block


def dead_links(path):
    "Links of a notebook to notebooks that do not exist."
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type != 'markdown': continue
        prose = ''.join(part for part in FENCE.split(cell.source) if not part.startswith('`'))
        for target in re.findall(r'\]\(([^)#:]+\.ipynb)', prose):
            if not (path.parent/target).is_file():
                yield f'{path.relative_to(ROOT)} links to {target}, which does not exist'


def starred_code(path):
    """Code spans with **bold** in them, which Markdown shows as stars; a power such as `x**2` is no
    bold."""
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type != 'markdown': continue
        text = re.sub(r'```.*?```', '', cell.source, flags=re.S)
        for span in re.findall(r'`([^`\n]+)`', text):
            if re.search(r'\*\*[^\s*][^*]*\*\*', span):
                yield (f'{path.relative_to(ROOT)}: `{span}` would show its stars; take the '
                       'backticks away')


def prose(names, path):
    "Links between pages, doc links on public names, callouts and math."
    here = page_of(path)
    def link(found):
        name = found[1].removesuffix('()')
        elsewhere = names.get(name, here) != here
        return f'[`{found[1]}`]({names[name]}#{name})' if elsewhere else found[0]
    def notebooks(part):
        def page(found): return f']({page_of((path.parent/found[1]).resolve())})'
        part = re.sub(r'\]\(([\w./-]+\.ipynb)(#[^)]*)?\)', page, part)
        part = re.sub(r'\]\((?:\.\./)+images/', '](images/', part)        # pages lie side by side
        # a file of the repository is no page
        return re.sub(r'\[([^\]]+)\]\(\.\./[^)]*\)', r'\1', part)
    def change(text):
        text = re.sub(r'(?<![\[`])`([A-Za-z]\w*(?:\(\))?)`(?![`\]])', link, text)
        return mathml(admonitions(outside_code(text, notebooks)))
    return change


def configuration(paths):
    "mkdocs.yml, which Zensical reads."
    def entries(paths): return [{entry_of(p): page_of(p)} for p in paths]
    nav = entries(p for p in paths if p.stem in FIRST)
    for folder, group in GROUPS.items():
        if inside := entries(p for p in paths if folder_of(p) == folder and p.stem not in FIRST):
            nav.append({group: inside})
    features = ['navigation.sections', 'navigation.footer', 'navigation.top', 'content.code.copy',
                'toc.follow', 'search.highlight']
    return dict(site_name='smaug',
                site_description='SMAUG as a notebook-first, reproducible workbook',
                docs_dir='pages', site_dir='site', use_directory_urls=False, nav=nav,
                extra_css=['style.css'], plugins=['search', 'offline'],
                theme=dict(name='material', font=False, features=features,
                           palette=[dict(scheme='default',
                                         toggle=dict(icon='lucide/moon', name='dark')),
                                    dict(scheme='slate',
                                         toggle=dict(icon='lucide/sun', name='light'))]),
                markdown_extensions=['admonition', 'attr_list', 'md_in_html', 'tables',
                                     'pymdownx.details', 'pymdownx.superfences',
                                     {'pymdownx.highlight': dict(anchor_linenums=False)},
                                     {'toc': dict(permalink=True)}])


WORKER = """// a browser starts no worker from a file: give it the text
if (location.protocol == 'file:') {
  const text = %s;
  const Plain = window.Worker;
  window.Worker = function () {
    return new Plain(URL.createObjectURL(new Blob([text], {type: 'text/javascript'})));
  };
}
"""


def search_from_files(site):
    """Let search work on pages opened from the file system: the theme's way asks a host for a
    script."""
    workers = list((site/'assets/javascripts/workers').glob('search*.js'))
    if len(workers) != 1:
        raise SystemExit(
            f'{len(workers)} search workers in the built site, expected one: see search_from_files')
    (site/'search_worker.js').write_text(WORKER % json.dumps(workers[0].read_text()))
    for page in site.glob('*.html'):
        text = re.sub(r'<script src="?https?://[^>]*></script>', '', page.read_text())
        changed = re.sub(r'(<script src="?[^">]*bundle)',
                         r'<script src="./search_worker.js"></script>\1', text, count=1)
        if changed == text: raise SystemExit(f'{page.name} loads no bundle: see search_from_files')
        page.write_text(changed)


def main():
    work = ROOT/'_proc'
    shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(ROOT/'_docs', ignore_errors=True)
    pages = work/'pages'
    pages.mkdir(parents=True)
    paths = chapters()
    if not paths: raise SystemExit('no notebooks in nbs/')
    if dead := [link for path in paths for link in dead_links(path)]:
        raise SystemExit('\n'.join(dead))
    if starred := [found for path in paths for found in starred_code(path)]:
        raise SystemExit('\n'.join(starred))
    names = public_names(paths)
    for path in paths:
        try:
            text = notebook_pages(path, pages/'images', 'images/', prose(names, path), code,
                                  page_of(path)[:-3])
        except ValueError as error:
            raise SystemExit(f'{path.relative_to(ROOT)}: {error}')
        (pages/page_of(path)).write_text(text)
    if (ROOT/'nbs/images').is_dir():
        shutil.copytree(ROOT/'nbs/images', pages/'images', dirs_exist_ok=True)
    (pages/'style.css').write_text(STYLE)
    (work/'mkdocs.yml').write_text(yaml.safe_dump(configuration(paths), sort_keys=False,
                                                  allow_unicode=True))
    done = subprocess.run(['zensical', 'build', '--strict', '--clean', '-f',
                           str(work/'mkdocs.yml')], cwd=work, capture_output=True, text=True)
    said = re.sub(r'\x1b\[[0-9;]*m', '', done.stdout + done.stderr).split('Traceback')[0].strip()
    print('\n'.join(line if len(line) < 200 else line[:200] + ' …' for line in said.split('\n')))
    if done.returncode:
        sys.exit(done.returncode)
    search_from_files(work/'site')
    shutil.move(work/'site', ROOT/'_docs')
    has_index = (ROOT/'nbs/index.ipynb').is_file()
    first = 'index' if has_index else page_of(paths[0]).removesuffix('.md')
    print(f'{len(paths)} pages: open _docs/{first}.html')


if __name__ == '__main__':
    main()
