// @ts-check
// <cj-table>: a hundred thousand rows of which only those in sight exist. The server gives the first hundred as HTML;
// the others come in windows of at most 500 as one scrolls, sorted and filtered there.
import { complaint, count, getJson, iconButton, icon, later, make, say, withQuery } from './common.js';

/** @typedef {{ key: number | string, name: string, type: string, base: number | null }} Column */
/** @typedef {{ key: number | string, cells: string[], state?: string }} Row */
/**
 * Where rows come from: the server's as they are, or with changes over them (cells.js).
 * @typedef {object} Rows
 * @property {() => number} total
 * @property {(at: number) => Row | undefined} row
 * @property {(first: number, end: number) => void} want
 * @property {() => Column[]} columns
 */

/** Rows that are asked for together, kept together, and at most one request's. */
const PAGE = 100;
const REQUEST = 500;
/** Pages that are kept: 20,000 rows. */
const KEPT = 200;
/** Rows beyond what is in sight. */
const AHEAD = 8;
const NARROWEST = 64;
const WIDEST = 340;

/** The server's rows in one order. */
export class Source {
  /** @type {Map<number, Row[]>} */
  pages = new Map();
  /** @type {Set<number>} */
  asked = new Set();
  /** @type {AbortController} */
  stop = new AbortController();
  /** @type {Record<string, string>} */
  query = {};
  all = 0;

  /** @param {string} part @param {() => void} came @param {(error: unknown) => void} failed */
  constructor(part, came, failed) {
    this.part = part;
    this.came = came;
    this.failed = failed;
  }

  get plain() {
    return !Object.keys(this.query).length;
  }

  /** Another order, or other rows. @param {Record<string, string>} query */
  again(query) {
    this.stop.abort();
    this.stop = new AbortController();
    this.query = query;
    this.pages.clear();
    this.asked.clear();
  }

  /** @param {number} at */
  row(at) {
    return this.pages.get(Math.floor(at / PAGE))?.[at % PAGE];
  }

  /** @param {number} first @param {number} end */
  want(first, end) {
    const from = Math.max(0, Math.floor(first / PAGE) - 1);
    const to = Math.min(Math.floor(Math.max(0, this.all - 1) / PAGE), Math.floor(end / PAGE) + 1);
    for (let page = from; page <= to; page++) {
      if (this.pages.has(page) || this.asked.has(page)) continue;
      let last = page;
      while (last < to && (last + 2 - page) * PAGE <= REQUEST && !this.pages.has(last + 1) && !this.asked.has(last + 1)) last++;
      void this.load(page, last);
      page = last;
    }
  }

  /** @param {number} first @param {number} last */
  async load(first, last) {
    const { signal } = this.stop;
    for (let page = first; page <= last; page++) this.asked.add(page);
    /** @type {Row[]} */
    const come = [];
    const wanted = (last - first + 1) * PAGE;
    try {
      // Very long rows come in several answers.
      for (;;) {
        const rest = { from: first * PAGE + come.length, count: wanted - come.length };
        const found = await getJson(withQuery(this.part, { ...this.query, ...rest }), { signal });
        if (signal.aborted) return;
        this.all = found.total;
        for (const [key, ...cells] of found.rows) come.push({ key, cells });
        if (!found.rows.length || come.length >= Math.min(wanted, found.total - first * PAGE)) break;
      }
      for (let page = first; page <= last; page++) this.pages.set(page, come.slice((page - first) * PAGE, (page - first + 1) * PAGE));
      // Those that are farthest in time go.
      for (const page of this.pages.keys()) {
        if (this.pages.size <= KEPT) break;
        if (page < first || page > last) this.pages.delete(page);
      }
      this.came();
    } catch (error) {
      if (!signal.aborted) this.failed(error);
    } finally {
      if (!signal.aborted) for (let page = first; page <= last; page++) this.asked.delete(page);
    }
  }
}

