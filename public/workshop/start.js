// @ts-check
// Loaded with every page, so it does little: where a workshop is, its script comes; and a plain click on an artifact's card
// opens it beside its chat. Where there is no chat, or when loading fails, the card is the link that it is. What an answer
// begins to write opens by itself where there is room, once an answer.
const written = new WeakSet();
/** @param {Element} root */
const look = (root) => {
  const first = (/** @type {string} */ selector) => (root.matches(selector) ? root : root.querySelector(selector));
  if (first('cj-workshop')) void import('./workshop.js');
  const card = first('.artifact-card.growing');
  const answer = card?.closest('.live');
  const stage = answer?.closest('.stage');
  if (!answer || !stage || written.has(answer) || innerWidth < 1_100) return;
  written.add(answer);
  import('./workshop.js').then(
    () => panelOf(stage).dispatchEvent(new CustomEvent('artifact-growing')),
    () => {},
  );
};
/** @param {Element} stage */
const panelOf = (stage) => stage.querySelector('cj-panel') ?? stage.appendChild(document.createElement('cj-panel'));
new MutationObserver((changes) => {
  // Only what came: a long chat is not gone through for every word.
  for (const { addedNodes } of changes) for (const node of addedNodes) if (node instanceof Element) look(node);
}).observe(document.documentElement, { childList: true, subtree: true });
look(document.documentElement);
document.addEventListener(
  'click',
  (event) => {
    const link = event.target instanceof Element ? event.target.closest('a[data-artifact]') : null;
    const stage = link && document.getElementById('conversation')?.closest('.stage');
    const plain = !event.button && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!(link instanceof HTMLAnchorElement) || !stage || !plain || event.defaultPrevented) return;
    // Before the page's own router hears of it.
    event.preventDefault();
    const panel = panelOf(stage);
    import('./workshop.js').then(
      () => panel.dispatchEvent(new CustomEvent('artifact', { detail: link })),
      () => location.assign(link.href),
    );
  },
  true,
);

// One box for all rows of a list checks theirs, and is checked no longer than all of them are.
document.addEventListener('change', ({ target }) => {
  if (!(target instanceof HTMLInputElement) || target.type !== 'checkbox' || !target.form?.matches('.bulk')) return;
  const boxes = /** @type {HTMLInputElement[]} */ ([...target.form.elements]).filter(({ type }) => type === 'checkbox');
  const every = boxes.find(({ name }) => name === 'every');
  if (!every) return;
  const rows = boxes.filter((box) => box !== every);
  if (target === every) for (const row of rows) row.checked = every.checked;
  else every.checked = rows.every(({ checked }) => checked);
});

// Copying: an answer, a block of code, a link.

const COPIED = { es: ['Copiado', 'El navegador no deja copiar aquí: selecciona el texto.'], en: ['Copied', 'The browser does not let us copy here: select the text.'] };
/** @param {boolean} done */
const outcome = (done) => COPIED[document.documentElement.lang === 'en' ? 'en' : 'es'][done ? 0 : 1];
const SEEN_FOR = 2_500;
/** What buttons say that tell an outcome now. */
const labels = new WeakMap();
/** What is copied with what it stands in: lines of code, rows, items. */
const HOLDS = ['code', 'pre', 'table', 'thead', 'tbody', 'tr', 'ul', 'ol', 'blockquote'];
/** What is kept of an element that is copied. */
const KEPT = ['href', 'src', 'alt', 'colspan', 'rowspan', 'start', 'checked', 'type'];

document.addEventListener('click', async ({ target }) => {
  const button = target instanceof Element ? target.closest('button[data-copy], article.message button[data-do="copy"]') : null;
  if (!button) return;
  if (button.matches('[data-do]')) {
    const prose = button.closest('article')?.querySelector(':scope > .prose');
    const said = document.createElement('span');
    said.setAttribute('role', 'status');
    button.after(said);
    said.textContent = outcome(!!prose && copyAnswer(prose));
    setTimeout(() => said.remove(), SEEN_FOR);
    return;
  }
  const code = button.parentElement?.querySelector('code');
  if (!code) return;
  // Beside an icon the words have an element of their own.
  const words = button.lastElementChild ?? button;
  const before = labels.get(words) ?? words.textContent;
  labels.set(words, before);
  const done = await (navigator.clipboard?.writeText(code.textContent ?? '') ?? Promise.reject()).then(
    () => true,
    () => false,
  );
  words.textContent = outcome(done);
  setTimeout(() => (words.textContent = before), SEEN_FOR);
});

/** As it looks and as text; this way also where the page came without TLS. @param {Element} prose */
function copyAnswer(prose) {
  const selection = getSelection();
  if (!selection) return false;
  // On paper a source's number needs its brackets; on the page it has a box, and is no part of what one selects.
  const marks = [...prose.querySelectorAll('.cite')];
  const numbers = marks.map((mark) => mark.textContent);
  marks.forEach((mark, at) => (mark.textContent = `[${numbers[at]}]`));
  prose.classList.add('copied');
  selection.selectAllChildren(prose);
  const done = document.execCommand('copy');
  selection.removeAllRanges();
  prose.classList.remove('copied');
  marks.forEach((mark, at) => (mark.textContent = numbers[at]));
  return done;
}

// What is copied out of an answer is its structure, not the look of the page: a letter has a look of its own.
document.addEventListener('copy', (event) => {
  const selection = getSelection();
  const range = selection?.rangeCount ? selection.getRangeAt(0) : null;
  const around = range?.commonAncestorContainer;
  const within = around instanceof Element ? around : around?.parentElement;
  const prose = within?.closest('.prose');
  const field = event.target instanceof Element && event.target.closest('input, textarea, [contenteditable="true"]');
  if (!selection || selection.isCollapsed || !range || !event.clipboardData || !within || !prose || field || within.closest('cj-table')) return;
  const copied = document.createElement('div');
  /** @type {Node} */
  let content = range.cloneContents();
  for (let holder = within; HOLDS.includes(holder.localName); holder = /** @type {Element} */ (holder.parentElement)) {
    const held = holder.cloneNode(false);
    held.appendChild(content);
    content = held;
  }
  copied.append(content);
  // Numbers of sources are no part of what one selects; of a whole answer they have their brackets.
  const left = prose.classList.contains('copied') ? '' : ', .cite';
  for (const part of copied.querySelectorAll(`button, script, style, .sr-only${left}`)) part.remove();
  for (const link of copied.querySelectorAll('a')) link.setAttribute('href', link.href);
  for (const image of copied.querySelectorAll('img')) image.setAttribute('src', image.src);
  for (const part of copied.querySelectorAll('*')) {
    for (const { name } of [...part.attributes]) if (!KEPT.includes(name) && !part.closest('svg, math')) part.removeAttribute(name);
  }
  event.clipboardData.setData('text/html', copied.innerHTML);
  event.clipboardData.setData('text/plain', selection.toString());
  event.preventDefault();
});
