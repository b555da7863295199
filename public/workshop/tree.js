// @ts-check
// <cj-json>: a tree that is searched, whose paths are copied, and whose branches load what they do not hold yet.
import { complaint, copy, count, fragment, getJson, iconButton, later, make, say, withQuery } from './common.js';

/** Whether one is among those that a place stands for. @param {Element} place @param {number} at */
function holds(place, at) {
  const { searchParams } = new URL(place.getAttribute('data-more') ?? '', location.href);
  return Number(searchParams.get('from')) <= at && at < Number(searchParams.get('until'));
}

export class Tree extends HTMLElement {
  connectedCallback() {
    if (this.querySelector('.tree-tools')) return;
    this.tree = /** @type {HTMLElement | null} */ (this.querySelector('.tree'));
    const { tree } = this;
    if (!tree) return;
    const search = make('input', {
      type: 'search',
      class: 'input',
      placeholder: say(this, 'search_json'),
      'aria-label': say(this, 'search_json'),
      input: later(() => void this.search(search.value), 250),
    });
    this.found = make('ul', { class: 'tree-found', 'aria-label': say(this, 'found') });
    this.found.hidden = true;
    this.status = make('p', { class: 'tree-status', role: 'status' });
    const all = (/** @type {boolean} */ open) => () => {
      for (const details of tree.querySelectorAll('details')) details.open = open;
    };
    const tools = make(
      'div',
      { class: 'tree-tools' },
      search,
      iconButton('openAll', say(this, 'open_all'), { click: all(true) }),
      iconButton('closeAll', say(this, 'close_all'), { click: all(false) }),
    );
    this.prepend(tools, this.status, this.found);
    // One button that is where the pointer or the focus is: thousands of them would cost more than they help.
    this.copyButton = iconButton('copy', say(this, 'copy_path'), { class: 'button icon-only tree-copy', click: this.copyPath });
    tree.addEventListener('pointerover', this.near);
    tree.addEventListener('focusin', this.near);
    tree.addEventListener('toggle', this.opened, true);
    tree.addEventListener('click', this.pressed);
    tree.addEventListener('keydown', this.key);
    this.focusable();
  }

  /** The label of a node: what is seen of it when it is closed. @param {Element | null | undefined} node */
  label(node) {
    if (!node) return null;
    const details = node.querySelector(':scope > details');
    return /** @type {HTMLElement | null} */ (details ? details.querySelector(':scope > summary') : node);
  }

  /** The arrow keys go through the nodes: those without a summary may have the focus, too. @param {Iterable<Element>} [among] */
  focusable(among = this.tree?.children ?? []) {
    for (const node of among) {
      for (const leaf of [node, ...node.querySelectorAll('li')]) {
        if (leaf instanceof HTMLElement && leaf.firstElementChild?.localName !== 'details' && !leaf.querySelector(':scope > details')) leaf.tabIndex = -1;
      }
    }
  }

  /** @param {Event} event */
  near = (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const node = target?.closest('li[data-path]');
    const label = this.label(node);
    if (!label || !this.copyButton || target === this.copyButton || this.copyButton.contains(target)) return;
    if (this.copyButton.parentElement !== label) label.append(this.copyButton);
  };

