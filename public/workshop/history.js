// @ts-check
// The versions of an artifact beside it: look at one, compare any two, restore one.
import { complaint, fragment, make, withQuery } from './common.js';

/** @typedef {import('./workshop.js').Workshop} Workshop */

/** @param {Workshop} workshop */
export async function openHistory(workshop) {
  const loaded = await fragment(`${workshop.base}/history`);
  const rows = /** @type {HTMLElement[]} */ ([...loaded.querySelectorAll('[data-version]')]);
  const versions = rows.map((row) => Number(row.dataset.version));
  const list = make('div', { class: 'side-versions' }, loaded);
  const difference = make('div', { class: 'side-difference', 'aria-live': 'polite' });
  workshop.openSide(workshop.say('history'), versions.length > 1 ? comparison(workshop, versions, difference) : null, difference, list);
  list.addEventListener('click', (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const row = /** @type {HTMLElement | null} */ (target?.closest('[data-version]'));
    if (!row || (event instanceof MouseEvent && (event.ctrlKey || event.metaKey || event.shiftKey))) return;
    const version = Number(row.dataset.version);
    if (target?.closest('[data-do="restore"]')) {
      event.preventDefault();
      event.stopPropagation();
      void workshop.restore(version);
    } else if (target?.closest('li > a, [data-do="view"]')) {
      event.preventDefault();
      event.stopPropagation();
      void workshop.load(version);
    }
  });
  for (const row of rows) complete(workshop, row);
  workshop.markVersion();
}

/** What a row of the server's does not have. @param {Workshop} workshop @param {HTMLElement} row */
function complete(workshop, row) {
  const version = Number(row.dataset.version);
  if (!row.querySelector('a, [data-do="view"]')) {
    row.prepend(make('button', { type: 'button', class: 'link', 'data-do': 'view' }, workshop.say('version', { version })));
  }
  if (version !== workshop.latest && !row.querySelector('[data-do="restore"]')) {
    row.append(make('button', { type: 'button', class: 'button plain-line', 'data-do': 'restore' }, workshop.say('restore')));
  }
}

/**
 * Two selects; what differs is shown below them at once.
 * @param {Workshop} workshop @param {number[]} versions newest first @param {HTMLElement} place
 */
function comparison(workshop, versions, place) {
  const choice = (/** @type {string} */ name, /** @type {number} */ chosen) => {
    const options = versions.map((version) => make('option', { value: version, selected: version === chosen }, workshop.say('version', { version })));
    return make('select', { class: 'select', name, 'aria-label': workshop.say(`compare_${name}`) }, ...options);
  };
  const shown = workshop.version;
  const other = versions.find((version) => version < shown) ?? versions.find((version) => version !== shown) ?? shown;
  const from = choice('from', Math.min(shown, other));
  const to = choice('to', Math.max(shown, other));
  let turn = 0;
  const compare = async () => {
    const own = ++turn;
    place.setAttribute('aria-busy', 'true');
    try {
      const found = await fragment(withQuery(`${workshop.base}/compare`, { from: from.value, to: to.value }));
      if (own !== turn) return;
      place.replaceChildren(found);
    } catch (error) {
      if (own === turn) place.replaceChildren(make('p', { class: 'problem' }, complaint(workshop, error)));
    }
    place.removeAttribute('aria-busy');
    workshop.side.classList.add('comparing');
  };
  const begin = make('button', { type: 'button', class: 'button plain-line', click: () => void compare() }, workshop.say('compare'));
  from.addEventListener('change', compare);
  to.addEventListener('change', compare);
  workshop.side.classList.remove('comparing');
  return make('div', { class: 'side-compare' }, from, make('span', { 'aria-hidden': 'true' }, '→'), to, begin);
}
