// @ts-check
// <cj-panel>: artifacts beside their chat, several in tabs; a sheet on a small screen. It follows the answer that is being
// written: an artifact grows in it, and becomes a workshop when it is whole.
import { complaint, dressed, fragment, iconButton, make, say, withQuery } from './common.js';

/** @typedef {{ tab: HTMLElement, page: HTMLElement, id: string, title: string, growing?: Growing }} Opened */
/** @typedef {{ article: Element | null, at: number, identifier: string, text: string }} Growing */

const WIDTH = '--panel-width';
/** Open at once; the one that was looked at longest ago and holds nothing unsaved is closed for the next. */
const TABS_MOST = 8;
let turn = 0;

export class Panel extends HTMLElement {
  /** @type {Opened[]} */
  opened = [];
  /** @type {Opened | null} */
  shown = null;
  /** @type {HTMLElement | null} */
  opener = null;
  /** Growing cards that have been seen, by the reader's choice not opened again. @type {Set<string>} */
  known = new Set();
  waiting = false;

  connectedCallback() {
    this.addEventListener('artifact', this.asked);
    this.addEventListener('artifact-growing', this.begun);
    this.addEventListener('artifact-close', this.closed);
    this.addEventListener('artifact-asked', this.wrote);
    this.addEventListener('artifact-shown', this.renamed);
    this.addEventListener('artifact-saved', this.renamed);
    document.addEventListener('keydown', this.keys);
    this.watcher = new MutationObserver(this.changed);
  }

  disconnectedCallback() {
    document.removeEventListener('keydown', this.keys);
    this.watcher?.disconnect();
  }

  get stage() {
    return this.closest('.stage') ?? this.parentElement ?? document.body;
  }

  // Opening and closing.

  /** @param {Event} event */
  asked = (event) => {
    const link = /** @type {CustomEvent<HTMLAnchorElement>} */ (event).detail;
    this.opener = link;
    const id = link.dataset.artifact ?? '';
    void this.open(id, Number(link.dataset.version) || undefined, link.querySelector('.artifact-title')?.textContent?.trim());
  };

  build() {
    if (this.strip) return;
    const grip = make('div', {
      class: 'panel-grip',
      role: 'separator',
      tabindex: 0,
      'aria-orientation': 'vertical',
      'aria-label': say(this, 'widen_panel'),
      'aria-valuemin': 25,
      'aria-valuemax': 60,
      keydown: this.gripKey,
      pointerdown: this.gripDown,
      pointermove: this.gripMove,
      pointerup: () => (this.dragging = false),
      pointercancel: () => (this.dragging = false),
    });
    this.grip = grip;
    this.strip = make('div', { class: 'panel-tabs', role: 'tablist', 'aria-label': say(this, 'artifacts'), keydown: this.tabKey });
    this.pages = make('div', { class: 'panel-pages' });
    this.replaceChildren(grip, this.strip, this.pages);
    this.setAttribute('role', 'complementary');
    this.setAttribute('aria-label', say(this, 'artifacts'));
  }

  /** @param {string} id @param {number} [version] @param {string} [title] */
  async open(id, version, title) {
    await dressed();
    this.build();
    const known = this.opened.find((one) => one.id === id);
    if (known) {
      this.select(known);
      const workshop = /** @type {any} */ (known.page.querySelector('cj-workshop'));
      if (workshop && version && workshop.version !== version && !workshop.editing) await workshop.load(version);
      this.focusShown();
      return;
    }
    const one = this.add(id, title || say(this, 'artifact'));
    await this.fill(one, id, version);
    this.focusShown();
  }

  focusShown() {
    // Not into a text field: on a phone that would open the keyboard.
    const target = this.shown?.page.querySelector('[data-do="close"], .workshop-title');
    if (target instanceof HTMLElement) {
      if (!target.matches('button')) target.tabIndex = -1;
      target.focus();
    }
  }

