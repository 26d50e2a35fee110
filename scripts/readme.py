"""Write README.md from nbs/index.ipynb (its figures go to nbs/images/): what nbdev_readme does,
without Quarto."""
import re
from pathlib import Path
from pages import notebook_pages, outside_code, quotes

ROOT = Path(__file__).resolve().parent.parent


def links(text):
    "Links to chapters, seen from the repository's root."
    def turn(part):
        part = re.sub(r'\]\((?!https?:|#|/|mailto:|\.\./)([^)]+)\)', r'](nbs/\1)', part)
        return part.replace('](../', '](')
    return outside_code(text, turn)


def main():
    index = ROOT/'nbs/index.ipynb'
    if not index.is_file(): raise SystemExit(f'no {index.relative_to(ROOT)} to make a README from')
    for old in (ROOT/'nbs/images').glob('index-*'):
        old.unlink()
    def code(flags, source): return f'```python\n{source}\n```'
    page = notebook_pages(index, ROOT/'nbs/images', 'images/', quotes, code)
    note = '<!-- Written from nbs/index.ipynb by `make prepare`; edit that. -->\n\n'
    (ROOT/'README.md').write_text(note + links(page))
    print('README.md')


if __name__ == '__main__':
    main()
