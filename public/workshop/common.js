// @ts-check
// What every part of the workshop uses: words, the server, icons, small helpers.
import { WORDS } from './words.js';

/** @typedef {{ line?: number | null, column?: number | null, words: string }} Problem */

/**
 * What the workshop says, in the page's language. `{name}` is replaced.
 * @param {Element} element where it is said
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function say(element, key, values = {}) {
  // `one` of them is said differently.
  const words = values.n === '1' || values.n === 1 ? (WORDS[`${key}_one`] ?? WORDS[key]) : WORDS[key];
  const said = words?.[element.ownerDocument.documentElement.lang === 'en' ? 1 : 0] ?? key;
  return said.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** @type {Intl.NumberFormat | undefined} */
let numbers;

/** A number as the page's language writes it. @param {number} n */
export function count(n) {
  numbers ??= new Intl.NumberFormat(document.documentElement.lang || undefined);
  return numbers.format(n);
}

/** The server said no, or was not to be reached (status 0). */
export class Refusal extends Error {
  /** @param {number} status @param {string} message @param {any} [body] */
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** @param {string} path @param {RequestInit} [options] */
async function request(path, options) {
  const address = new URL(path, location.href);
  // Whatever an artifact holds, nothing is asked of anybody else.
  if (address.origin !== location.origin) throw new Refusal(0, path);
  let response;
  try {
    response = await fetch(address, { credentials: 'same-origin', ...options });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Refusal(0, '');
  }
  if (response.ok) return response;
  let body;
  try {
    body = await response.json();
  } catch {
    // A page of the server's, or of what is before it.
  }
  throw new Refusal(response.status, body?.error?.message ?? '', body);
}

/** @param {string} path @param {RequestInit} [options] */
export const getText = async (path, options) => (await request(path, options)).text();
/** @param {string} path @param {RequestInit} [options] @returns {Promise<any>} */
export const getJson = async (path, options) => (await request(path, options)).json();
/** @param {string} path @param {unknown} body @param {RequestInit} [options] @returns {Promise<any>} */
export const post = async (path, body, options) => {
  const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  return (await request(path, { ...json, ...options })).json();
};
/** @param {string} path @param {Blob} file @returns {Promise<any>} */
export const postFile = async (path, file) => {
  return (await request(path, { method: 'POST', headers: { 'content-type': file.type }, body: file })).json();
};

/** Safe HTML of our own server as nodes: the only place where text becomes HTML. @param {string} html */
export function nodes(html) {
  const template = document.createElement('template');
  template.innerHTML = html;
  return document.importNode(template.content, true);
}

/** @param {string} path @param {RequestInit} [options] */
export async function fragment(path, options) {
  const response = await request(path, options);
  if (!response.headers.get('content-type')?.startsWith('text/html')) throw new Refusal(0, '');
  return nodes(await response.text());
}

/**
 * What went wrong, in words.
 * @param {Element} element @param {unknown} error
 */
export function complaint(element, error) {
  if (!(error instanceof Refusal)) {
    console.error(error);
    return say(element, 'failed');
  }
  if (error.message) return error.message;
  return say(element, error.status ? 'failed' : 'offline');
}

/** An address with other parameters. @param {string} path @param {Record<string, string | number>} parameters */
export function withQuery(path, parameters) {
  const address = new URL(path, location.href);
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, String(value));
  return address.pathname + address.search;
}

/**
 * An element with attributes (`true` sets an empty one, functions are listeners) and children.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(.../** @type {(Node | string)[]} */ (children.filter((child) => child || child === '')));
  return element;
}