  /** @param {string} id @param {string} title @returns {Opened} */
  add(id, title) {
    while (this.opened.length >= TABS_MOST) {
      const old = this.opened.find((one) => one !== this.shown && !(/** @type {any} */ (one.page.querySelector('cj-workshop'))?.dirty));
      if (!old) break;
      this.drop(old);
    }
    const own = `artifact-tab-${++turn}`;
    const tab = make(
      'button',
      { type: 'button', role: 'tab', id: own, class: 'panel-tab', 'aria-controls': `${own}-page`, click: () => this.select(one) },
      make('span', {}, title),
    );
    const page = make('div', { role: 'tabpanel', id: `${own}-page`, 'aria-labelledby': own, class: 'panel-page' });
    /** @type {Opened} */
    const one = { tab, page, id, title };
    this.opened.push(one);
    this.strip?.append(tab);
    this.pages?.append(page);
    this.show();
    this.select(one);
    return one;
  }

  /** @param {Opened} one @param {string} id @param {number} [version] */
  async fill(one, id, version) {
    one.page.setAttribute('aria-busy', 'true');
    if (!one.growing) one.page.replaceChildren(make('p', { class: 'panel-wait', role: 'status' }, say(this, 'opening')));
    try {
      const path = `/artifacts/${encodeURIComponent(id)}/panel`;
      const loaded = await fragment(version ? withQuery(path, { version }) : path);
      one.page.replaceChildren(loaded);
      one.growing = undefined;
      const title = /** @type {HTMLElement | null} */ (one.page.querySelector('cj-workshop'))?.dataset.title;
      if (title) this.rename(one, title);
    } catch (error) {
      one.page.replaceChildren(
        make(
          'div',
          { class: 'panel-problem' },
          make('p', {}, complaint(this, error)),
          make(
            'div',
            { class: 'row' },
            make('button', { type: 'button', class: 'button plain-line', click: () => void this.fill(one, id, version) }, say(this, 'again')),
            make('button', { type: 'button', class: 'button', click: () => this.drop(one) }, say(this, 'close')),
          ),
        ),
      );
    }
    one.page.removeAttribute('aria-busy');
  }

  /** @param {Opened} one @param {string} title */
  rename(one, title) {
    one.title = title;
    const span = one.tab.querySelector('span');
    if (span) span.textContent = title;
    one.tab.title = title;
  }

  renamed = () => {
    for (const one of this.opened) {
      const workshop = /** @type {HTMLElement | null} */ (one.page.querySelector('cj-workshop'));
      if (workshop?.dataset.title) this.rename(one, workshop.dataset.title);
    }
  };

  /** An answer begins to write one. */
  begun = async () => {
    await dressed();
    this.build();
    if (this.classList.contains('panel')) return;
    this.show();
    this.known.clear();
    this.follow();
    // It was over in the meantime.
    if (!this.opened.length) this.hide();
  };

  show() {
    if (this.classList.contains('panel')) return;
    this.classList.add('panel');
    this.watcher?.observe(this.stage, { childList: true, subtree: true, characterData: true });
    // What is there already was seen; what grows from now on opens by itself.
    this.known = new Set(this.cards().map(({ key }) => key));
    this.follow();
  }

  /** @param {Opened} one */
  select(one) {
    this.shown = one;
    this.classList.remove('away');
    for (const other of this.opened) {
      const chosen = other === one;
      other.tab.setAttribute('aria-selected', String(chosen));
      other.tab.tabIndex = chosen ? 0 : -1;
      other.page.hidden = !chosen;
    }
    this.classList.toggle('several', this.opened.length > 1);
    one.tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    this.tellWidth();
  }

  /** @param {Opened} one */
  drop(one) {
    const at = this.opened.indexOf(one);
    this.opened = this.opened.filter((other) => other !== one);
    one.tab.remove();
    one.page.remove();
    if (one === this.shown) {
      const next = this.opened[Math.min(at, this.opened.length - 1)];
      if (next) this.select(next);
      else this.hide();
    }
    this.classList.toggle('several', this.opened.length > 1);
  }

