// @ts-check
// <cj-code>: long files. More lines come as one scrolls to them; lines that are followed by deeper ones fold.
import { complaint, fragment, make, say, withQuery } from './common.js';

/** Lines that one request brings. */
const BATCH = 1_000;

export class Code extends HTMLElement {
  loading = false;
  first = 0;
  /** @type {WeakMap<Element, number>} How deep a line begins; blank ones are no deeper than anything. */
  depths = new WeakMap();

  connectedCallback() {
    this.list = /** @type {HTMLOListElement | null} */ (this.querySelector('ol.code-lines'));
    if (!this.list || this.end) return;
    this.total = Number(this.dataset.lines) || this.list.children.length;
    this.style.setProperty('--digits', String(String(this.list.start + this.total).length));
    this.end = make('div', { class: 'code-end' });
    this.append(this.end);
    this.list.addEventListener('click', this.fold);
    this.list.addEventListener('keydown', this.key);
    // Folding is for reading what is long; it is worked out when nothing else waits.
    const idle = window.requestIdleCallback ?? ((/** @type {() => void} */ act) => setTimeout(act, 50));
    idle(() => this.foldable(0));
    this.room();
    this.watcher = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && void this.more(), { rootMargin: '1200px 0px' });
    this.watcher.observe(this.end);
  }

  disconnectedCallback() {
    this.watcher?.disconnect();
  }

  get loaded() {
    return this.list?.children.length ?? 0;
  }

  /** What is not loaded has its height, so that the scroll bar tells how long the file is. */
  room() {
    const missing = Math.max(0, (this.total ?? 0) - this.loaded);
    const line = this.list?.firstElementChild?.getBoundingClientRect().height || 20;
    if (this.end) this.end.style.blockSize = `${missing * line}px`;
    return missing;
  }

  async more() {
    const { list, end } = this;
    if (this.loading || !list || !end || !this.dataset.more || !this.room()) return;
    this.loading = true;
    try {
      // The first address says where the second thousand begins; from there on it is counted.
      const begin = Number(new URL(this.dataset.more, location.href).searchParams.get('from'));
      this.first ||= this.loaded;
      const from = begin + this.loaded - this.first;
      const lines = (await fragment(withQuery(this.dataset.more, { from }))).querySelectorAll('li');
      if (!lines.length) this.total = this.loaded;
      const at = this.loaded;
      list.append(...[...lines].slice(0, BATCH));
      this.foldable(Math.max(0, at - 1));
      end.replaceChildren();
    } catch (error) {
      const again = make('button', { type: 'button', class: 'button plain-line', click: () => void this.more() }, say(this, 'again'));
      end.replaceChildren(make('p', { class: 'code-problem' }, complaint(this, error), ' ', again));
      this.loading = false;
      return this.room();
    }
    this.loading = false;
    this.room();
    // The watcher says nothing while the end stays in sight.
    const bounds = end.getBoundingClientRect();
    if (bounds.height && bounds.top < innerHeight + 1_200 && bounds.bottom > -1_200) requestAnimationFrame(() => void this.more());
  }

  /** @param {Element} line */
  depth(line) {
    let depth = this.depths.get(line);
    if (depth === undefined) {
      const text = line.textContent ?? '';
      const lead = text.match(/^[ \t]*/)?.[0] ?? '';
      depth = lead.length === text.trimEnd().length && !text.trim() ? -1 : [...lead].reduce((sum, sign) => sum + (sign === '\t' ? 4 : 1), 0);
      this.depths.set(line, depth);
    }
    return depth;
  }

  /** Gives lines from one on their buttons. @param {number} from */
  foldable(from) {
    const { list } = this;
    if (!list) return;
    const lines = [...list.children].slice(from);
    // The depth of the line that comes next and is not blank, known from below.
    let next = -1;
    for (let at = lines.length - 1; at >= 0; at--) {
      const line = lines[at];
      const depth = this.depth(line);
      if (depth < 0) continue;
      if (next > depth && !line.querySelector('.fold')) {
        const first = !list.querySelector('.fold[tabindex="0"]');
        line.prepend(make('button', { type: 'button', class: 'fold', tabindex: first ? 0 : -1, 'aria-expanded': 'true', 'aria-label': say(this, 'fold') }));
      }
      next = depth;
    }
  }

  /** @param {Event} event */
  fold = (event) => {
    const button = event.target instanceof Element ? event.target.closest('.fold') : null;
    const line = button?.closest('li');
    if (!button || !line) return;
    const folded = button.getAttribute('aria-expanded') === 'true';
    button.setAttribute('aria-expanded', String(!folded));
    button.setAttribute('aria-label', say(this, folded ? 'unfold' : 'fold'));
    line.classList.toggle('folded', folded);
    this.reach(line);
  };

  /**
   * Hides or shows what is below a line, as deep as folds inside it say. What is hidden stays in the list, without height,
   * so that it is counted.
   * @param {Element} line
   */
  reach(line) {
    const depth = this.depth(line);
    let folded = line.classList.contains('folded') ? depth : Infinity;
    for (let at = line.nextElementSibling; at; at = at.nextElementSibling) {
      const own = this.depth(at);
      if (own >= 0 && own <= depth) break;
      if (own >= 0 && own <= folded) folded = Infinity;
      at.classList.toggle('away', folded < Infinity);
      if (folded === Infinity && at.classList.contains('folded')) folded = own;
    }
  }

  /** The arrow keys go from fold to fold. @param {KeyboardEvent} event */
  key = (event) => {
    const button = event.target instanceof HTMLElement ? event.target.closest('.fold') : null;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!button || !step) return;
    const all = /** @type {HTMLElement[]} */ ([...(this.list?.querySelectorAll('li:not(.away) > .fold') ?? [])]);
    const next = all[all.indexOf(/** @type {HTMLElement} */ (button)) + step];
    if (!next) return;
    event.preventDefault();
    button.setAttribute('tabindex', '-1');
    next.tabIndex = 0;
    next.focus();
  };
}

if (!customElements.get('cj-code')) customElements.define('cj-code', Code);