/** The product's icons, drawn on a 16 by 16 grid; see app/web/src/components/icon.rs. */
const ICONS = {
  close: 'm3.5 3.5 9 9M12.5 3.5l-9 9',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  check: 'm3 8.5 3.5 3.5L13 4.5',
  alert: 'M8 2 14.5 13.5h-13zM8 6.5v3M8 11.5h.01',
  info: 'M8 14.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 7.5v3.5M8 5h.01',
  fit: 'M2.5 6v-3.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  undo: 'M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6M6 3.5l-3 3 3 3',
  redo: 'M13 6.5H6.5a3.5 3.5 0 0 0 0 7H10M10 3.5l3 3-3 3',
  left: 'M10 3 5 8l5 5',
  right: 'm6 3 5 5-5 5',
  down: 'm3.5 6 4.5 4.5L12.5 6',
  chat: 'M2 3.5h12v8H7.5L4.5 14v-2.5H2z',
  filter: 'M2 3h12L9.5 8.5V13l-3 1.5v-6z',
  upload: 'M8 10.5V2M4.5 5 8 1.5 11.5 5M2.5 10.5v3h11v-3',
  trash: 'M2.5 4h11M6 4V2h4v2M4 4l.6 10h6.8L12 4M6.5 7v4M9.5 7v4',
  edit: 'm10.5 2.5 3 3-8 8H2.5v-3zM8.5 4.5l3 3',
  retry: 'M13 8a5 5 0 1 1-1.5-3.6L13.5 6M13.5 2.5V6H10',
  rowAbove: 'M2.5 9.5h11v4h-11zM8 1.5v5M5.5 4h5',
  rowBelow: 'M2.5 2.5h11v4h-11zM8 9.5v5M5.5 12h5',
  columnOut: 'M2.5 2.5h4v11h-4zM9.5 8h5',
  openAll: 'm4 3.5 4 4 4-4M4 8.5l4 4 4-4',
  closeAll: 'm4 7.5 4-4 4 4M4 12.5l4-4 4 4',
  columnAfter: 'M2.5 2.5h4v11h-4zM12 5.5v5M9.5 8h5',
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * A button that is an icon, with a name.
 * @param {keyof typeof ICONS} name @param {string} label @param {Record<string, any>} [attributes]
 */
export const iconButton = (name, label, attributes = {}) =>
  make('button', { type: 'button', class: 'button icon-only', 'aria-label': label, title: label, ...attributes }, icon(name));

/** @param {(...given: any[]) => void} act @param {number} ms */
export function later(act, ms) {
  let timer = 0;
  const run = (/** @type {any[]} */ ...given) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => act(...given), ms);
  };
  run.never = () => clearTimeout(timer);
  return run;
}

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not everywhere is the clipboard to be had: an address without TLS, a frame.
    const field = make('textarea', { class: 'sr-only', 'aria-hidden': 'true' });
    field.value = text;
    const before = document.activeElement;
    document.body.append(field);
    field.select();
    const copied = document.execCommand('copy');
    field.remove();
    if (before instanceof HTMLElement) before.focus();
    return copied;
  }
}

/** Gives a file to keep. @param {Blob} blob @param {string} name */
export function give(blob, name) {
  const link = make('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The workshop's style, before anything of it is shown. */
export function dressed() {
  const known = document.querySelector('link[rel="stylesheet"][href^="/workshop/workshop.css"]');
  if (known instanceof HTMLLinkElement && known.sheet) return Promise.resolve();
  const link = known ?? make('link', { rel: 'stylesheet', href: '/workshop/workshop.css' });
  return new Promise((done) => {
    link.addEventListener('load', () => done(undefined), { once: true });
    link.addEventListener('error', () => done(undefined), { once: true });
    if (!known) document.head.append(link);
  });
}

/** The parts of views that come alive, each in a file of its own. */
const PARTS = { 'cj-table': './table.js', 'cj-json': './tree.js', 'cj-code': './code.js', 'cj-zoom': './zoom.js' };

/** Loads what the views inside an element need. @param {ParentNode} inside */
export async function wake(inside) {
  const wanted = Object.entries(PARTS).filter(([name]) => inside.querySelector(name) && !customElements.get(name));
  await Promise.all(wanted.map(([, file]) => import(file)));
}
