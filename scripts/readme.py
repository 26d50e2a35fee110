"""Write README.md from nbs/index.ipynb (its figures go to nbs/images/): what nbdev_readme does,
without Quarto."""
import re
from pathlib import Path
from pages import notebook_pages, outside_code, quotes

ROOT = Path(__file__).resolve().parent.parent


def links(text):
    "Links to chapters, seen from the repository's root."
    return outside_code(text,
                        lambda part: re.sub(r'\]\((?!https?:|#|/|mailto:|\.\./)([^)]+)\)',
                                            r'](nbs/\1)', part).replace('](../', ']('))


def main():
    index = ROOT/'nbs/index.ipynb'
    if not index.is_file(): raise SystemExit(f'no {index.relative_to(ROOT)} to make a README from')
    for old in (ROOT/'nbs/images').glob('index-*'):
        old.unlink()
    page = notebook_pages(index, ROOT/'nbs/images', 'images/', quotes, lambda flags,
                          source: f'```python\n{source}\n```')
    note = '<!-- Written from nbs/index.ipynb by `make prepare`; edit that. -->\n\n'
    (ROOT/'README.md').write_text(note + links(page))
    print('README.md')


if __name__ == '__main__':
    main()
