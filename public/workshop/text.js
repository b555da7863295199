// @ts-check
// Editing a text: the editor, its title and language, and beside it the view as it will be.
import { getText, later, make, nodes, post, wake, withQuery } from './common.js';
import { openEditor } from './editor.js';
import { keptSchema, openSchema } from './schema.js';

/** @typedef {import('./workshop.js').Workshop} Workshop */

/** What is worth looking at while one writes. */
const LIVE = ['markdown', 'latex', 'html', 'diagram', 'json', 'image'];
/** Characters above which the view waits until it is saved. */
const LIVE_MOST = 400_000;
/** Kinds that are a language themselves. */
const LANGUAGES = /** @type {Record<string, string>} */ ({ json: 'json', html: 'html', markdown: 'markdown', latex: 'latex', diagram: 'mermaid', image: 'xml' });

/**
 * @param {Workshop} host
 * @param {{ text: string, title: string, language: string, schema?: string, alt?: string }} [draft]
 * @returns {Promise<import('./workshop.js').Editing>}
 */
export async function edit(host, draft) {
  const kind = host.dataset.kind ?? '';
  const live = LIVE.includes(kind);
  const kept = JSON.parse(host.dataset.metadata ?? '{}');
  let saved = { text: await getText(withQuery(`${host.base}/content`, { version: host.version })), title: host.called, language: host.dataset.language ?? '', schema: kind === 'json' ? keptSchema(host) : '', alt: String(kept.alt ?? '') };
  const first = { ...saved, ...draft };

  const title = make('input', { class: 'input', value: first.title, maxlength: 200, 'aria-label': host.say('title'), placeholder: host.say('title') });
  const language = make('input', { class: 'input', value: first.language, maxlength: 40, 'aria-label': host.say('language'), placeholder: host.say('language'), spellcheck: 'false' });
  const place = make('div', { class: 'edit-text' });
  const panes = live ? paneChoice(host) : null;
  const schema =
    kind === 'json'
      ? await openSchema(host, first.schema ?? '', () => {
          host.changed();
          renew();
        })
      : null;
  const alt = kind === 'image' ? make('input', { class: 'input', value: first.alt ?? '', maxlength: 1_000, 'aria-label': host.say('alt'), placeholder: host.say('alt'), input: () => other() }) : null;
  const bar = make('div', { class: 'edit-bar' }, title, kind === 'code' && language, alt, schema?.button, panes);
  host.editPlace.replaceChildren(bar, place, ...(schema ? [schema.pane] : []));
  host.classList.toggle('beside', live);
  if (live) host.dataset.pane = 'edit';

  // The view as the server gave it comes back when nothing is saved.
  const view = host.view;
  const before = make('div');
  const problems = host.querySelector('.workshop-problems');
  const problemsBefore = problems ? [...problems.childNodes] : [];
  let moved = false;

  const editor = await openEditor(place, {
    text: first.text,
    language: kind === 'code' ? first.language : (LANGUAGES[kind] ?? ''),
    label: host.say('editor'),
    prose: kind === 'markdown' || kind === 'latex',
    words: (key, values) => host.say(key, values),
    changed: () => {
      host.changed();
      renew();
    },
    tabLeaves: () => host.tell(host.say('tab_leaves'), { quiet: true }),
  });
  const other = () => host.changed();
  title.addEventListener('input', other);
  language.addEventListener('input', () => {
    other();
    void editor.setLanguage(language.value);
  });

  /** @type {AbortController | null} */
  let asking = null;
  const renewNow = async () => {
    asking?.abort();
    const text = editor.text();
    if (text.length > LIVE_MOST) return host.tell(host.say('too_long_live'), { quiet: true });
    asking = new AbortController();
    const { signal } = asking;
    try {
      const asked = { kind, content: text, language: language.value || undefined, metadata: schema ? { schema: schema.parsed() ?? null } : alt ? { alt: alt.value } : undefined };
      const shown = await post('/artifacts/preview', asked, { signal });
      if (signal.aborted || !host.editing) return;
      showProblems(shown.problems ?? []);
      if (!live) return;
      if (!moved) before.append(...view.childNodes);
      moved = true;
      if (kind === 'html') frame(view, text, host.called);
      else {
        view.replaceChildren(nodes(shown.html ?? ''));
        void wake(view);
      }
    } catch {
      // What is written is what counts: the view comes with the next key, or when it is saved.
    }
  };
  const renew = later(() => void renewNow(), 300);

  /** @param {import('./common.js').Problem[]} found */
  const showProblems = (found) => {
    editor.mark(found);
    problems?.replaceChildren(
      ...found.slice(0, 20).map(({ line, column, words }) => {
        const where = line ? `${host.say(column ? 'line_column' : 'line', { line, column: column ?? 0 })}: ` : '';
        const said = where + words;
        return make('li', {}, line ? make('button', { type: 'button', class: 'link', 'data-line': line, 'data-column': column ?? undefined }, said) : said);
      }),
    );
  };

  const now = () => ({ text: editor.text(), title: title.value, language: language.value, schema: schema?.text() ?? '', alt: alt?.value ?? '' });
  if (draft || kind === 'json' || kind === 'html') void renewNow();

  return {
    body: () => {
      const { text, title: called, language: spoken, schema: wanted } = now();
      return {
        ...(text !== saved.text && { content: text }),
        ...(called.trim() && called !== saved.title && { title: called.trim() }),
        ...(kind === 'code' && spoken !== saved.language && { language: spoken.trim() }),
        ...(alt && alt.value !== saved.alt && { metadata: { alt: alt.value.trim() } }),
        ...(schema && wanted.trim() !== saved.schema.trim() && { metadata: { schema: schema.value() } }),
      };
    },
    draft: now,
    dirty: () => editor.text() !== saved.text || title.value !== saved.title || language.value !== saved.language || now().schema.trim() !== saved.schema.trim() || now().alt !== saved.alt,
    can: () => editor.can(),
    undo: () => editor.undo(),
    redo: () => editor.redo(),
    focus: () => editor.focus(),
    jump: (line, column) => editor.jump(line, column),
    selection: () => editor.selection(),
    text: () => editor.text(),
    saved: () => {
      saved = now();
      host.dataset.title = saved.title;
      const heading = host.querySelector('.workshop-title');
      if (heading && saved.title.trim()) heading.textContent = saved.title.trim();
    },
    close: () => {
      renew.never();
      asking?.abort();
      editor.close();
      schema?.close();
      host.classList.remove('beside');
      if (moved) view.replaceChildren(...before.childNodes);
      problems?.replaceChildren(...problemsBefore);
    },
  };
}