  hide() {
    this.classList.remove('panel', 'full', 'several', 'away');
    this.watcher?.disconnect();
    for (const one of this.opened) {
      one.tab.remove();
      one.page.remove();
    }
    this.opened = [];
    this.shown = null;
    const id = this.opener?.dataset.artifact;
    const back = this.opener?.isConnected ? this.opener : id ? document.querySelector(`a[data-artifact="${CSS.escape(id)}"]`) : null;
    if (back instanceof HTMLElement) back.focus();
    this.opener = null;
  }

  /** @param {Event} event */
  closed = (event) => {
    const page = event.target instanceof Element ? event.target.closest('.panel-page') : null;
    const one = this.opened.find((one) => one.page === page);
    if (!one) return;
    this.drop(one);
    if (this.shown) this.focusShown();
  };

  wrote = () => {
    this.classList.remove('full');
    // A sheet covers the field that was just written in.
    if (matchMedia('(max-width: 899px)').matches) this.classList.add('away');
  };

  /** @param {KeyboardEvent} event */
  keys = (event) => {
    if (event.key !== 'Escape' || event.defaultPrevented || !this.shown) return;
    const target = event.target instanceof Element ? event.target : document.body;
    // What floats closes first; a passage lies over this; a stop in the composer is the composer's.
    if (document.querySelector('dialog[open], details.menu[open], .drawer-box:checked, .stage > aside.panel')) return;
    if (!this.contains(target) && target !== document.body) return;
    event.preventDefault();
    const workshop = /** @type {any} */ (this.shown.page.querySelector('cj-workshop'));
    if (this.classList.contains('full')) {
      this.classList.remove('full');
      workshop?.tools?.();
      return;
    }
    // Whoever writes leaves the editor by its buttons: a key that closes a cell must not end it all.
    if (workshop?.editing) return;
    if (workshop && !workshop.side.hidden) return workshop.closeSide(true);
    this.hide();
  };

  /** @param {KeyboardEvent} event */
  tabKey = (event) => {
    const at = this.opened.findIndex((one) => one.tab === event.target);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (at < 0) return;
    if (step) {
      const next = this.opened[(at + step + this.opened.length) % this.opened.length];
      this.select(next);
      next.tab.focus();
    } else if (event.key === 'Delete') {
      this.drop(this.opened[at]);
      this.shown?.tab.focus();
    } else return;
    event.preventDefault();
  };

  // Its width, the same as the passage's.

  dragging = false;

  get percent() {
    return Number.parseInt(document.documentElement.style.getPropertyValue(WIDTH), 10) || 40;
  }

  /** @param {number} percent */
  widen(percent) {
    document.documentElement.setAttribute('style', `${WIDTH}: ${Math.round(Math.min(60, Math.max(25, percent)))}%`);
    this.tellWidth();
  }

  tellWidth() {
    this.grip?.setAttribute('aria-valuenow', String(this.percent));
  }

  /** @param {KeyboardEvent} event */
  gripKey = (event) => {
    const step = { ArrowLeft: 3, ArrowRight: -3 }[event.key];
    if (step) this.widen(this.percent + step);
  };

  /** @param {PointerEvent} event */
  gripDown = (event) => {
    event.preventDefault();
    this.grip?.focus();
    this.grip?.setPointerCapture(event.pointerId);
    this.dragging = true;
  };

  /** @param {PointerEvent} event */
  gripMove = (event) => {
    if (!this.dragging) return;
    const bounds = this.stage.getBoundingClientRect();
    this.widen(((bounds.right - event.clientX) * 100) / Math.max(1, bounds.width));
  };

  // What is being written.

  changed = () => {
    if (this.waiting) return;
    this.waiting = true;
    // Many small changes, one look a frame.
    requestAnimationFrame(() => {
      this.waiting = false;
      this.follow();
    });
  };

  /** The cards on the page of what is being written, or just was and is not stored yet; each with what it is known by. */
  cards() {
    return [...this.stage.querySelectorAll('.artifact-card:is(.growing, .done)')].map((card) => {
      const article = card.closest('article');
      const at = article ? [...article.querySelectorAll('.artifact-card')].indexOf(card) : 0;
      const identifier = card.getAttribute('data-identifier') ?? '';
      return { card, article, at, identifier, key: `${identifier}/${at}` };
    });
  }

