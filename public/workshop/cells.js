// @ts-check
// Editing a table in place. Changes lie over the server's rows and are sent as a list when they are saved, so a hundred
// thousand rows are never loaded for one cell.
import { copy, iconButton, make } from './common.js';
import './table.js';

/** @typedef {import('./workshop.js').Workshop} Workshop */
/** @typedef {import('./table.js').Table} Table */
/** @typedef {import('./table.js').Column} Column */
/** @typedef {import('./table.js').Row} Row */
/** @typedef {number | string} Key A row of the content, or one that is new. */
/** @typedef {Record<string, any>} Wire An edit as the server takes it. */
/** @typedef {{ wire: Wire, undo: () => void, redo: () => void, at?: number }} Done */
/** A run of the content's rows, or a new row. @typedef {{ start: number, count: number } | { fresh: string, count: 1 }} Piece */

/** The most changes between two savings. */
const MOST = 20_000;

/** A content with changes over it. */
class Model {
  /** @type {Map<Key, Map<Key, string>>} */
  values = new Map();
  /** @type {Set<Key>} */
  gone = new Set();
  /** @type {Done[]} */
  done = [];
  /** @type {Done[]} */
  undone = [];
  made = 0;

  /** @param {Table} table */
  constructor(table) {
    this.table = table;
    this.source = /** @type {import('./table.js').Source} */ (table.source);
    /** @type {Piece[]} */
    this.pieces = [{ start: 0, count: Number(table.dataset.rows) || 0 }];
    /** @type {Column[]} */
    this.own = [...(table.own ?? [])];
    this.length = this.pieces[0].count;
  }

  total = () => (this.source.plain ? this.length : this.source.all);
  columns = () => this.own;

  /** @param {number} at */
  find(at) {
    let left = at;
    for (let index = 0; index < this.pieces.length; index++) {
      const { count } = this.pieces[index];
      if (left < count) return { index, offset: left };
      left -= count;
    }
    return { index: this.pieces.length, offset: 0 };
  }

  /** Which row is at a place of what is shown. @param {number} at @returns {Key | undefined} */
  keyAt(at) {
    if (!this.source.plain) return this.source.row(at)?.key;
    const { index, offset } = this.find(at);
    const piece = this.pieces[index];
    if (!piece) return undefined;
    return 'fresh' in piece ? piece.fresh : piece.start + offset;
  }

  /** Where a row is in the content now. @param {Key} key */
  placeOf(key) {
    let before = 0;
    for (const piece of this.pieces) {
      if ('fresh' in piece) {
        if (piece.fresh === key) return before;
      } else if (typeof key === 'number' && key >= piece.start && key < piece.start + piece.count) return before + key - piece.start;
      before += piece.count;
    }
    return -1;
  }

  /** @param {number} at @returns {Row | undefined} */
  row = (at) => {
    const key = this.keyAt(at);
    if (key === undefined) return undefined;
    const base = typeof key === 'number' ? (this.source.plain ? this.source.row(key) : this.source.row(at)) : null;
    if (base === undefined) return undefined;
    const own = this.values.get(key);
    const cells = this.own.map((column) => own?.get(column.key) ?? (column.base === null ? '' : (base?.cells[column.base] ?? '')));
    return { key, cells, state: this.gone.has(key) ? 'gone' : base ? (own?.size ? 'changed' : '') : 'fresh' };
  };

  /** @param {number} first @param {number} end */
  want = (first, end) => {
    if (!this.source.plain) return this.source.want(first, end);
    // The rows of the content that are in sight, which changes have moved.
    let least = Infinity;
    let most = -1;
    for (let at = first; at < end; at++) {
      const key = this.keyAt(at);
      if (typeof key !== 'number') continue;
      least = Math.min(least, key);
      most = Math.max(most, key);
    }
    if (most >= 0) this.source.want(least, most + 1);
  };

  /** @param {Wire} wire @param {() => void} redo @param {() => void} undo */
  act(wire, redo, undo) {
    if (this.done.length >= MOST) return false;
    this.undone = [];
    redo();
    this.done.push({ wire, redo, undo });
    return true;
  }

  /** @param {Key} key @param {number} column @param {string} value */
  set(key, column, value) {
    const { key: name } = this.own[column];
    const place = this.placeOf(key);
    if (place < 0) return false;
    const before = this.values.get(key)?.get(name);
    const write = (/** @type {string | undefined} */ text) => {
      const own = this.values.get(key) ?? new Map();
      if (text === undefined) own.delete(name);
      else own.set(name, text);
      if (own.size) this.values.set(key, own);
      else this.values.delete(key);
    };
    return this.act({ set: [place, column, value] }, () => write(value), () => write(before));
  }