export class Table extends HTMLElement {
  /** @type {{ at: number, tr: HTMLTableRowElement }[]} */
  lines = [];
  /** @type {{ column: number, down: boolean } | null} */
  sort = null;
  /** @type {Map<number, string>} */
  filters = new Map();
  text = '';
  drawn = '';
  waiting = false;
  /** What is done after the rows were drawn. @type {(() => void) | null} */
  onDrawn = null;
  /** @type {Map<number | string, number>} */
  widths = new Map();
  passed = 0;
  /** When every cell is there as a whole. @type {Promise<void> | undefined} */
  whole;
  stale = false;
  wide = 0;
  wantLater = later(() => this.wantNow(), 80);

  connectedCallback() {
    if (this.place) return;
    const table = this.querySelector('table');
    if (!table?.tHead) return;
    /** @type {{ name: string, type: string }[]} */
    let named = [];
    try {
      named = JSON.parse(this.dataset.columns ?? '[]');
    } catch {
      // The header has the names.
    }
    const first = [...table.tBodies].flatMap((body) => [...body.rows]);
    const cellsOf = (/** @type {HTMLTableRowElement} */ tr) => [...tr.querySelectorAll('td')].map((td) => td.textContent ?? '');
    if (!named.length) named = [...table.tHead.rows[0].cells].map((th) => ({ name: th.textContent ?? '', type: 'text' }));
    /** @type {Column[]} */
    this.own = named.map(({ name, type }, at) => ({ key: at, base: at, name, type: type ?? 'text' }));
    const all = Number(this.dataset.rows) || first.length;

    this.source = new Source(this.dataset.part ?? '', () => this.came(), (error) => this.failed(error));
    this.source.all = all;
    this.source.pages.set(0, first.slice(0, PAGE).map((tr, at) => ({ key: Number(tr.dataset.row ?? at), cells: cellsOf(tr) })));
    // The page may hold fewer rows than a page of ours, or only the beginning of a long cell: those are fetched.
    if (first.length < Math.min(PAGE, all)) this.source.pages.clear();
    const cut = table.querySelector('[data-cut]') !== null;
    const source = this.source;
    const own = this.own;
    /** @type {Rows} */
    this.base = { total: () => source.all, row: (at) => source.row(at), want: (from, end) => source.want(from, end), columns: () => own };
    /** @type {Rows} */
    this.rows = this.base;

    this.measure();
    if (cut) {
      this.stale = true;
      this.whole = this.source.load(0, 0);
    }
    this.build(table);
    this.size = new ResizeObserver(() => {
      const wide = this.place?.clientWidth ?? 0;
      // A heading that is being written in stays.
      if (wide !== this.wide && !this.head?.contains(document.activeElement)) this.header();
      this.wide = wide;
      this.draw();
    });
    if (this.place) this.size.observe(this.place);
    this.draw(true);
  }

  disconnectedCallback() {
    this.size?.disconnect();
    this.source?.stop.abort();
  }

  /** How wide columns are, told by the longest of the first rows: no layout has to be waited for. */
  measure() {
    this.own?.forEach(({ name, type, key }, at) => {
      const longest = Math.max(name.length + 3, ...(this.source?.pages.get(0) ?? []).map(({ cells }) => (cells[at] ?? '').length));
      this.widths.set(key, Math.min(WIDEST, Math.max(NARROWEST, Math.ceil(longest * (type === 'text' ? 7.2 : 7.8)) + 26)));
    });
  }

