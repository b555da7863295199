// @ts-check
// <cj-workshop>: an artifact that the server has shown comes alive: edited, saved, compared, given out. It can be loaded
// any number of times; what is put into the page later wakes by itself.
import { Refusal, complaint, copy, dressed, fragment, getText, give, icon, iconButton, later, make, nodes, post, say, wake, withQuery } from './common.js';
import './panel.js';

/**
 * What edits a kind of content while the workshop is in edit mode.
 * @typedef {object} Editing
 * @property {() => Record<string, any>} body What is sent to be saved.
 * @property {() => any} draft What brings the same state back; kept in the browser.
 * @property {() => boolean} dirty
 * @property {() => { undo: boolean, redo: boolean }} can
 * @property {() => void} undo
 * @property {() => void} redo
 * @property {() => void} focus
 * @property {() => void} close
 * @property {((base: number) => Promise<{ version: number }>)=} save Where saving is more than one request.
 * @property {(() => void)=} saved It stays open after saving, which not every editor can.
 * @property {((line: number, column?: number | null) => void)=} jump
 * @property {(() => any)=} where Where one is in it, for when it is opened again after saving.
 * @property {(() => string)=} selection
 * @property {(() => string)=} text
 */

/** Which module edits what `data-editor` says. */
const EDITORS = { text: './text.js', cells: './cells.js', file: './file.js' };
/** The most characters of a quotation in the composer. */
const QUOTE = 4_000;
/** The widest that the server makes a picture, in pixels. */
const WIDTH_MOST = 8_192;

/** Other pages of this browser hear what was saved here. */
const others = new BroadcastChannel('cj-artifacts');

export class Workshop extends HTMLElement {
  /** @type {Editing | null} */
  editing = null;
  /** Saved while the editor stayed open: the view below is older. */
  stale = false;
  woken = false;
  /** A draft was kept since the editor opened. */
  wrote = false;
  /** The version that what is written goes back to. */
  from = 0;
  busy = false;
  /** What was last selected in here: a click on a button may end the selection. */
  chosen = '';
  /** @type {HTMLButtonElement | undefined} The button at what is selected. */
  askHere;
  keep = later(() => this.keepDraft(), 400);

  connectedCallback() {
    document.addEventListener('selectionchange', this.noteSelection);
    window.addEventListener('beforeunload', this.guard);
    window.addEventListener('pagehide', this.keepNow);
    document.addEventListener('keydown', this.keys);
    document.addEventListener('visibilitychange', this.lookAgain);
    others.addEventListener('message', this.heard);
    if (this.woken) return;
    this.woken = true;
    this.addEventListener('click', this.clicked);
    // The selection outlives the press of a button that asks about it.
    this.addEventListener('pointerdown', (event) => {
      if (event.target instanceof Element && event.target.closest('[data-do="ask"]')) event.preventDefault();
    });
    void dressed();
    this.dress();
    this.offerDraft();
    this.beginAtOnce();
  }

  /** One that was just made is made to be written in. */
  beginAtOnce() {
    const address = new URL(location.href);
    if (!address.searchParams.has('edit') || this.closest('cj-panel') || this.offers) return;
    address.searchParams.delete('edit');
    history.replaceState(history.state, '', address);
    if (this.querySelector('[data-do="edit"]')) void this.edit();
  }

  disconnectedCallback() {
    document.removeEventListener('selectionchange', this.noteSelection);
    window.removeEventListener('beforeunload', this.guard);
    window.removeEventListener('pagehide', this.keepNow);
    document.removeEventListener('keydown', this.keys);
    document.removeEventListener('visibilitychange', this.lookAgain);
    others.removeEventListener('message', this.heard);
    this.askHere?.remove();
    this.keepNow();
  }

  get base() {
    return this.dataset.base ?? '';
  }
  get version() {
    return Number(this.dataset.version);
  }
  get latest() {
    return Number(this.dataset.latest ?? this.dataset.version);
  }
  get called() {
    return this.dataset.title || this.querySelector('.workshop-title')?.textContent?.trim() || '';
  }
  get view() {
    return /** @type {HTMLElement} */ (this.querySelector('.workshop-view'));
  }
  get editPlace() {
    return /** @type {HTMLElement} */ (this.querySelector('.workshop-edit'));
  }
  get side() {
    return /** @type {HTMLElement} */ (this.querySelector('.workshop-side'));
  }
  get dirty() {
    return this.editing?.dirty() ?? false;
  }
  /** What is made as large as the window: with its tabs, where it has some. @returns {HTMLElement} */
  get whole() {
    return /** @type {HTMLElement} */ (this.closest('cj-panel') ?? this);
  }