  /** @param {Event} event */
  copyPath = async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const path = this.copyButton?.closest('li')?.getAttribute('data-path');
    if (path && this.status) this.status.textContent = say(this, (await copy(path)) ? 'path_copied' : 'not_copied', { path });
  };

  /** @param {Event} event */
  opened = (event) => {
    const details = event.target;
    if (!(details instanceof HTMLDetailsElement) || !details.open) return;
    const missing = details.querySelectorAll(':scope > ul > li[data-more], :scope > [data-more]');
    if (missing.length === 1 && missing[0].parentElement?.childElementCount === 1) void this.load(missing[0]);
  };

  /** @param {MouseEvent} event */
  pressed = (event) => {
    const missing = event.target instanceof Element ? event.target.closest('[data-more]') : null;
    if (!missing) return;
    event.preventDefault();
    void this.load(missing);
  };

  /**
   * Puts what a place stands for where it is; looked for in a long list, what is around `at`.
   * @param {Element} place @param {number} [at] @returns {Promise<boolean>}
   */
  async load(place, at) {
    const more = place.getAttribute('data-more');
    const path = more && at !== undefined ? withQuery(more, { at }) : more;
    if (!path || place.getAttribute('aria-busy') === 'true') return false;
    place.setAttribute('aria-busy', 'true');
    try {
      const loaded = await fragment(path);
      const items = [...(loaded.querySelector(':scope > ul')?.children ?? loaded.children)];
      const focused = place.contains(document.activeElement);
      const first = items[0];
      place.replaceWith(...items);
      this.focusable(items);
      if (focused && first) this.label(first)?.focus();
      return true;
    } catch (error) {
      place.removeAttribute('aria-busy');
      if (this.status) this.status.textContent = complaint(this, error);
      return false;
    }
  }

  /** @param {string} text */
  async search(text) {
    const { found, status, tree } = this;
    if (!found || !status || !tree) return;
    const wanted = text.trim();
    this.turn = (this.turn ?? 0) + 1;
    const own = this.turn;
    found.hidden = !wanted;
    if (!wanted) {
      found.replaceChildren();
      status.textContent = '';
      return;
    }
    const base = this.dataset.part ?? this.closest('cj-workshop')?.getAttribute('data-base');
    const version = this.closest('cj-workshop')?.getAttribute('data-version') ?? '';
    try {
      const path = this.dataset.part ?? withQuery(`${base}/part`, { version });
      const { matches, more } = await getJson(withQuery(path, { q: wanted }));
      if (own !== this.turn) return;
      status.textContent = say(this, matches.length ? (more ? 'matches_more' : 'matches') : 'no_matches', { n: count(matches.length) });
      found.replaceChildren(
        ...matches.slice(0, 200).map((/** @type {{ path: string, text: string }} */ match) =>
          make('li', {}, make('button', { type: 'button', click: () => void this.reveal(match.path) }, make('code', {}, match.path), make('span', {}, match.text))),
        ),
      );
    } catch (error) {
      if (own === this.turn) status.textContent = complaint(this, error);
    }
  }

  /** Opens everything on the way to a path. @param {string} path */
  async reveal(path) {
    const { tree } = this;
    if (!tree) return;
    const find = (/** @type {string} */ wanted) => tree.querySelector(`li[data-path="${CSS.escape(wanted)}"]`);
    // Each turn goes deeper or loads more; a tree has an end, a search has one too.
    for (let turns = 0; turns < 200; turns++) {
      const node = find(path);
      if (node) {
        for (let at = node.parentElement; at && at !== tree; at = at.parentElement) if (at instanceof HTMLDetailsElement) at.open = true;
        const label = this.label(node);
        label?.scrollIntoView({ block: 'center' });
        label?.focus({ preventScroll: true });
        for (const old of tree.querySelectorAll('.found')) old.classList.remove('found');
        node.classList.add('found');
        return;
      }
      // The nearest node above it that is there, and the place of what is missing in its list.
      let above = null;
      let rest = path.slice(1);
      for (let end = path.length - 1; end > 0 && !above; end--) {
        if ('.['.includes(path[end])) above = find(path.slice(0, end));
        if (above) rest = path.slice(end);
      }
      const index = /^\[(\d+)\]/.exec(rest)?.[1];
      const at = index === undefined ? undefined : Number(index);
      const missing = [...(above ? above.querySelectorAll(':scope > details > ul > [data-more]') : tree.querySelectorAll(':scope > [data-more]'))];
      const own = (at !== undefined && missing.find((place) => holds(place, at))) || missing.at(-1);
      if (!own || !(await this.load(own, at))) break;
    }
    if (this.status) this.status.textContent = say(this, 'not_shown', { path });
  }

  /** @param {KeyboardEvent} event */
  key = (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest('.tree-copy') || !this.tree || event.ctrlKey || event.metaKey || event.altKey) return;
    const node = target?.closest('li');
    if (!node) return;
    const details = node.querySelector(':scope > details');
    const seen = () => [...(this.tree?.querySelectorAll('li') ?? [])].filter((li) => li.checkVisibility());
    const go = (/** @type {Element | null | undefined} */ to) => to && this.label(to)?.focus();
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const all = seen();
      go(all[all.indexOf(node) + (event.key === 'ArrowDown' ? 1 : -1)]);
    } else if (event.key === 'ArrowRight' && details instanceof HTMLDetailsElement) {
      if (!details.open) details.open = true;
      else go(details.querySelector('li'));
    } else if (event.key === 'ArrowLeft') {
      if (details instanceof HTMLDetailsElement && details.open) details.open = false;
      else go(node.parentElement?.closest('li'));
    } else if (event.key === 'Enter' && node.hasAttribute('data-more')) void this.load(node);
    else return;
    event.preventDefault();
  };
}

if (!customElements.get('cj-json')) customElements.define('cj-json', Tree);
