"""Open nbs/explore.ipynb in JupyterLab in headless Chromium, as a person does: run it, move a
slider, see the pictures change. Without a Chromium on the machine nothing is tested, and that is
said. A file name as argument: a screenshot goes there."""
import base64, json, os, shutil, socket, subprocess, sys, tempfile, time
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen
from browse import BROWSERS, ROOT, Page, find_browser

SHARED = 'params.yaml', 'data', 'small', 'out'      # what the notebook reads of the clone
PICTURES = 3
LIMIT = 240         # seconds for each step: a test may run beside busy processes
# In the page: what the notebook's kernel does; undefined as long as there is none.
KERNEL = '''window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel
  ?.status'''
RUN = "window.jupyterapp.commands.execute('notebook:run-all-cells'); ''"
# Length and sum of the bytes of each picture, what is said beside them, and whether it computes.
LOOK = '''(async () => {
  const pictures = [];
  for (const img of document.querySelectorAll('img.widget-image')) {
    if (!img.naturalWidth) continue;
    const bytes = new Uint8Array(await (await fetch(img.src)).arrayBuffer());
    pictures.push([bytes.length, bytes.reduce((a, b) => (a*31 + b) % 1000003, 7)]);
  }
  const wrong = '[data-mime-type*=error], [data-mime-type*=stderr]';
  const errors = [...document.querySelectorAll(wrong)];
  if (document.body.innerText.includes('Error displaying widget')) {
    errors.push({textContent: 'Error displaying widget'});
  }
  return {pictures, errors: errors.map(e => e.textContent.slice(0, 300)), status: KERNEL,
          told: document.querySelector('.widget-html-content')?.textContent ?? ''};
})()'''.replace('KERNEL', KERNEL)
# Put the keyboard's focus on the handle of a slider; false where there is none.
FOCUS = '''(() => {
  const named = [...document.querySelectorAll('.widget-label')].filter(e => e.textContent == NAME);
  const handle = named[0]?.parentElement.querySelector('.noUi-handle');
  handle?.scrollIntoView({block: 'center'});
  handle?.focus();
  return document.activeElement == handle;
})()'''


@contextmanager
def lab_server(folder, limit=LIMIT):
    "JupyterLab on a folder, for this machine alone; gives the address of its notebook."
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    own = Path(folder)/'.jupyter'
    places = {f'JUPYTER_{kind}_DIR': str(own/kind) for kind in ('CONFIG', 'RUNTIME')}
    notices = own/'settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings'
    notices.parent.mkdir(parents=True)
    notices.write_text('{"fetchNews": "false"}')        # nothing is asked for, nor fetched
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    env = dict(os.environ, PYTHONPATH=path, **places, JUPYTERLAB_SETTINGS_DIR=str(own/'settings'),
               JUPYTERLAB_WORKSPACES_DIR=str(own/'workspaces'))
    command = [sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root',
               '--ServerApp.ip=127.0.0.1', f'--ServerApp.port={port}', '--ServerApp.port_retries=0',
               f'--ServerApp.root_dir={folder}', '--IdentityProvider.token=page',
               '--LabApp.expose_app_in_browser=True',
               '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate']
    with open(Path(folder)/'lab.log', 'w') as log:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
    host = f'http://127.0.0.1:{port}'
    until = time.time() + limit
    try:
        while True:
            try:
                urlopen(f'{host}/api/status?token=page', timeout=5).close()
                break
            except URLError:
                told = (Path(folder)/'lab.log').read_text()[-500:]
                if server.poll() is not None: raise RuntimeError(f'JupyterLab ended: {told}')
                if time.time() > until: raise TimeoutError(f'no JupyterLab in {limit} s: {told}')
                time.sleep(.3)
        yield f'{host}/lab/tree/explore.ipynb?token=page&reset'
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()


def wait_for(page, script, good):
    "What a script in the page gives as soon as it is good, or after LIMIT seconds."
    until = time.time() + LIMIT
    while not good(found := page.value(script)) and time.time() < until:
        time.sleep(.3)
    return found


def calm(page, before=None):
    "What the page shows when all pictures are there, others than before, and nothing computes."
    def good(seen):
        there = len(seen['pictures']) == PICTURES and seen['status'] == 'idle'
        return seen['errors'] or there and seen['pictures'] != before
    return wait_for(page, LOOK, good)


def press(page, key, code):
    for kind in ('rawKeyDown', 'keyUp'):
        page.ask('Input.dispatchKeyEvent', type=kind, key=key, code=key, windowsVirtualKeyCode=code)


def use_page(page, address):
    "Sentences on what is wrong with the page; a line on what was seen."
    page.visit(address)
    if wait_for(page, KERNEL, lambda status: status == 'idle') != 'idle':
        return ['the notebook got no kernel'], ''
    page.value(RUN)
    before = calm(page)
    faults = before['errors'] + ['an error is told']*('not drawn' in before['told'])
    if len(before['pictures']) != PICTURES:
        return faults + [f"{len(before['pictures'])} pictures, expected {PICTURES}"], ''
    for name in ('mask ratio', 'keep rate'):
        if not page.value(FOCUS.replace('NAME', json.dumps(name))):
            return faults + [f'no slider is called {name}'], ''
        press(page, 'ArrowRight', 39)
        after = calm(page, before['pictures'])
        if after['pictures'] == before['pictures']:
            faults.append(f'the slider {name} changed no picture')
        faults += after['errors'] + ['an error is told']*('not drawn' in after['told'])
        before = after
    return faults, after['told']


def check_page(picture=None):
    "Use the page in JupyterLab; (what went wrong or '', what was done)."
    browser = find_browser()
    if not browser:
        return '', f"not opened in JupyterLab: none of {', '.join(BROWSERS)} on this machine"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folder, profile = Path(place)/'clone', Path(place)/'profile'
        folder.mkdir()
        for name in SHARED:
            if (ROOT/name).exists():
                (folder/name).symlink_to(ROOT/name)
        shutil.copy(ROOT/'nbs/explore.ipynb', folder)
        with lab_server(folder) as address:
            page = Page(browser, profile, size=(1400, 1000))
            try:
                wrong, told = use_page(page, address)
                if picture:
                    shot = page.ask('Page.captureScreenshot')['data']
                    Path(picture).write_bytes(base64.b64decode(shot))
            finally:
                page.close()
    return '\n'.join(wrong), f'two sliders of nbs/explore.ipynb moved in JupyterLab ({told})'


if __name__ == '__main__':
    wrong, done = check_page(*sys.argv[1:])
    print(wrong or done)
    sys.exit(bool(wrong))