  follow() {
    const cards = this.cards();
    for (const { card, article, at, identifier, key } of cards) {
      let one = this.opened.find(({ growing }) => growing?.identifier === identifier && growing.at === at);
      if (!one && !this.known.has(key)) {
        this.known.add(key);
        const busy = /** @type {any} */ (this.shown?.page.querySelector('cj-workshop'))?.editing;
        const before = this.shown;
        one = this.add('', card.querySelector('.artifact-title')?.textContent?.trim() || say(this, 'artifact'));
        one.growing = { article, at, identifier, text: '' };
        one.page.replaceChildren(
          make(
            'div',
            { class: 'growing-text' },
            make('p', { class: 'growing-head' }, make('strong', {}, one.title), make('span', { role: 'status' }, say(this, 'being_written'))),
            make('pre', { tabindex: 0 }),
          ),
        );
        // Nobody who writes is interrupted.
        if (busy && before) this.select(before);
      }
      if (one?.growing) this.grow(one, one.growing, card);
    }
    if (!cards.length) this.known.clear();
    for (const one of [...this.opened]) {
      const { growing } = one;
      if (!growing || cards.some((card) => card.identifier === growing.identifier && card.at === growing.at)) continue;
      this.ripen(one, growing);
    }
  }

  /** @param {Opened} one @param {Growing} growing @param {Element} card */
  grow(one, growing, card) {
    growing.article = card.closest('article');
    const text = card.querySelector('.artifact-source')?.textContent ?? '';
    const title = card.querySelector('.artifact-title')?.textContent?.trim();
    if (title && title !== one.title) {
      this.rename(one, title);
      const heading = one.page.querySelector('.growing-head strong');
      if (heading) heading.textContent = title;
    }
    const pre = one.page.querySelector('pre');
    if (!pre || text === growing.text) return;
    const atEnd = pre.scrollHeight - pre.scrollTop - pre.clientHeight < 40;
    const more = added(growing.text, text);
    if (more === null) pre.textContent = text;
    else pre.append(more);
    growing.text = text;
    // It follows the text while the reader is at its end.
    if (atEnd) pre.scrollTop = pre.scrollHeight;
  }

  /** The card became a link, perhaps in an article that was made anew. @param {Opened} one @param {Growing} growing */
  ripen(one, growing) {
    const named = growing.identifier ? this.stage.querySelectorAll(`a[data-artifact][data-identifier="${CSS.escape(growing.identifier)}"]`) : [];
    const articles = this.stage.querySelectorAll('article');
    const article = growing.article?.isConnected ? growing.article : articles[articles.length - 1];
    const cards = article?.querySelectorAll('.artifact-card');
    const link = named[named.length - 1] ?? cards?.[growing.at];
    if (link instanceof HTMLAnchorElement && link.dataset.artifact) {
      const { artifact, version } = link.dataset;
      one.growing = undefined;
      const open = this.opened.find((other) => other !== one && other.id === artifact);
      if (open) {
        // A change of what is open: the change takes its place, unless somebody writes in it.
        const workshop = /** @type {any} */ (open.page.querySelector('cj-workshop'));
        const was = this.shown === one;
        this.drop(one);
        if (was) this.select(open);
        if (workshop?.editing) workshop.newer(Number(version));
        else if (workshop && version) void workshop.load(Number(version));
        return;
      }
      one.id = artifact;
      void this.fill(one, artifact, Number(version) || undefined);
    } else if (article && !article.matches('[aria-busy="true"]') && !document.querySelector('article[aria-busy="true"]')) {
      // The answer ended without it.
      this.drop(one);
    }
  }
}

/**
 * What a text has more than the one before; of a long one the card has only the end.
 * @param {string} before @param {string} now
 */
function added(before, now) {
  if (now.startsWith(before)) return now.slice(before.length);
  const end = before.slice(-200);
  const at = end.length === 200 ? now.lastIndexOf(end) : -1;
  return at < 0 ? null : now.slice(at + end.length);
}

if (!customElements.get('cj-panel')) customElements.define('cj-panel', Panel);