  /** @param {HTMLTableElement} table */
  build(table) {
    this.high = matchMedia('(pointer: coarse), (max-width: 899px)').matches ? 40 : 30;
    this.style.setProperty('--row', `${this.high}px`);
    const search = make('input', {
      type: 'search',
      class: 'input',
      placeholder: say(this, 'filter_rows'),
      'aria-label': say(this, 'filter_rows'),
      input: later(() => {
        this.text = search.value.trim();
        this.ask();
      }, 250),
    });
    this.status = make('p', { class: 'table-count', role: 'status' });
    this.filterButton = iconButton('filter', say(this, 'filter_columns'), { 'aria-pressed': 'false', click: () => this.toggleFilters() });
    this.tools = make('div', { class: 'table-edit', role: 'toolbar', 'aria-label': say(this, 'table_tools') });
    this.tools.hidden = true;
    const bar = make('div', { class: 'table-tools' }, search, this.filterButton, this.tools, this.status);

    table.className = 'grid virtual';
    table.setAttribute('aria-rowcount', String((this.source?.all ?? 0) + 1));
    this.table = table;
    this.columnGroup = make('colgroup');
    this.head = make('thead');
    this.body = make('tbody');
    this.top = make('tr', { class: 'gap', 'aria-hidden': 'true' }, make('td'));
    this.bottom = make('tr', { class: 'gap', 'aria-hidden': 'true' }, make('td'));
    this.body.append(this.top, this.bottom);
    table.replaceChildren(...(table.caption ? [table.caption] : []), this.columnGroup, this.head, this.body);
    this.place = make('div', { class: 'table-place', tabindex: 0, role: 'region', 'aria-label': say(this, 'table'), scroll: this.scrolled }, table);
    this.nothing = make('p', { class: 'table-nothing' }, say(this, 'no_rows'));
    this.nothing.hidden = true;
    this.place.append(this.nothing);
    this.replaceChildren(bar, this.place);
    this.header();
    this.tellCount();
  }

  /** The headings, which sort; and under them a field for each column's filter. */
  header() {
    const { head, columnGroup, table } = this;
    if (!head || !columnGroup || !table || !this.rows) return;
    const columns = this.rows.columns();
    const digits = Math.max(2, String(this.rows.total()).length);
    const gutter = digits * 7 + 18;
    const widths = columns.map(({ key }) => this.widths.get(key) ?? 140);
    // The last one has what is left.
    const left = (this.place?.clientWidth ?? 0) - gutter - widths.reduce((sum, width) => sum + width, 0);
    if (left > 0) widths[widths.length - 1] += left;
    columnGroup.replaceChildren(...[gutter, ...widths].map((width) => make('col', { style: `inline-size:${width}px` })));
    table.style.inlineSize = `${gutter + widths.reduce((sum, width) => sum + width, 0)}px`;
    const cells = columns.map((column, at) => {
      const sorted = this.sort && this.sort.column === column.base && column.base !== null ? this.sort : null;
      const button = make(
        'button',
        { type: 'button', class: 'sort', disabled: column.base === null, title: column.name, click: () => column.base !== null && this.order(column.base) },
        make('span', {}, column.name || '—'),
        icon('down'),
      );
      const grip = make('span', { class: 'column-grip', 'aria-hidden': 'true', pointerdown: (/** @type {PointerEvent} */ event) => this.resize(event, column, at) });
      const state = sorted ? (sorted.down ? 'descending' : 'ascending') : 'none';
      return make('th', { scope: 'col', class: column.type, 'data-column': at, 'aria-sort': state, 'aria-colindex': at + 2 }, button, grip);
    });
    const rows = [make('tr', { 'aria-rowindex': 1 }, make('th', { scope: 'col', class: 'n' }, make('span', { class: 'sr-only' }, say(this, 'row'))), ...cells)];
    if (this.filtering) {
      const fields = columns.map(({ base, name }) => {
        if (base === null) return make('td');
        const field = make('input', {
          type: 'search',
          class: 'input',
          value: this.filters.get(base) ?? '',
          'aria-label': say(this, 'filter_column', { name }),
          input: later(() => {
            if (field.value.trim()) this.filters.set(base, field.value.trim());
            else this.filters.delete(base);
            this.ask();
          }, 250),
        });
        return make('td', {}, field);
      });
      rows.push(make('tr', { class: 'column-filters' }, make('td', { class: 'n' }), ...fields));
    }
    head.replaceChildren(...rows);
    for (const gap of [this.top, this.bottom]) if (gap) gap.cells[0].colSpan = columns.length + 1;
  }

