"Read the package's metadata from settings.ini, nbdev's one source for it."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

here = Path(__file__).parent
ini = ConfigParser(delimiters=['='])
ini.read(here/'settings.ini', encoding='utf-8')
cfg = ini['DEFAULT']
readme = here/'README.md'

setup(name=cfg['lib_name'], version=cfg['version'], description=cfg['description'],
      keywords=cfg['keywords'], author=cfg['author'], author_email=cfg['author_email'],
      license='Apache-2.0',
      packages=find_packages(include=[cfg['lib_path'], f"{cfg['lib_path']}.*"]),
      python_requires=f">={cfg['min_python']}", install_requires=cfg['requirements'].split(),
      extras_require={'dev': cfg['dev_requirements'].split()},
      entry_points={'console_scripts': cfg['console_scripts'].split(),
                    'nbdev': ['smaug=smaug._modidx:d']},
      long_description=readme.read_text(encoding='utf-8') if readme.exists() else '',
      long_description_content_type='text/markdown', zip_safe=False,)
