"Turn a notebook into Markdown: what the site (docs.py) and the README (readme.py) share."
import base64, re
from pathlib import Path
import nbformat
from latex2mathml.converter import convert

CALLOUT = re.compile(r'^::: *\{\.callout-(\w+)[^}]*\}\n(?:#+ *([^\n]+)\n)?(.*?)^:::[ \t]*$',
                     re.S | re.M)
FENCE = re.compile(r'(```.*?```|`[^`\n]+`)', re.S)
MATH = re.compile(r'\$\$(.+?)\$\$|(?<![\\$])\$(?! )([^$\n]+?)(?<! )\$(?!\d)', re.S)


def outside_code(text, change):
    "Apply a change to the parts of a Markdown text that are not code."
    return ''.join(part if part.startswith('`') else change(part) for part in FENCE.split(text))


def mathml(text):
    "Typeset $…$ and $$…$$ as MathML, which browsers draw without any script."
    def one(found):
        block = found[1] is not None
        tex = re.sub(r'\\operatorname\*?\{', r'\\mathrm{', (found[1] or found[2]).strip())
        tex = re.sub(r'\\arg(?![a-zA-Z])', r'\\mathrm{arg}\\,', tex)
        tex = re.sub(r'\\[bB]ig+[lr]?\s*\\([lr]angle)', r'\\\1', tex)
        tex = re.sub(r'(begin|end)\{(aligned|split)\}', r'\1{align*}', tex)
        drawn = convert(tex, display='block' if block else 'inline')
        if '\\' in drawn:
            raise ValueError(
                f"cannot typeset {tex!r}: {re.findall(chr(92)*2 + r'[a-zA-Z]*', drawn)}")
        # no Markdown inside
        drawn = drawn.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', '')
        drawn = drawn.replace('*', '&#42;').replace('_', '&#95;')
        if block: return f'\n\n<div class="math">{drawn}</div>\n\n'
        # At the start of a line Markdown takes <math> for a block: a space of no width goes first.
        starts = found.string[:found.start()].rpartition('\n')[2].strip() == ''
        return '&#8203;'*starts + drawn
    return outside_code(text, lambda part: MATH.sub(one, part))


def admonitions(text):
    "Callouts as the site draws them."
    def one(found):
        body = '\n'.join(f'    {line}'.rstrip() for line in found[3].strip().split('\n'))
        return f'!!! {found[1]} "{(found[2] or found[1]).strip()}"\n\n{body}\n'
    return CALLOUT.sub(one, text)


def quotes(text):
    "Callouts as plain Markdown draws them."
    return CALLOUT.sub(lambda m: f'> **{(m[2] or m[1]).strip()}.** '
                       + m[3].strip().replace('\n', '\n> ').replace('> \n', '>\n') + '\n', text)


def directives(source):
    "Split a cell into its `#|` directives and the rest."
    lines = source.split('\n')
    found = [re.sub(r'^#\|\s*', '', line).strip() for line in lines if line.startswith('#|')]
    return found, '\n'.join(line for line in lines if not line.startswith('#|')).strip('\n')


def figures_of(output, folder, name):
    "Save an output's picture; return its file name."
    data = output.get('data', {})
    for mime, ending in (('image/png', 'png'), ('image/jpeg', 'jpg'), ('image/svg+xml', 'svg')):
        if mime not in data: continue
        folder.mkdir(parents=True, exist_ok=True)
        content = data[mime].encode() if ending == 'svg' else base64.b64decode(data[mime])
        (folder/f'{name}.{ending}').write_bytes(content)
        return f'{name}.{ending}'


def alt_text(source):
    "A picture's description: the title or caption in the code that drew it."
    texts = re.findall(r"""'([^'\n]{12,})'|"([^"\n]{12,})\"""", source)
    best = max((a or b for a, b in texts), key=len, default='figure')
    return re.sub(r'[\[\]{}]', '', best)


def outputs(cell, source, folder, prefix, name):
    "Markdown of a code cell's outputs."
    for k, output in enumerate(cell.outputs):
        data = output.get('data', {})
        if picture := figures_of(output, folder, f'{name}-{k}' if k else name):
            yield f'![{alt_text(source)}]({prefix}{picture})'
        elif 'text/markdown' in data:
            yield data['text/markdown']
        elif output.output_type == 'stream' and output.name == 'stdout' and output.text.strip():
            yield f'```text\n{output.text.rstrip()}\n```'
        elif 'text/plain' in data and 'text/html' not in data:
            yield f"```text\n{data['text/plain'].rstrip()}\n```"


def notebook_pages(path, folder, prefix, prose, code, name=''):
    "Markdown of a notebook; `prose(text)` and `code(directives, source)` decide how cells look."
    parts, number = [], 0
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type == 'markdown':
            parts.append(prose(cell.source))
            continue
        if cell.cell_type != 'code': continue
        flags, source = directives(cell.source)
        flags += cell.metadata.get('tags', [])          # 'parameters' is folded as code is
        if any(f.split()[0] == 'hide' for f in flags if f) or not source and not cell.outputs:
            continue
        shown = code(flags, source) if source and 'echo: false' not in flags else ''
        number += bool(cell.outputs)
        parts += [shown,
                  *outputs(cell, cell.source, folder, prefix,
                           f'{name or Path(path).stem}-{number}')]
    return re.sub(r'\n{3,}', '\n\n', '\n\n'.join(filter(None, parts))) + '\n'