  toggleFilters() {
    this.filtering = !this.filtering;
    this.filterButton?.setAttribute('aria-pressed', String(this.filtering));
    if (!this.filtering && this.filters.size) {
      this.filters.clear();
      this.ask();
    }
    this.header();
    if (this.filtering) /** @type {HTMLElement | null} */ (this.head?.querySelector('.column-filters input'))?.focus();
  }

  /** Up, down, as it was. @param {number} column */
  order(column) {
    const { sort } = this;
    this.sort = sort?.column !== column ? { column, down: false } : sort.down ? null : { column, down: true };
    this.ask();
    this.header();
    /** @type {HTMLElement | null} */ (this.head?.querySelector(`th[data-column="${this.rows?.columns().findIndex(({ base }) => base === column)}"] .sort`))?.focus();
  }

  /** Rows in the order and with the filters that are set now. */
  ask() {
    const query = /** @type {Record<string, string>} */ ({});
    if (this.sort) query.sort = `${this.sort.down ? '-' : ''}${this.sort.column}`;
    if (this.text) query.filter = this.text;
    for (const [column, text] of this.filters) query[`f${column}`] = text;
    this.source?.again(query);
    this.setAttribute('aria-busy', 'true');
    this.stale = true;
    if (this.place) this.place.scrollTop = 0;
    this.drawn = '';
    this.source?.load(0, 1);
  }

  /** Everything as it is in the content. */
  plain() {
    if (this.source?.plain) return;
    this.sort = null;
    this.text = '';
    this.filters.clear();
    this.filtering = false;
    this.filterButton?.setAttribute('aria-pressed', 'false');
    const search = /** @type {HTMLInputElement | null} */ (this.querySelector('.table-tools input[type="search"]'));
    if (search) search.value = '';
    this.source?.again({});
    if (this.source) this.source.all = Number(this.dataset.rows) || 0;
    this.header();
    this.draw(true);
  }

  came() {
    this.removeAttribute('aria-busy');
    this.tellCount();
    // Rows that were there stay as they are, unless the order is another one.
    this.drawn = '';
    this.draw(this.stale);
    this.stale = false;
  }

  /** @param {unknown} error */
  failed(error) {
    this.removeAttribute('aria-busy');
    if (!this.status) return;
    this.status.replaceChildren(complaint(this, error), ' ', make('button', { type: 'button', class: 'button plain-line', click: () => this.draw(true) }, say(this, 'again')));
  }

  tellCount() {
    const total = this.rows?.total() ?? 0;
    const all = Number(this.dataset.rows) || 0;
    if (this.status) {
      const some = this.source && !this.source.plain && total !== all;
      this.status.textContent = some ? say(this, 'rows_of', { n: count(total), all: count(all) }) : say(this, 'rows', { n: count(total) });
    }
    if (this.nothing) this.nothing.hidden = total > 0;
    this.table?.setAttribute('aria-rowcount', String(total + 1));
  }

  scrolled = () => {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  };

  wantNow() {
    const { lines, rows } = this;
    if (lines.length) rows?.want(lines[0].at, lines[lines.length - 1].at + 1);
  }