  /** @param {number} at @param {string[]} [cells] */
  insert(at, cells) {
    const fresh = `new-${this.made++}`;
    const given = this.own.map((_, column) => cells?.[column] ?? '');
    const own = new Map(this.own.map(({ key }, column) => [key, given[column]]));
    return this.act(
      { insert: [at, given] },
      () => {
        this.values.set(fresh, new Map(own));
        this.splice(at, { fresh, count: 1 });
      },
      () => {
        this.values.delete(fresh);
        this.cut(this.placeOf(fresh));
      },
    );
  }

  /** @param {Key} key */
  remove(key) {
    const at = this.placeOf(key);
    if (at < 0) return false;
    return this.act(
      { remove: at },
      () => {
        this.gone.add(key);
        this.cut(at);
      },
      () => {
        this.gone.delete(key);
        this.splice(at, typeof key === 'number' ? { start: key, count: 1 } : { fresh: key, count: 1 });
      },
    );
  }

  /** @param {number} at @param {Piece} piece */
  splice(at, piece) {
    const { index, offset } = this.find(at);
    const split = this.pieces[index];
    if (split && offset > 0 && 'start' in split) {
      this.pieces.splice(index, 1, { start: split.start, count: offset }, piece, { start: split.start + offset, count: split.count - offset });
    } else this.pieces.splice(index, 0, piece);
    this.length += piece.count;
  }

  /** @param {number} at */
  cut(at) {
    const { index, offset } = this.find(at);
    const split = this.pieces[index];
    if (!split) return;
    const left = 'start' in split ? [{ start: split.start, count: offset }, { start: split.start + offset + 1, count: split.count - offset - 1 }] : [];
    this.pieces.splice(index, 1, ...left.filter(({ count }) => count > 0));
    this.length -= 1;
  }

  /** @param {number} at @param {string} name */
  addColumn(at, name) {
    const column = { key: `column-${this.made++}`, base: null, name, type: 'text' };
    return this.act({ add_column: [at, name] }, () => void this.own.splice(at, 0, column), () => void this.own.splice(at, 1));
  }

  /** @param {number} at */
  removeColumn(at) {
    const column = this.own[at];
    return this.act({ remove_column: at }, () => void this.own.splice(at, 1), () => void this.own.splice(at, 0, column));
  }

  /** @param {number} at @param {string} name */
  renameColumn(at, name) {
    const before = this.own[at];
    const after = { ...before, name };
    return this.act({ rename_column: [at, name] }, () => void (this.own[at] = after), () => void (this.own[at] = before));
  }

  /** A kept list of edits, made again. @param {Wire[]} wires */
  replay(wires) {
    for (const wire of wires) {
      if (wire.set) {
        const [at, column, value] = wire.set;
        const key = this.keyAt(at);
        if (key !== undefined && this.own[column]) this.set(key, column, value);
      } else if (wire.insert) this.insert(wire.insert[0], wire.insert[1]);
      else if (wire.remove !== undefined) {
        const key = this.keyAt(wire.remove);
        if (key !== undefined) this.remove(key);
      } else if (wire.add_column) this.addColumn(wire.add_column[0], wire.add_column[1]);
      else if (wire.remove_column !== undefined) this.removeColumn(wire.remove_column);
      else if (wire.rename_column) this.renameColumn(wire.rename_column[0], wire.rename_column[1]);
    }
  }
}

/**
 * @param {Workshop} host
 * @param {Wire[]} [draft]
 * @param {[number, number]} [where]
 * @returns {Promise<import('./workshop.js').Editing>}
 */
export async function edit(host, draft, where) {
  const table = /** @type {Table | null} */ (host.view.querySelector('cj-table'));
  if (!table?.table || !table.place || !table.base) throw new Error('there is no table to edit');
  await table.whole;
  table.plain();
  const model = new Model(table);
  // Drafts of before were the edits alone.
  const kept = Array.isArray(draft) ? { edits: draft, title: host.called } : draft;
  if (kept) model.replay(kept.edits);
  const title = make('input', { class: 'input', value: kept?.title ?? host.called, maxlength: 200, 'aria-label': host.say('title'), placeholder: host.say('title') });
  title.addEventListener('input', () => host.changed());
  const named = () => title.value.trim() !== '' && title.value !== host.called;
  host.editPlace.replaceChildren(make('div', { class: 'edit-bar' }, title));
  const cells = new Cells(host, table, model);
  if (where) cells.move(...where);
  return {
    body: () => ({
      ...(model.done.length > 0 && { edits: model.done.map(({ wire }) => wire) }),
      ...(named() && { title: title.value.trim() }),
    }),
    where: () => [cells.at, cells.column],
    draft: () => ({ edits: model.done.map(({ wire }) => wire), title: title.value }),
    dirty: () => model.done.length > 0 || named(),
    can: () => ({ undo: model.done.length > 0, redo: model.undone.length > 0 }),
    undo: () => cells.step(model.done, model.undone, 'undo'),
    redo: () => cells.step(model.undone, model.done, 'redo'),
    focus: () => table.table?.focus({ preventScroll: true }),
    selection: () => cells.text(),
    close: () => cells.close(),
  };
}

