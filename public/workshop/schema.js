// @ts-check
// The JSON Schema of a JSON text: an editor of its own below the text's, shown when it is wanted.
import { Refusal, make } from './common.js';
import { openEditor } from './editor.js';

/** @typedef {import('./workshop.js').Workshop} Workshop */

/** The schema as it is kept, to be read by people. @param {Workshop} host @returns {string} */
export function keptSchema(host) {
  const { schema } = JSON.parse(host.dataset.metadata ?? '{}');
  return schema === undefined || schema === null ? '' : JSON.stringify(schema, null, 2);
}

/**
 * @param {Workshop} host @param {string} text @param {() => void} changed
 */
export async function openSchema(host, text, changed) {
  const label = host.say('schema');
  const id = `schema-${host.dataset.id}`;
  const place = make('div', { class: 'edit-text' });
  const wrong = make('p', { class: 'schema-state', role: 'status' });
  const hint = make('p', { class: 'faint' }, host.say('schema_hint'));
  const pane = make('div', { class: 'edit-schema', id, role: 'group', 'aria-label': label }, hint, place, wrong);
  const button = make('button', { type: 'button', class: 'button plain-line', 'aria-controls': id, click: () => show(pane.hidden) }, label);
  const editor = await openEditor(place, {
    text,
    language: 'json',
    label,
    prose: false,
    words: (key, values) => host.say(key, values),
    changed: () => {
      wrong.textContent = parsed() === undefined ? host.say('schema_not_json') : '';
      changed();
    },
    tabLeaves: () => host.tell(host.say('tab_leaves'), { quiet: true }),
  });
  /** @param {boolean} open */
  const show = (open) => {
    pane.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    if (open) editor.focus();
  };
  /** The schema; `null` where there is none, `undefined` while it cannot be read. */
  const parsed = () => {
    const now = editor.text().trim();
    if (!now) return null;
    try {
      return JSON.parse(now);
    } catch {
      return undefined;
    }
  };
  pane.hidden = true;
  button.setAttribute('aria-expanded', 'false');
  return {
    button,
    pane,
    parsed,
    text: () => editor.text(),
    /** What is sent to be kept. */
    value: () => {
      const schema = parsed();
      if (schema !== undefined) return schema;
      show(true);
      throw new Refusal(422, host.say('schema_not_json'));
    },
    close: () => editor.close(),
  };
}