  /** @param {string} key @param {Record<string, string | number>} [values] */
  say(key, values) {
    return say(this, key, values);
  }

  /** The tools as they are needed now, and the parts of the view. */
  dress() {
    void wake(this);
    const undo = this.querySelector('[data-do="undo"]');
    if (undo && !this.querySelector('[data-do="redo"]')) {
      undo.after(iconButton('redo', this.say('redo'), { 'data-do': 'redo' }));
    }
    this.classList.add('live');
    const heading = /** @type {HTMLElement | null} */ (this.querySelector('.workshop-title'));
    if (heading) heading.title = this.called;
    // Not the page's banner, wherever it stands.
    this.querySelector('.workshop-head')?.setAttribute('role', 'group');
    for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (this.querySelectorAll('.menu a[href*="/export/resized"]'))) this.askWidth(link);
    this.tools();
    if (this.version < this.latest && !this.editing) this.tellOld();
  }

  /** A picture leaves as wide as one says. @param {HTMLAnchorElement} link */
  askWidth(link) {
    if (link.parentElement?.matches('.resize')) return;
    const shown = this.view.querySelector('img');
    const natural = Number(shown?.getAttribute('width')) || 1_600;
    const width = make('input', { class: 'input', type: 'number', min: 1, max: WIDTH_MOST, value: Math.min(natural, 800), inputmode: 'numeric' });
    const set = () => {
      const wide = Math.min(WIDTH_MOST, Math.max(1, Math.round(Number(width.value) || natural)));
      link.setAttribute('href', withQuery(link.href, { width: wide }));
    };
    width.addEventListener('input', set);
    const row = make('div', { class: 'resize' }, make('label', {}, make('span', {}, this.say('width')), width));
    link.replaceWith(row);
    row.append(link);
    set();
  }

  tools() {
    const editing = !!this.editing;
    const inPanel = !!this.closest('cj-panel');
    this.dataset.mode = editing ? 'edit' : 'view';
    this.toggleAttribute('data-unsaved', this.dirty);
    const can = this.editing?.can() ?? { undo: false, redo: false };
    const whenEditing = ['save', 'cancel', 'undo', 'redo'];
    const whenViewing = ['edit', 'history', 'copy'];
    // What is given out is what was saved.
    for (const other of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll('.workshop-tools > :is(details, a)'))) other.hidden = editing;
    for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (this.querySelectorAll('.workshop-head [data-do]'))) {
      const act = button.dataset.do ?? '';
      const elsewhere = (act === 'close' || act === 'ask') && !inPanel;
      // The fields of a file's editor undo for themselves.
      const never = (act === 'undo' || act === 'redo') && this.dataset.editor === 'file';
      button.hidden = elsewhere || never || (editing ? whenViewing.includes(act) : whenEditing.includes(act));
      if (act === 'undo') button.disabled = !can.undo;
      if (act === 'redo') button.disabled = !can.redo;
      if (act === 'save') button.disabled = this.busy || !this.dirty;
      if (act === 'edit' || act === 'cancel') button.disabled = this.busy;
      if (act === 'full') button.setAttribute('aria-pressed', String(this.whole.classList.contains('full')));
      if (act === 'history') button.setAttribute('aria-expanded', String(!this.side.hidden));
    }
  }

  /**
   * One line under the title; buttons after it are what can be done about it.
   * @param {string} text @param {{ bad?: boolean, quiet?: boolean, acts?: [string, () => void][] }} [more]
   */
  tell(text, { bad = false, quiet = false, acts = [] } = {}) {
    const line = this.querySelector('.workshop-state');
    if (!line) return;
    line.className = `workshop-state${bad ? ' bad' : ''}${quiet ? ' quiet' : ''}`;
    const buttons = acts.map(([label, click]) => make('button', { type: 'button', class: 'button plain-line', click }, label));
    line.replaceChildren(...(text ? [make('span', {}, text), ...buttons] : []));
  }

  tellOld() {
    const acts = /** @type {[string, () => void][]} */ ([[this.say('newest'), () => void this.load(this.latest)]]);
    if (this.querySelector('[data-do="edit"]')) acts.unshift([this.say('restore'), () => void this.restore(this.version)]);
    this.tell(this.say('old_version', { version: this.version, latest: this.latest }), { acts });
  }

  // What was saved elsewhere.

  /** @param {MessageEvent} event */
  heard = ({ data }) => {
    if (data?.id === this.dataset.id) this.newer(Number(data.version));
  };

  /** Whoever comes back to the page hears of what was saved meanwhile, wherever that was. */
  lookAgain = async () => {
    if (document.hidden || this.dataset.owner === undefined) return;
    try {
      const newest = (await fragment(withQuery(`${this.base}/history`, { most: 1 }))).querySelector('[data-version]');
      this.newer(Number(newest?.getAttribute('data-version')));
    } catch {
      // It is said when it is saved.
    }
  };

  /** There is a newer version than was known. @param {number} version */
  newer(version) {
    if (!(version > this.latest)) return;
    this.dataset.latest = String(version);
    if (this.editing) this.tellUnsaved();
    // What is offered stays until somebody takes it or leaves it.
    else if (!this.offers) this.tellOld();
  }

  /** Whether the line under the title has something to be pressed. */
  get offers() {
    return this.querySelector('.workshop-state button') !== null;
  }

  tellUnsaved() {
    const latest = this.latest;
    if (latest > this.from) this.tell(this.say('newer_there', { latest }));
    else this.tell(this.say('unsaved'), { quiet: true });
  }

  // What is pressed.

  /** @param {MouseEvent} event */
  clicked = (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const png = target?.closest('[data-export="png"]');
    if (png) return void this.exportPicture(png);
    const problem = target?.closest('.workshop-problems [data-line]');
    if (problem instanceof HTMLElement) return void this.jump(Number(problem.dataset.line), Number(problem.dataset.column) || null);
    const button = target?.closest('[data-do]');
    if (!(button instanceof HTMLElement) || button.closest('cj-workshop') !== this) return;
    switch (button.dataset.do) {
      case 'edit':
        return this.version < this.latest ? this.askWhich() : void this.edit();
      case 'save':
        return void this.save();
      case 'cancel':
        return void this.cancel();
      case 'undo':
        return this.editing?.undo();
      case 'redo':
        return this.editing?.redo();
      case 'copy':
        return void this.copy(button);
      case 'history':
        return void this.history();
      case 'full':
        return this.full();
      case 'ask':
        return this.ask();
      case 'close':
        this.keepNow();
        this.dispatchEvent(new CustomEvent('artifact-close', { bubbles: true }));
    }
  };

  /** @param {KeyboardEvent} event */
  keys = (event) => {
    if (event.key === 'Escape') this.askHere?.remove();
    const inside = event.target instanceof Node && this.contains(event.target);
    if (inside && this.editing && (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's' && !event.altKey) {
      event.preventDefault();
      void this.save(true);
    } else if (event.key === 'Escape' && !event.defaultPrevented && this.whole === this && this.classList.contains('full')) {
      if (document.querySelector('dialog[open], details.menu[open]')) return;
      event.preventDefault();
      this.full();
    }
  };

  full() {
    this.whole.classList.toggle('full');
    this.tools();
  }

  noteSelection = () => {
    const selection = getSelection();
    const at = selection?.anchorNode;
    if (at && this.view?.contains(at) && !selection.isCollapsed) this.chosen = selection.toString();
    else if (at && this.contains(at)) this.chosen = '';
    this.offerAsking(selection);
  };

  /** A button at what is selected, where there is a chat to ask in. @param {Selection | null} selection */
  offerAsking(selection) {
    this.askHere?.remove();
    const range = this.chosen.trim() && selection?.rangeCount && this.view?.contains(selection.anchorNode) ? selection.getRangeAt(0) : null;
    if (!range || this.editing || !this.querySelector('[data-do="ask"]:not([hidden])')) return;
    this.askHere ??= make('button', { type: 'button', class: 'button primary ask-here', 'data-do': 'ask' }, icon('chat'), this.say('ask_here'));
    this.view.parentElement?.append(this.askHere);
    const box = range.getBoundingClientRect();
    const around = (this.view.parentElement ?? this).getBoundingClientRect();
    const { offsetWidth, offsetHeight } = this.askHere;
    const left = Math.min(Math.max(box.left - around.left, 8), Math.max(8, around.width - offsetWidth - 8));
    const above = box.top - around.top - offsetHeight - 6;
    this.askHere.style.left = `${left}px`;
    this.askHere.style.top = `${above > 4 ? above : Math.min(box.bottom - around.top + 6, around.height - offsetHeight - 8)}px`;
  }

  /** A version of before may be gone on with, or the newest: whoever is not asked loses what is in between from sight. */
  askWhich() {
    const { version, latest } = this;
    const newest = async () => {
      if (await this.load(latest)) void this.edit();
    };
    this.tell(this.say('edit_old', { latest }), {
      acts: [
        [this.say('edit_newest'), () => void newest()],
        [this.say('edit_this', { version }), () => void this.edit()],
      ],
    });
  }

  /** @param {BeforeUnloadEvent} event */
  guard = (event) => {
    if (this.dirty) event.preventDefault();
  };

  // Editing.

  /** @param {any} [draft] @param {any} [where] Where one was in it. */
  async edit(draft, where) {
    if (this.editing || this.busy) return;
    const file = EDITORS[/** @type {keyof typeof EDITORS} */ (this.dataset.editor ?? 'text')] ?? EDITORS.text;
    this.busy = true;
    this.tools();
    // A version of before is gone on with as the newest's next, if somebody chose to.
    this.from = draft ? this.version : this.latest;
    this.tell(this.say('opening'), { quiet: true });
    try {
      const { edit } = await import(file);
      this.closeSide();
      this.editing = await edit(this, draft, where);
      this.editPlace.hidden = false;
      this.tell('');
    } catch (error) {
      this.tell(complaint(this, error), { bad: true });
    }
    this.busy = false;
    this.tools();
    if (this.editing) this.editing.focus();
  }

  /** Editors say so after every change. */
  changed() {
    this.tools();
    if (!this.editing) return;
    if (this.dirty) {
      this.keep();
      this.tellUnsaved();
    } else {
      this.keep.never();
      // One of before, which nobody took up, is not this one's.
      if (this.wrote) this.forgetDraft();
      this.tell('');
    }
  }

  /** @param {number} line @param {number | null} column */
  async jump(line, column) {
    if (!this.editing && this.version < this.latest) return this.askWhich();
    if (!this.editing) await this.edit();
    this.dataset.pane = 'edit';
    this.editing?.jump?.(line, column);
  }

  async cancel() {
    if (this.busy) return;
    this.keep.never();
    // Kept until the page is left or something else is written: it may have been a slip.
    const left = this.dirty ? this.keepDraft(true) : null;
    await this.leave();
    if (left) this.tell(this.say('discarded'), { acts: [[this.say('recover'), () => void this.resume(left)]] });
    else this.offerDraft();
  }

  /** Ends editing. The view is loaded anew where it was renewed meanwhile. */
  async leave() {
    const { editing } = this;
    this.editing = null;
    this.wrote = false;
    this.keep.never();
    editing?.close();
    this.editPlace.replaceChildren();
    this.editPlace.hidden = true;
    delete this.dataset.pane;
    this.tell('');
    this.tools();
    if (this.stale) await this.load(this.latest);
    this.stale = false;
    /** @type {HTMLElement | null} */ (this.querySelector('[data-do="edit"]'))?.focus();
  }

  /** @param {boolean} [stay] */
  async save(stay = false) {
    const { editing } = this;
    if (!editing || this.busy || !editing.dirty()) return;
    this.busy = true;
    this.tools();
    this.tell(this.say('saving'), { quiet: true });
    try {
      const { version } = await (editing.save
        ? editing.save(this.from)
        : // Edits count the rows of the version that was seen, whatever was saved since, and what is not sent is as in it.
          post(this.base, { base_version: this.from, edits_base: this.version, ...editing.body() }));
      this.busy = false;
      this.keep.never();
      this.forgetDraft();
      this.from = version;
      this.closeSide();
      if (stay && editing.saved) {
        editing.saved();
        this.dataset.version = this.dataset.latest = String(version);
        this.stale = true;
        this.tools();
      } else {
        const where = editing.where?.();
        this.stale = false;
        await this.leave();
        await this.load(version);
        if (stay) await this.edit(undefined, where);
      }
      this.tell(this.say('saved', { version }), { quiet: true });
      others.postMessage({ id: this.dataset.id, version });
      this.dispatchEvent(new CustomEvent('artifact-saved', { bubbles: true, detail: { version } }));
    } catch (error) {
      this.busy = false;
      this.keepNow();
      this.tools();
      if (error instanceof Refusal && error.status === 409 && error.body?.version) this.conflict(error.body);
      else this.tell(complaint(this, error), { bad: true, acts: [[this.say('again'), () => void this.save(stay)]] });
    }
  }

  /**
   * Somebody saved meanwhile: both are shown, and one decides.
   * @param {{ version: number, html?: string }} other
   */
  conflict({ version, html }) {
    this.tell('');
    this.dataset.latest = String(version);
    const mine = () => {
      this.from = version;
      this.closeSide();
      void this.save();
    };
    const theirs = async () => {
      this.keepNow();
      this.stale = false;
      this.closeSide();
      await this.leave();
      await this.load(version);
      this.offerDraft();
    };
    this.openSide(
      this.say('conflict_title'),
      make(
        'div',
        { class: 'callout error conflict', role: 'alert' },
        icon('alert'),
        make(
          'div',
          {},
          this.say('conflict', { version }),
          make(
            'div',
            { class: 'row' },
            make('button', { type: 'button', class: 'button primary', click: mine }, this.say('save_mine')),
            make('button', { type: 'button', class: 'button plain-line', click: theirs }, this.say('take_theirs')),
          ),
        ),
      ),
      html ? make('div', { class: 'side-difference' }, nodes(html)) : null,
    );
  }

  // Drafts: nothing that was written is lost by a reload.

  get draftKey() {
    return `artifact-draft:${this.dataset.id}`;
  }

  keepNow = () => {
    if (this.dirty) this.keepDraft();
  };

  /** What is being written, as it is kept. @param {boolean} [discarded] */
  keepDraft(discarded = false) {
    if (!this.editing || !this.dirty) return null;
    const draft = { base: this.from, seen: this.version, at: Date.now(), draft: this.editing.draft(), discarded };
    this.wrote = true;
    try {
      localStorage.setItem(this.draftKey, JSON.stringify(draft));
    } catch {
      // No room, or none allowed: the person is told, and saves.
      this.tell(this.say('no_draft'), { bad: true });
    }
    return draft;
  }

  forgetDraft() {
    try {
      localStorage.removeItem(this.draftKey);
    } catch {
      // Where nothing is kept nothing is to be forgotten.
    }
  }

  offerDraft() {
    if (!this.querySelector('[data-do="edit"]')) return;
    let kept;
    try {
      kept = JSON.parse(localStorage.getItem(this.draftKey) ?? 'null');
    } catch {
      return;
    }
    if (!kept?.draft) return;
    if (kept.discarded) return this.forgetDraft();
    const forget = () => {
      this.forgetDraft();
      this.tell('');
      if (this.version < this.latest) this.tellOld();
    };
    this.tell(this.say('draft', { when: new Date(kept.at).toLocaleString(document.documentElement.lang || undefined, { dateStyle: 'medium', timeStyle: 'short' }) }), {
      acts: [
        [this.say('draft_take'), () => void this.resume(kept)],
        [this.say('draft_forget'), forget],
      ],
    });
  }

  /**
   * Goes on with what was written.
   * @param {{ base: number, seen?: number, draft: any }} kept The version that it is saved on, and the one that was seen.
   */
  async resume(kept) {
    const { base, seen = base, draft } = kept;
    // Changes of cells count the rows of the version that they were made on.
    const there = this.version === seen || this.dataset.editor !== 'cells' || (await this.load(seen));
    if (there) await this.edit(draft);
    if (!this.editing) return this.tell(this.say('failed'), { bad: true, acts: [[this.say('again'), () => void this.resume(kept)]] });
    this.from = base;
    this.wrote = true;
    this.changed();
  }

  // Versions.

  /** Shows a version in the place of this one; whether it is there. @param {number} version @returns {Promise<boolean>} */
  async load(version) {
    let there = false;
    this.setAttribute('aria-busy', 'true');
    try {
      const loaded = (await fragment(withQuery(`${this.base}/panel`, { version }))).querySelector('cj-workshop');
      if (loaded) this.become(loaded);
      there = loaded !== null;
    } catch (error) {
      this.tell(complaint(this, error), { bad: true, acts: [[this.say('again'), () => void this.load(version)]] });
    }
    this.removeAttribute('aria-busy');
    return there;
  }

  /** @param {Element} other */
  become(other) {
    const { side } = this;
    const focused = this.contains(document.activeElement) ? document.activeElement : null;
    const act = focused instanceof HTMLElement ? focused.closest('[data-do]')?.getAttribute('data-do') : null;
    for (const { name, value } of [...other.attributes]) if (name.startsWith('data-')) this.setAttribute(name, value);
    const kept = focused && side.contains(focused);
    if (!kept) this.replaceChildren(...other.childNodes);
    else {
      // What is looked through with the keys stays where it is.
      for (const child of [...this.childNodes]) if (child !== side) child.remove();
      for (const child of [...other.childNodes]) if (!(child instanceof Element && child.matches('.workshop-side'))) side.before(child);
    }
    if (!kept) this.side.replaceWith(side);
    this.dress();
    if (act && !kept) /** @type {HTMLElement | null} */ (this.querySelector(`[data-do="${act}"]:not([hidden])`) ?? this.querySelector('[data-do="edit"]'))?.focus();
    this.markVersion();
    this.dispatchEvent(new CustomEvent('artifact-shown', { bubbles: true }));
  }

  /** @param {number} version */
  async restore(version) {
    try {
      const restored = await post(`${this.base}/restore`, { version });
      others.postMessage({ id: this.dataset.id, version: restored.version });
      await this.load(restored.version);
      this.tell(this.say('restored', { version, latest: restored.version }), { quiet: true });
      if (!this.side.hidden) await this.history(true);
    } catch (error) {
      this.tell(complaint(this, error), { bad: true });
    }
  }

  /** @param {string} title @param {...(Node | null)} content */
  openSide(title, ...content) {
    const head = make(
      'div',
      { class: 'side-title' },
      make('h3', {}, title),
      iconButton('close', this.say('close'), { click: () => this.closeSide(true) }),
    );
    this.side.replaceChildren(head, ...content.filter((node) => node !== null));
    this.side.hidden = false;
    this.tools();
  }

  closeSide(back = false) {
    this.side.hidden = true;
    this.side.replaceChildren();
    this.tools();
    if (back) /** @type {HTMLElement | null} */ (this.querySelector('[data-do="history"]:not([hidden])'))?.focus();
  }

  async history(again = false) {
    if (!again && !this.side.hidden) return this.closeSide();
    try {
      const { openHistory } = await import('./history.js');
      await openHistory(this);
    } catch (error) {
      this.tell(complaint(this, error), { bad: true });
    }
  }

  /** The shown version in the list of versions. */
  markVersion() {
    for (const row of this.side.querySelectorAll('[data-version]')) {
      if (Number(row.getAttribute('data-version')) === this.version) row.setAttribute('aria-current', 'true');
      else row.removeAttribute('aria-current');
    }
  }

  // Out of here.

  /** @param {HTMLElement} button */
  async copy(button) {
    try {
      const done = this.editing?.text
        ? await copy(this.editing.text())
        : this.dataset.editor === 'file'
          ? await (await import('./png.js')).copyPicture(this.view)
          : await copy(await getText(withQuery(`${this.base}/content`, { version: this.version })));
      this.tell(this.say(done ? 'copied' : 'not_copied'), { quiet: done, bad: !done });
      if (done) {
        button.classList.add('done');
        setTimeout(() => button.classList.remove('done'), 1_500);
      }
    } catch (error) {
      this.tell(complaint(this, error), { bad: true });
    }
  }

  /** @param {Element} button */
  async exportPicture(button) {
    button.closest('details')?.removeAttribute('open');
    try {
      const { fileName, picture } = await import('./png.js');
      const blob = await picture(this.view);
      if (blob) give(blob, fileName(this.called));
      else this.tell(this.say('no_picture'), { bad: true });
    } catch (error) {
      this.tell(complaint(this, error), { bad: true });
    }
  }

  /** A question about this, with what is selected, in the composer of the chat. */
  ask() {
    const field = document.querySelector('.composer textarea, form textarea[name="text"]');
    if (!(field instanceof HTMLTextAreaElement)) return;
    this.askHere?.remove();
    const chosen = (this.editing?.selection?.() || this.chosen).trim().slice(0, QUOTE);
    const quoted = chosen && `${chosen.split('\n').map((line) => `> ${line}`).join('\n')}\n\n`;
    const text = this.say(chosen ? 'ask_part' : 'ask_whole', { title: this.called });
    const before = field.value.trim() ? `${field.value.trimEnd()}\n\n` : '';
    // As if it were typed: the page's own program hears of it.
    const write = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value')?.set;
    write?.call(field, `${before}${text}\n${quoted ? `\n${quoted}` : ' '}`.replace(/\n $/, ' '));
    field.dispatchEvent(new Event('input', { bubbles: true }));
    this.dispatchEvent(new CustomEvent('artifact-asked', { bubbles: true }));
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
    field.scrollTop = field.scrollHeight;
  }
}

if (!customElements.get('cj-workshop')) customElements.define('cj-workshop', Workshop);