/** The cursor in the grid, and what the keys and buttons do at it. */
class Cells {
  at = 0;
  column = 0;
  /** @type {HTMLInputElement | null} */
  field = null;

  /** @param {Workshop} host @param {Table} table @param {Model} model */
  constructor(host, table, model) {
    this.host = host;
    this.table = table;
    this.model = model;
    this.grid = /** @type {HTMLTableElement} */ (table.table);
    table.rows = model;
    table.onDrawn = () => this.paint();
    table.classList.add('editing');
    this.grid.setAttribute('role', 'grid');
    this.grid.tabIndex = 0;
    this.grid.setAttribute('aria-label', host.called);
    table.place?.removeAttribute('tabindex');
    this.heard = /** @type {[keyof HTMLElementEventMap, (event: any) => void][]} */ ([
      ['pointerdown', this.pointed],
      ['dblclick', this.twice],
      ['keydown', this.key],
      ['paste', this.paste],
      ['copy', this.copied],
    ]);
    for (const [name, act] of this.heard) this.grid.addEventListener(name, act);
    this.tools();
    this.redraw();
  }

  close() {
    this.commit();
    for (const [name, act] of this.heard) this.grid.removeEventListener(name, act);
    const { table } = this;
    table.onDrawn = null;
    table.rows = table.base;
    table.classList.remove('editing');
    this.grid.removeAttribute('role');
    this.grid.removeAttribute('tabindex');
    this.grid.removeAttribute('aria-activedescendant');
    this.grid.removeAttribute('aria-label');
    for (const cell of this.grid.querySelectorAll('[role="gridcell"]')) cell.removeAttribute('role');
    this.grid.querySelector('.here')?.classList.remove('here');
    table.place?.setAttribute('tabindex', '0');
    if (table.tools) {
      table.tools.replaceChildren();
      table.tools.hidden = true;
    }
    table.drawn = '';
    table.header();
    table.tellCount();
    table.draw(true);
  }

  tools() {
    const { table, host } = this;
    const act = (/** @type {() => void} */ click) => ({
      click: () => {
        this.commit();
        click();
      },
    });
    const columnName = () => host.say('new_column');
    const where = () => {
      // A place between rows is only known in the content's own order.
      const key = this.model.keyAt(this.at);
      const place = key === undefined ? 0 : this.model.placeOf(key);
      table.plain();
      return Math.max(0, place);
    };
    table.tools?.replaceChildren(
      iconButton('rowAbove', host.say('row_above'), act(() => this.insert(where()))),
      iconButton('rowBelow', host.say('row_below'), act(() => this.insert(this.model.length ? where() + 1 : 0))),
      iconButton('trash', host.say('remove_row'), act(() => this.removeRow())),
      make('span', { class: 'between', 'aria-hidden': 'true' }),
      iconButton(
        'columnAfter',
        host.say('column_after'),
        act(() => {
          const at = Math.min(this.column + 1, this.model.own.length);
          if (!this.did(this.model.addColumn(at, columnName()))) return;
          this.column = at;
          this.redraw();
          this.rename(at);
        }),
      ),
      iconButton('edit', host.say('rename_column'), act(() => this.rename(this.column))),
      iconButton('columnOut', host.say('remove_column'), act(() => this.removeColumn())),
    );
    if (table.tools) table.tools.hidden = false;
  }

  /** @param {boolean} done */
  did(done) {
    if (done) this.host.changed();
    else this.host.tell(this.host.say('too_many_edits'), { bad: true });
    return done;
  }

  redraw() {
    this.table.header();
    this.table.tellCount();
    this.table.draw(true);
  }