  /** Draws the rows in sight. @param {boolean} [anew] Their content has changed, too. */
  draw(anew = false) {
    const { place, body, rows, head, high = 30 } = this;
    if (!place || !body || !rows || !this.bottom || !this.top) return;
    const total = rows.total();
    const lead = head?.offsetHeight ?? 0;
    const first = Math.max(0, Math.floor(place.scrollTop / high) - AHEAD);
    const end = Math.min(total, Math.ceil((place.scrollTop + Math.max(0, place.clientHeight - lead)) / high) + AHEAD);
    const range = `${first}-${end}/${total}`;
    if (!anew && range === this.drawn) return;
    this.drawn = range;
    // Who scrolls on does not wait for what was passed.
    const far = Math.abs(place.scrollTop - this.passed) > place.clientHeight;
    this.passed = place.scrollTop;
    if (far) this.wantLater();
    else rows.want(first, end);
    const known = new Map(this.lines.map((line) => [line.at, line]));
    const free = this.lines.filter(({ at }) => at < first || at >= end).map(({ tr }) => tr);
    const lines = [];
    let before = this.top;
    const columns = rows.columns();
    for (let at = first; at < end; at++) {
      let line = known.get(at);
      if (!line) {
        line = { at, tr: free.pop() ?? make('tr') };
        this.fill(line.tr, at, columns);
      } else if (anew || line.tr.classList.contains('coming')) this.fill(line.tr, at, columns);
      if (before.nextSibling !== line.tr) before.after(line.tr);
      before = line.tr;
      lines.push(line);
    }
    for (const tr of free) tr.remove();
    this.lines = lines;
    this.top.cells[0].style.blockSize = `${first * high}px`;
    this.bottom.cells[0].style.blockSize = `${Math.max(0, total - end) * high}px`;
    this.top.hidden = first === 0;
    this.bottom.hidden = end >= total;
    this.onDrawn?.();
  }

  /** @param {HTMLTableRowElement} tr @param {number} at @param {Column[]} columns */
  fill(tr, at, columns) {
    const row = this.rows?.row(at);
    while (tr.cells.length > columns.length + 1) tr.deleteCell(-1);
    while (tr.cells.length < columns.length + 1) tr.append(tr.cells.length ? make('td') : make('th', { scope: 'row', class: 'n' }));
    tr.className = row ? (row.state ?? '') : 'coming';
    tr.setAttribute('aria-rowindex', String(at + 2));
    tr.dataset.at = String(at);
    const number = row && typeof row.key === 'number' && !this.source?.plain ? row.key + 1 : at + 1;
    tr.cells[0].textContent = row ? count(number) : '';
    for (let column = 0; column < columns.length; column++) {
      const cell = tr.cells[column + 1];
      const text = row?.cells[column] ?? '';
      if (cell.childNodes.length !== 1 || cell.firstChild?.nodeType !== Node.TEXT_NODE) cell.textContent = text;
      else if (cell.firstChild.nodeValue !== text) cell.firstChild.nodeValue = text;
      const { type } = columns[column];
      if (cell.className !== type) cell.className = type;
      if (text.length > 24) cell.title = text.slice(0, 2_000);
      else if (cell.title) cell.removeAttribute('title');
    }
  }

  /** @param {number} at */
  reveal(at) {
    const { place, head, high = 30 } = this;
    if (!place) return;
    const lead = head?.offsetHeight ?? 0;
    const room = place.clientHeight - lead - 16;
    if (at * high < place.scrollTop) place.scrollTop = at * high;
    else if ((at + 1) * high > place.scrollTop + room) place.scrollTop = (at + 1) * high - room;
    this.draw();
  }

  /** A column's edge is drawn wider or narrower. @param {PointerEvent} event @param {Column} column @param {number} at */
  resize(event, column, at) {
    event.preventDefault();
    const grip = /** @type {HTMLElement} */ (event.target);
    grip.setPointerCapture(event.pointerId);
    const begin = event.clientX;
    const width = this.widths.get(column.key) ?? 140;
    const move = (/** @type {PointerEvent} */ moved) => {
      const wide = Math.max(NARROWEST, width + moved.clientX - begin);
      const col = /** @type {HTMLElement | undefined} */ (this.columnGroup?.children[at + 1]);
      if (!col || !this.table) return;
      const before = this.widths.get(column.key) ?? 140;
      this.widths.set(column.key, wide);
      col.style.inlineSize = `${wide}px`;
      this.table.style.inlineSize = `${Number.parseFloat(this.table.style.inlineSize) + wide - before}px`;
    };
    grip.addEventListener('pointermove', move);
    grip.addEventListener('lostpointercapture', () => grip.removeEventListener('pointermove', move), { once: true });
  }
}

if (!customElements.get('cj-table')) customElements.define('cj-table', Table);
