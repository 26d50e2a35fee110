"Read the package's metadata from settings.ini, nbdev's one source for it."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

here = Path(__file__).parent
ini = ConfigParser(delimiters=['='])
ini.read(here/'settings.ini', encoding='utf-8')
cfg = ini['DEFAULT']
readme = here/'README.md'
workbook = cfg['workbook_requirements'].split()
git = cfg['git_url']

setup(name=cfg['lib_name'], version=cfg['version'], description=cfg['description'],
      keywords=cfg['keywords'], author=cfg['author'], license='Apache-2.0',
      project_urls={'Source': git, 'Documentation': cfg['doc_host'] + cfg['doc_baseurl'],
                    'Changelog': f'{git}/blob/{cfg["branch"]}/CHANGELOG.md',
                    'Issues and contact': f'{git}/issues'},
      packages=find_packages(include=[cfg['lib_path'], f"{cfg['lib_path']}.*"]),
      package_data={cfg['lib_path']: ['py.typed']},
      python_requires=f">={cfg['min_python']}", install_requires=cfg['requirements'].split(),
      extras_require={'workbook': workbook, 'dev': workbook + cfg['dev_requirements'].split()},
      entry_points={'console_scripts': cfg['console_scripts'].split(),
                    'nbdev': ['smaug=smaug._modidx:d']},
      long_description=readme.read_text(encoding='utf-8') if readme.exists() else '',
      long_description_content_type='text/markdown', zip_safe=False,)