  /** @param {Done[]} from @param {Done[]} to @param {'undo' | 'redo'} way */
  step(from, to, way) {
    this.commit();
    const done = from.pop();
    if (!done) return;
    done[way]();
    to.push(done);
    const { set, insert, remove } = done.wire;
    const at = set?.[0] ?? insert?.[0] ?? remove;
    if (at !== undefined && this.table.source?.plain) this.move(Math.min(at, this.model.total() - 1), set?.[1] ?? this.column);
    this.redraw();
    this.host.changed();
  }

  /** @param {number} at */
  insert(at) {
    if (!this.did(this.model.insert(at))) return;
    this.redraw();
    this.move(at, this.column);
    this.grid.focus({ preventScroll: true });
  }

  removeRow() {
    const key = this.model.keyAt(this.at);
    if (key === undefined || this.model.gone.has(key) || !this.did(this.model.remove(key))) return;
    this.redraw();
    this.move(Math.min(this.at, this.model.total() - 1), this.column);
    this.grid.focus({ preventScroll: true });
  }

  removeColumn() {
    if (this.model.own.length < 2 || !this.did(this.model.removeColumn(this.column))) return;
    this.column = Math.min(this.column, this.model.own.length - 1);
    this.redraw();
    this.grid.focus({ preventScroll: true });
  }

