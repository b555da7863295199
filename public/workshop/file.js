// @ts-check
// Editing what is a file: another picture is put in its place, and it is described.
import { Refusal, make, post, postFile } from './common.js';

/** @typedef {import('./workshop.js').Workshop} Workshop */

const TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/gif'];
const MOST = 16 * 1024 * 1024;

/**
 * @param {Workshop} host
 * @param {{ title: string, caption: string, alt: string }} [draft]
 * @returns {Promise<import('./workshop.js').Editing>}
 */
export async function edit(host, draft) {
  const shown = host.view.querySelector('img');
  const saved = { title: host.called, caption: host.view.querySelector('.caption')?.textContent?.trim() ?? '', alt: JSON.parse(host.dataset.metadata ?? '{}').alt ?? shown?.alt ?? '' };
  const first = draft ?? saved;
  /** @type {File | null} */
  let file = null;
  let address = '';

  const input = make('input', { type: 'file', accept: TYPES.join(','), class: 'sr-only' });
  const preview = make('img', { alt: '' });
  const name = make('p', { class: 'faint', role: 'status' });
  const drop = make('label', { class: 'file-drop' }, input, preview, make('strong', {}, host.say('replace_picture')), make('span', {}, host.say('drop_picture')), name);
  preview.hidden = true;
  const title = make('input', { class: 'input', value: first.title, maxlength: 200 });
  const caption = make('textarea', { class: 'input', rows: 3, maxlength: 2_000 });
  caption.value = first.caption;
  const alt = make('textarea', { class: 'input', rows: 3, maxlength: 1_000, required: true, 'aria-describedby': `alt-hint-${host.dataset.id}` });
  alt.value = first.alt;
  const field = (/** @type {string} */ label, /** @type {HTMLElement} */ control, /** @type {HTMLElement | null} */ hint = null) => make('label', { class: 'file-field' }, make('span', {}, label), control, hint);
  host.editPlace.replaceChildren(
    make(
      'div',
      { class: 'edit-file' },
      drop,
      make(
        'div',
        { class: 'file-words' },
        field(host.say('title'), title),
        field(host.say('alt'), alt, make('small', { id: `alt-hint-${host.dataset.id}` }, host.say('alt_hint'))),
        field(host.say('caption'), caption),
      ),
    ),
  );

  const take = (/** @type {File | undefined | null} */ given) => {
    if (!given) return;
    if (!TYPES.includes(given.type)) return host.tell(host.say('no_such_picture'), { bad: true });
    if (given.size > MOST) return host.tell(host.say('picture_too_large'), { bad: true });
    file = given;
    URL.revokeObjectURL(address);
    preview.src = address = URL.createObjectURL(given);
    preview.hidden = false;
    name.textContent = given.name;
    host.changed();
  };
  input.addEventListener('change', () => take(input.files?.[0]));
  drop.addEventListener('dragover', (event) => {
    event.preventDefault();
    event.stopPropagation();
    drop.classList.add('over');
  });
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    // Before the page takes it for a document.
    event.preventDefault();
    event.stopPropagation();
    drop.classList.remove('over');
    take(event.dataTransfer?.files[0]);
  });
  for (const control of [title, caption, alt]) control.addEventListener('input', () => host.changed());
  host.classList.add('beside');

  const now = () => ({ title: title.value.trim(), caption: caption.value.trim(), alt: alt.value.trim() });
  const said = () => {
    const words = now();
    return {
      ...(words.title && words.title !== saved.title && { title: words.title }),
      ...(words.caption !== saved.caption && { content: words.caption }),
      ...(words.alt !== saved.alt && { metadata: { alt: words.alt } }),
    };
  };
  return {
    body: said,
    draft: now,
    dirty: () => file !== null || Object.keys(said()).length > 0,
    // Fields undo for themselves.
    can: () => ({ undo: false, redo: false }),
    undo: () => {},
    redo: () => {},
    focus: () => alt.focus(),
    save: async (base) => {
      if (!now().alt) {
        alt.focus();
        throw new Refusal(422, host.say('alt_missing'));
      }
      let version = base;
      if (file) {
        ({ version } = await postFile(`${host.base}/file?base_version=${base}`, file));
        file = null;
        // Should the words not be saved now, they stand on this version the next time.
        host.from = version;
      }
      const words = said();
      return Object.keys(words).length ? post(host.base, { base_version: version, ...(version === base && { edits_base: host.version }), ...words }) : { version };
    },
    close: () => {
      URL.revokeObjectURL(address);
      host.classList.remove('beside');
    },
  };
}
