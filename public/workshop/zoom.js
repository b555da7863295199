// @ts-check
// <cj-zoom>: a picture or a drawing, larger and smaller. What is larger than its place scrolls, so wheel, finger, keys and
// scroll bars move it as they move everything else; the wheel with Ctrl, two fingers, the buttons and + − 0 change the size.
import { count, iconButton, make, say } from './common.js';

const LEAST = 0.1;
const MOST = 8;
const STEP = 1.25;

export class Zoom extends HTMLElement {
  scale = 1;
  /** It is as large as there is room, until somebody says otherwise. */
  fitted = true;
  width = 0;
  height = 0;
  /** @type {Map<number, PointerEvent>} */
  fingers = new Map();
  apart = 0;

  connectedCallback() {
    if (this.querySelector('.zoom-place')) return this.watch();
    const content = [...this.childNodes];
    this.place = make('div', { class: 'zoom-place', tabindex: 0, role: 'region', 'aria-label': say(this, 'zoom_region') }, ...content);
    this.label = make('output', { class: 'zoom-size' });
    const act = (/** @type {() => void} */ click) => ({ click });
    const tools = make(
      'div',
      { class: 'zoom-tools', role: 'toolbar', 'aria-label': say(this, 'zoom') },
      iconButton('minus', say(this, 'zoom_out'), act(() => this.to(this.scale / STEP))),
      make('button', { type: 'button', class: 'button', title: say(this, 'zoom_actual'), 'aria-label': say(this, 'zoom_actual'), click: () => this.to(1) }, this.label),
      iconButton('plus', say(this, 'zoom_in'), act(() => this.to(this.scale * STEP))),
      iconButton('fit', say(this, 'zoom_fit'), act(() => this.fit())),
    );
    this.append(this.place, tools);
    const inner = this.querySelector('.zoom-place > img, .zoom-place svg:not(.icon)');
    this.inner = inner instanceof HTMLElement || inner instanceof SVGElement ? inner : null;
    if (this.inner instanceof HTMLImageElement && !this.inner.complete) this.inner.addEventListener('load', () => this.measure(), { once: true });
    this.measure();
    this.place.addEventListener('wheel', this.wheel, { passive: false });
    this.place.addEventListener('keydown', this.key);
    this.place.addEventListener('pointerdown', this.down);
    this.place.addEventListener('pointermove', this.move);
    for (const name of /** @type {const} */ (['pointerup', 'pointercancel'])) this.place.addEventListener(name, this.up);
    this.place.addEventListener('dblclick', (event) => (this.fitted ? this.to(1, event) : this.fit()));
    this.watch();
  }

  disconnectedCallback() {
    this.size?.disconnect();
  }

  watch() {
    this.size = new ResizeObserver(() => this.fitted && this.fit());
    this.size.observe(this);
  }

  measure() {
    const { inner } = this;
    if (inner instanceof HTMLImageElement) {
      this.width = Number(inner.getAttribute('width')) || inner.naturalWidth;
      this.height = Number(inner.getAttribute('height')) || inner.naturalHeight;
    } else if (inner instanceof SVGSVGElement) {
      const box = inner.viewBox.baseVal;
      const bounds = inner.getBoundingClientRect();
      this.width = box?.width || bounds.width;
      this.height = box?.height || bounds.height;
    }
    this.fit();
  }

  fit() {
    if (!this.place || !this.width) return;
    const room = (this.place.clientWidth - 32) / this.width;
    // A drawing may need more height than there is; it is read from its top.
    const tall = this.height ? Math.max((this.place.clientHeight - 32) / this.height, Math.min(room, 0.5)) : room;
    this.to(Math.min(1, room, tall > 0 ? tall : room));
    this.fitted = true;
  }

  /** @param {number} scale @param {{ clientX: number, clientY: number }} [at] What stays where it is; the middle. */
  to(scale, at) {
    const { place, inner } = this;
    if (!place || !inner || !this.width) return;
    const wanted = Math.min(MOST, Math.max(LEAST, scale));
    const bounds = place.getBoundingClientRect();
    const x = at ? at.clientX - bounds.left : bounds.width / 2;
    const y = at ? at.clientY - bounds.top : bounds.height / 2;
    const before = inner.getBoundingClientRect();
    const across = (bounds.left + x - before.left) / (before.width || 1);
    const down = (bounds.top + y - before.top) / (before.height || 1);
    this.scale = wanted;
    this.fitted = false;
    inner.style.inlineSize = `${this.width * wanted}px`;
    inner.style.blockSize = `${this.height * wanted}px`;
    inner.style.maxInlineSize = 'none';
    const after = inner.getBoundingClientRect();
    place.scrollLeft += after.left + across * after.width - bounds.left - x;
    place.scrollTop += after.top + down * after.height - bounds.top - y;
    if (this.label) this.label.textContent = `${count(Math.round(wanted * 100))} %`;
  }

  /** @param {WheelEvent} event */
  wheel = (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.to(this.scale * Math.exp(-Math.max(-50, Math.min(50, event.deltaY)) / 150), event);
  };

  /** @param {KeyboardEvent} event */
  key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '+' || event.key === '=') this.to(this.scale * STEP);
    else if (event.key === '-') this.to(this.scale / STEP);
    else if (event.key === '0') this.fit();
    else if (event.key === '1') this.to(1);
    else return;
    event.preventDefault();
  };

  /** @param {PointerEvent} event */
  down = (event) => {
    if (event.pointerType === 'mouse') {
      // Words in a drawing may be selected; its ground moves it.
      if (event.button || (event.target instanceof Element && event.target.closest('text, tspan, foreignObject'))) return;
      event.preventDefault();
      this.place?.focus({ preventScroll: true });
      this.place?.setPointerCapture(event.pointerId);
      this.place?.classList.add('moving');
    }
    this.fingers.set(event.pointerId, event);
    this.apart = this.distance();
  };

  /** @param {PointerEvent} event */
  move = (event) => {
    const before = this.fingers.get(event.pointerId);
    if (!before || !this.place) return;
    this.fingers.set(event.pointerId, event);
    if (this.fingers.size === 2) {
      const now = this.distance();
      const [one, two] = [...this.fingers.values()];
      if (this.apart) this.to((this.scale * now) / this.apart, { clientX: (one.clientX + two.clientX) / 2, clientY: (one.clientY + two.clientY) / 2 });
      this.apart = now;
    } else if (event.pointerType === 'mouse') {
      this.place.scrollLeft -= event.clientX - before.clientX;
      this.place.scrollTop -= event.clientY - before.clientY;
    }
  };

  /** @param {PointerEvent} event */
  up = (event) => {
    this.fingers.delete(event.pointerId);
    this.place?.classList.remove('moving');
  };

  distance() {
    const [one, two] = [...this.fingers.values()];
    return one && two ? Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY) : 0;
  }
}

if (!customElements.get('cj-zoom')) customElements.define('cj-zoom', Zoom);