  /** The heading becomes a field. @param {number} column */
  rename(column) {
    const heading = this.grid.querySelector(`th[data-column="${column}"]`);
    if (!heading) return;
    const before = this.model.own[column].name;
    const field = make('input', { class: 'cell-field', value: before, maxlength: 200, 'aria-label': this.host.say('rename_column') });
    let open = true;
    const end = (/** @type {boolean} */ keep) => {
      if (!open) return;
      open = false;
      const name = field.value.trim();
      if (keep && name && name !== before) this.did(this.model.renameColumn(column, name));
      this.redraw();
      this.grid.focus({ preventScroll: true });
    };
    field.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Enter') end(true);
      else if (event.key === 'Escape') {
        event.preventDefault();
        end(false);
      }
    });
    field.addEventListener('blur', () => end(true));
    heading.replaceChildren(field);
    heading.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    field.focus();
    field.select();
  }

  // The cursor.

  get cell() {
    const line = this.table.lines.find(({ at }) => at === this.at);
    return /** @type {HTMLTableCellElement | undefined} */ (line?.tr.cells[this.column + 1]);
  }

  text() {
    return this.model.row(this.at)?.cells[this.column] ?? '';
  }

  /** @param {number} at @param {number} column */
  move(at, column) {
    this.commit();
    this.at = Math.max(0, Math.min(at, this.model.total() - 1));
    this.column = Math.max(0, Math.min(column, this.model.own.length - 1));
    this.table.reveal(this.at);
    this.paint();
    const { cell } = this;
    const place = this.table.place;
    if (!cell || !place) return;
    // Beside the numbers, which stay where they are.
    const gutter = this.grid.querySelector('th.n')?.getBoundingClientRect().width ?? 0;
    if (cell.offsetLeft - gutter < place.scrollLeft) place.scrollLeft = cell.offsetLeft - gutter;
    else if (cell.offsetLeft + cell.offsetWidth > place.scrollLeft + place.clientWidth) place.scrollLeft = cell.offsetLeft + cell.offsetWidth - place.clientWidth;
  }

  paint() {
    for (const { tr, at } of this.table.lines) {
      for (let column = 1; column < tr.cells.length; column++) {
        const cell = tr.cells[column];
        const here = at === this.at && column - 1 === this.column;
        if (cell.getAttribute('role') !== 'gridcell') cell.setAttribute('role', 'gridcell');
        if (cell.classList.contains('here') !== here) cell.classList.toggle('here', here);
        if (here) {
          cell.id ||= `cell-${Math.random().toString(36).slice(2)}`;
          this.grid.setAttribute('aria-activedescendant', cell.id);
        }
      }
    }
    // What scrolled away while it was written in is written.
    if (this.field && !this.field.isConnected) this.field = null;
  }

  /** @param {PointerEvent} event */
  pointed = (event) => {
    const cell = event.target instanceof Element ? event.target.closest('tbody td') : null;
    const line = this.table.lines.find(({ tr }) => tr === cell?.parentElement);
    if (!(cell instanceof HTMLTableCellElement) || !line || cell.contains(this.field)) return;
    event.preventDefault();
    const again = line.at === this.at && cell.cellIndex - 1 === this.column;
    this.move(line.at, cell.cellIndex - 1);
    this.grid.focus({ preventScroll: true });
    // A finger has no keys: what is touched twice is written in.
    if (again && event.pointerType === 'touch') this.open();
  };

  /** @param {MouseEvent} event */
  twice = (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const heading = target?.closest('th[data-column]');
    if (heading instanceof HTMLElement && !heading.querySelector('input')) return this.rename(Number(heading.dataset.column));
    if (target?.closest('tbody td') && !this.field) this.open();
  };

  /** Writes in the cell. @param {string} [text] */
  open(text) {
    const { cell } = this;
    const row = this.model.row(this.at);
    if (!cell || !row || row.state === 'gone' || this.field) return;
    const before = row.cells[this.column];
    const field = make('input', { class: 'cell-field', 'aria-label': this.model.own[this.column].name });
    field.value = text ?? before;
    this.field = field;
    const { key } = row;
    const { column } = this;
    this.write = () => {
      if (field.value !== before) this.did(this.model.set(key, column, field.value));
    };
    field.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Escape') {
        event.preventDefault();
        this.commit(false);
      } else if (event.key === 'Enter' && !event.isComposing) {
        event.preventDefault();
        this.move(this.at + (event.shiftKey ? -1 : 1), this.column);
      } else if (event.key === 'Tab') {
        event.preventDefault();
        this.move(this.at, this.column + (event.shiftKey ? -1 : 1));
      } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's') {
        event.preventDefault();
        this.commit();
        void this.host.save(true);
        return;
      } else return;
      this.grid.focus({ preventScroll: true });
    });
    field.addEventListener('blur', () => this.commit());
    cell.replaceChildren(field);
    field.focus();
    if (text === undefined) field.select();
  }

  /** @param {boolean} [keep] */
  commit(keep = true) {
    if (!this.field) return;
    this.field = null;
    if (keep) this.write?.();
    this.table.draw(true);
  }

  /** @param {KeyboardEvent} event */
  key = (event) => {
    if (event.target !== this.grid) return;
    const command = event.ctrlKey || event.metaKey;
    const page = Math.max(1, Math.floor((this.table.place?.clientHeight ?? 300) / (this.table.high ?? 30)) - 2);
    const last = this.model.total() - 1;
    const right = this.model.own.length - 1;
    const go = /** @type {Record<string, [number, number]>} */ ({
      ArrowUp: [this.at - 1, this.column],
      ArrowDown: [this.at + 1, this.column],
      ArrowLeft: [this.at, this.column - 1],
      ArrowRight: [this.at, this.column + 1],
      Home: [command ? 0 : this.at, 0],
      End: [command ? last : this.at, right],
      PageUp: [this.at - page, this.column],
      PageDown: [this.at + page, this.column],
    })[event.key];
    const letter = event.key.toLowerCase();
    if (go && !event.altKey) this.move(...go);
    else if (command && letter === 'z') (event.shiftKey ? this.host.editing?.redo() : this.host.editing?.undo());
    else if (command && letter === 'y') this.host.editing?.redo();
    else if (command || event.altKey) return;
    else if (event.key === 'Enter' || event.key === 'F2') this.open();
    else if (event.key === 'Delete' || event.key === 'Backspace') this.put('');
    else if (event.key.length === 1) this.open(event.key);
    else return;
    event.preventDefault();
  };

  /** @param {string} text */
  put(text) {
    const row = this.model.row(this.at);
    if (!row || row.state === 'gone' || row.cells[this.column] === text) return;
    this.did(this.model.set(row.key, this.column, text));
    this.table.draw(true);
  }

  /** @param {ClipboardEvent} event */
  copied = (event) => {
    if (this.field) return;
    event.preventDefault();
    if (event.clipboardData) event.clipboardData.setData('text/plain', this.text());
    else void copy(this.text());
  };

  /** A cell, or a block of them as spreadsheets copy it. @param {ClipboardEvent} event */
  paste = (event) => {
    if (this.field) return;
    event.preventDefault();
    const text = event.clipboardData?.getData('text/plain') ?? '';
    const block = text.replace(/\r?\n$/, '').split(/\r?\n/).slice(0, 1_000).map((line) => line.split('\t'));
    let whole = true;
    block.forEach((line, down) => {
      const at = this.at + down;
      if (at >= this.model.total() && this.table.source?.plain) whole = this.model.insert(this.model.length) && whole;
      const key = this.model.keyAt(at);
      if (key === undefined || this.model.gone.has(key)) return;
      line.slice(0, this.model.own.length - this.column).forEach((value, across) => {
        whole = this.model.set(key, this.column + across, value) && whole;
      });
    });
    this.did(whole);
    this.redraw();
  };
}
