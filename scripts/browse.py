"""Open the built site from the file system in headless Chromium, as a reader does, and use its search.
Without a Chromium on the machine nothing is tested, and that is said."""
import http.client, json, os, re, shutil, subprocess, sys, tempfile, time, urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'
# What is typed → pages of which one must be among the first six hits.
WANTED = {
    'eq. 1': ['09_mae'], 'eq. 2': ['10_temporal'], 'eq. 3': ['10_temporal'], 'eq. 4': ['11_bert'],
    'eq. 5': ['12_selector'], 'eq. 6': ['14_model'], 'eq. 7': ['08_sparsify'], 'eq. 8': ['08_sparsify'],
    'eq. 9': ['13_losses'], 'eq. 10': ['13_losses'], 'eq. 11': ['13_losses'], 'eq. 12': ['13_losses'],
    'Table 2': ['20_retrieval', '20b_protocols', 'pipeline_3_zero_shot'], 'Gumbel': ['12_selector'],
}
HITS = 6
# In the page: type a text, wait until the hits stay the same, return their addresses in order.
SEARCH = '''(async () => {
  const pause = ms => new Promise(done => setTimeout(done, ms));
  const find = (root, what) => {
    const seen = [...root.querySelectorAll(what)];
    for (const e of root.querySelectorAll('*')) if (e.shadowRoot) seen.push(...find(e.shadowRoot, what));
    return seen;
  };
  const box = () => find(document, 'input').find(e => e.type != 'checkbox' && e.type != 'radio');
  if (!box() || !box().getClientRects().length) {
    const button = find(document, '.md-search__button, [data-md-toggle=search], .md-search button')[0];
    if (button) button.click();
  }
  for (let i = 0; i < 50 && !box(); i++) await pause(100);
  if (!box()) return 'no search box';
  const links = () => find(document, 'a[href*=".html"]').filter(a => a.closest('ol, [role=list], [class*=result]')
      && !a.closest('nav, .md-nav, article')).map(a => a.href);
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
  set.call(box(), TEXT);
  box().dispatchEvent(new Event('input', {bubbles: true, composed: true}));
  let before = '', calm = 0;
  for (let i = 0; i < 100 && calm < 8; i++) {
    await pause(100);
    const now = JSON.stringify(links());
    calm = now == before && now != '[]' ? calm + 1 : 0;
    before = now;
  }
  return before;
})()'''
