"""Open the built site from the file system in headless Chromium, as a reader does, and use its
search. Without a Chromium on the machine nothing is tested, and that is said."""
import json, shutil, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'
HITS = 6
# What is typed → pages of which one must be among the first hits.
WANTED = {'eq. 1': ['05_mae'], 'eq. 2': ['06_temporal'], 'eq. 3': ['06_temporal'],
          'eq. 4': ['07_text'], 'eq. 5': ['08_selector'], 'eq. 6': ['10_smaug'],
          'eq. 7': ['04_sparsify'], 'eq. 8': ['04_sparsify'], 'eq. 9': ['09_losses'],
          'eq. 10': ['09_losses'], 'eq. 11': ['09_losses'], 'eq. 12': ['09_losses'],
          'Table 2': ['tasks_01_retrieval', 'tasks_03_protocols', 'pipeline_3_zero_shot'],
          'Gumbel': ['08_selector']}
# In the page: open the search, type, wait until the hits are calm; the theme draws into a shadow
# root.
SEARCH = '''(async () => {
  const pause = ms => new Promise(done => setTimeout(done, ms));
  const all = (root, what) => [...root.querySelectorAll('*')].flatMap(e =>
      [...(e.matches(what) ? [e] : []), ...(e.shadowRoot ? all(e.shadowRoot, what) : [])]);
  const wait = async found => {
    for (let i = 0; i < 100 && !found(); i++) await pause(100);
    return found();
  };
  const box = () => all(document, 'input[role=combobox]')[0];
  const button = () => document.querySelector('.md-search__button');
  if (!await wait(() => button() && box())) return {wrong: 'no search box'};
  if (!window.opened) {
    button().click();
    window.opened = true;
    await pause(500);
  }
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(box(), TEXT);
  box().dispatchEvent(new Event('input', {bubbles: true}));
  const links = () => all(document, '[role=listbox] a').map(a => a.href.split('/').pop());
  const hits = () => links().slice(0, COUNT);
  let before = '', calm = 0;
  for (let i = 0; i < 60 && calm < 6; i++) {
    await pause(100);
    const now = JSON.stringify(hits());
    calm = now == before && now != '[]' ? calm + 1 : 0;
    before = now;
  }
  return {hits: JSON.parse(before)};
})()'''
# Stars that Markdown was to turn into bold, outside of blocks of code.
STARS = r'''[...document.querySelectorAll('article p, article li, article td')]
  .filter(e => !e.closest('pre')).map(e => e.textContent)
  .filter(text => /\*\*[^\s*][^*\n]*\*\*/.test(text)).slice(0, 3)'''


class Page:
    "One page of a headless Chromium, over its DevTools protocol."
    def __init__(self, browser, folder, limit=120, size=(1280, 900)):
        command = [browser, '--headless=new', '--no-sandbox', '--disable-gpu',
                   '--remote-debugging-port=0', '--remote-allow-origins=*',
                   '--window-size={},{}'.format(*size),
                   f'--user-data-dir={folder}', 'about:blank']
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.number = 0
        told = Path(folder)/'DevToolsActivePort'
        until = time.time() + limit
        while not (told.is_file() and len(told.read_text().split()) == 2):
            if time.time() > until: raise TimeoutError(f'{browser} opened no port in {limit} s')
            time.sleep(.1)
        from websocket import create_connection  # here: a machine without a browser may lack it
        port, path = told.read_text().split()
        self.socket = create_connection(f'ws://127.0.0.1:{port}{path}', timeout=limit,
                                        suppress_origin=True)
        self.session = None
        target = self.ask('Target.createTarget', url='about:blank')['targetId']
        self.session = self.ask('Target.attachToTarget', targetId=target, flatten=True)['sessionId']

    def ask(self, method, **options):
        "Send one command and wait for its answer."
        self.number += 1
        session = dict(sessionId=self.session) if self.session else {}
        self.socket.send(json.dumps(dict(id=self.number, method=method, params=options) | session))
        while (answer := json.loads(self.socket.recv())).get('id') != self.number:
            pass
        if 'error' in answer: raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer['result']

    def value(self, script):
        "What a script in the page gives."
        found = self.ask('Runtime.evaluate', expression=script, awaitPromise=True,
                         returnByValue=True)
        if 'exceptionDetails' in found: raise RuntimeError(str(found['exceptionDetails'])[:400])
        return found['result'].get('value')

    def open(self, path):
        "Open a file; wait until it is loaded."
        self.visit(Path(path).resolve().as_uri())

    def visit(self, address):
        "Open an address; wait until it is loaded."
        self.ask('Page.navigate', url=address)
        wanted = f"complete {address.partition(':')[0]}:"
        for _ in range(600):
            here = self.value("document.readyState + ' ' + location.protocol")
            if here == wanted: return
            time.sleep(.1)
        raise TimeoutError(f'{address} is not loaded after 60 s: {here}')

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait(60)


def wrong_searches(page):
    "Sentences on searches that do not find their page."
    for text, pages in WANTED.items():
        script = SEARCH.replace('TEXT', json.dumps(text)).replace('COUNT', str(HITS))
        found = page.value(script)
        if 'wrong' in found:
            yield found['wrong']
            return
        names = [hit.split('.html')[0] for hit in found['hits']]
        if not set(names) & set(pages):
            yield f"search {text!r}: expected {' or '.join(pages)} among {names or 'no hits'}"


def wrong_stars(page, site):
    "Sentences on pages that show the stars of Markdown."
    for path in sorted(site.glob('*.html')):
        page.open(path)
        for text in page.value(STARS):
            yield f'{path.name} shows stars: {text[:80]}'


def find_browser():
    "The first Chromium on this machine; None where there is none."
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def check_in_browser(site=ROOT/'_docs'):
    "Use a built site from its folder; (what went wrong or '', what was done)."
    browser = find_browser()
    if not browser:
        return '', f"not opened in a browser: none of {', '.join(BROWSERS)} on this machine"
    site = Path(site)
    if not (site/'index.html').is_file():
        return f'{site} holds no index.html; build the site first', ''
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = Page(browser, folder)
        try:
            page.open(site/'index.html')
            wrong = [*wrong_searches(page), *wrong_stars(page, site)]
        finally:
            page.close()
    return '\n'.join(wrong), (f'{len(WANTED)} searches and the text of all pages, from the file '
                              f'system in {Path(browser).name}')


if __name__ == '__main__':
    wrong, done = check_in_browser(*sys.argv[1:])
    print(wrong or done)
    sys.exit(bool(wrong))
