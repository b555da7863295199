// @ts-check
// Pictures made in the browser, which has the fonts: a diagram as PNG.
import { copy } from './common.js';

/** The longest side and the most dots of a picture: more than this no browser draws. */
const SIDE_MOST = 8_192;
const DOTS_MOST = 32_000_000;
/** Dots for each point of the drawing: sharp on paper. */
const SCALE = 2;
/** What a drawing takes from the page's style. */
const STYLE = [
  'fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linecap', 'stroke-linejoin', 'stroke-opacity', 'opacity', 'color',
  'font-family', 'font-size', 'font-weight', 'font-style', 'text-anchor', 'dominant-baseline', 'letter-spacing', 'visibility', 'display',
  'marker-start', 'marker-mid', 'marker-end', 'paint-order', 'stop-color', 'stop-opacity', 'text-decoration', 'background-color', 'text-align', 'line-height',
];

/** A file's name from a title. @param {string} title */
export const fileName = (title) => `${title.replace(/[^\p{L}\p{N}._ -]+/gu, '').trim().slice(0, 80) || 'diagram'}.png`;

/** What is drawn in a view, as PNG. @param {HTMLElement} view @returns {Promise<Blob | null>} */
export async function picture(view) {
  const svg = view.querySelector('.diagram-canvas svg, cj-zoom svg, .formulas svg') ?? view.querySelector('svg:not(.icon)');
  if (svg instanceof SVGSVGElement) return drawn(await image(standAlone(svg)), ...sides(svg), getComputedStyle(view).backgroundColor);
  const shown = view.querySelector('img');
  if (!shown) return null;
  await shown.decode();
  return drawn(shown, shown.naturalWidth, shown.naturalHeight, '', 1);
}

/** Puts the picture of a view on the clipboard. @param {HTMLElement} view */
export async function copyPicture(view) {
  const blob = await picture(view);
  if (!blob) return false;
  try {
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]);
    return true;
  } catch {
    const shown = view.querySelector('img');
    return shown ? copy(shown.src) : false;
  }
}

/** @param {SVGSVGElement} svg @returns {[number, number]} */
function sides(svg) {
  const box = svg.viewBox.baseVal;
  if (box?.width) return [box.width, box.height];
  const bounds = svg.getBoundingClientRect();
  return [bounds.width, bounds.height];
}

/** A drawing that needs no style sheet any more. @param {SVGSVGElement} svg */
function standAlone(svg) {
  const copied = /** @type {SVGSVGElement} */ (svg.cloneNode(true));
  const from = [svg, ...svg.querySelectorAll('*')];
  const to = [copied, ...copied.querySelectorAll('*')];
  from.forEach((element, at) => {
    const style = getComputedStyle(element);
    const own = /** @type {SVGElement} */ (to[at]).style;
    for (const name of STYLE) own.setProperty(name, style.getPropertyValue(name));
  });
  const [width, height] = sides(svg);
  copied.style.removeProperty('translate');
  copied.setAttribute('width', String(width));
  copied.setAttribute('height', String(height));
  copied.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return new XMLSerializer().serializeToString(copied);
}

/** @param {string} svg @returns {Promise<HTMLImageElement>} */
async function image(svg) {
  const loaded = new Image();
  // An address with the data in it: what comes from a blob may not be read back when it has HTML in it.
  loaded.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await loaded.decode();
  return loaded;
}

/** @param {CanvasImageSource} source @param {number} width @param {number} height @param {string} paper @param {number} [scale] */
async function drawn(source, width, height, paper, scale = SCALE) {
  const most = Math.min(scale, SIDE_MOST / width, SIDE_MOST / height, Math.sqrt(DOTS_MOST / (width * height)));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width * most));
  canvas.height = Math.max(1, Math.round(height * most));
  const context = canvas.getContext('2d');
  if (!context) return null;
  if (paper) {
    context.fillStyle = /rgba?\(.*, 0\)|transparent/.test(paper) ? getComputedStyle(document.body).backgroundColor : paper;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((/** @type {(blob: Blob | null) => void} */ done) => canvas.toBlob(done, 'image/png'));
}