/** Text or view, where there is no room for both. @param {Workshop} host */
function paneChoice(host) {
  const name = `pane-${host.dataset.id}-${Date.now()}`;
  const choice = (/** @type {string} */ pane) => {
    const radio = make('input', { type: 'radio', name, value: pane, checked: pane === 'edit', change: () => (host.dataset.pane = pane) });
    return make('label', {}, radio, host.say(`pane_${pane}`));
  };
  return make('div', { class: 'segmented edit-panes', role: 'radiogroup', 'aria-label': host.say('panes') }, choice('edit'), choice('view'));
}

/**
 * A page that is being written, in a frame of an origin of its own: one frame and one message for each state, so that no
 * state has a hold on the next. The one before stays until the new one is there.
 * @param {HTMLElement} view @param {string} html @param {string} title
 */
function frame(view, html, title) {
  const next = make('iframe', { class: 'artifact-frame', sandbox: 'allow-scripts', src: '/artifacts/frame', title, referrerpolicy: 'no-referrer' });
  for (const waiting of view.querySelectorAll('iframe.coming')) waiting.remove();
  next.classList.add('coming');
  next.addEventListener(
    'load',
    () => {
      next.contentWindow?.postMessage({ html }, '*');
      next.classList.remove('coming');
      for (const old of [...view.children]) if (old !== next) old.remove();
    },
    { once: true },
  );
  view.append(next);
}
