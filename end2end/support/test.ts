import { AxeBuilder } from '@axe-core/playwright';
import { type BrowserContext, test as base, expect, type Page } from '@playwright/test';
import { Product } from './product';
import { ChatPage } from '../pages/chat';
import { DocumentPage } from '../pages/document';
import { DocumentsPage } from '../pages/documents';
import { SettingsPage } from '../pages/settings';
import { SideBar } from '../pages/sidebar';

interface Fixtures {
  /** What the browser may complain about in this test, e.g. the 404 that is being tested. */
  complaints: { allow(pattern: RegExp): void; hear(context: BrowserContext): void };
  script: boolean;
  chat: ChatPage;
  documents: DocumentsPage;
  document: DocumentPage;
  settings: SettingsPage;
  sidebar: SideBar;
}

/** A signed-in browser over a product of its own; a test fails on whatever the console says. */
export const test = base.extend<Fixtures, { product: Product }>({
  product: [
    async ({}, use) => {
      const product = await Product.start();
      await use(product);
      await product.close();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  baseURL: async ({ product }, use) => use(product.url),
  script: async ({ javaScriptEnabled }, use) => use(javaScriptEnabled !== false),
  context: async ({ context, product }, use) => {
    await product.clear();
    const [name, ...value] = product.cookie.split('=');
    await context.addCookies([{ name, value: value.join('='), url: product.url, httpOnly: true, sameSite: 'Lax' }]);
    await use(context);
  },
  complaints: [
    async ({ context }, use, info) => {
      const allowed: RegExp[] = [];
      const heard: string[] = [];
      // Every page of a context is heard, and a test that opens a context of its own hands it over.
      const hear = (context: BrowserContext) => {
        context.on('console', (message) => {
          if (message.type() === 'error' || message.type() === 'warning') {
            heard.push(`${message.type()}: ${message.text()} (${message.location().url})`);
          }
        });
        context.on('weberror', (error) => heard.push(`uncaught: ${error.error().message}`));
      };
      hear(context);
      await use({ allow: (pattern) => allowed.push(pattern), hear });
      if (info.status === info.expectedStatus) {
        expect(heard.filter((line) => !allowed.some((pattern) => pattern.test(line)))).toEqual([]);
      }
    },
    { auto: true },
  ],
  chat: async ({ page, script }, use) => use(new ChatPage(page, script)),
  documents: async ({ page, script }, use) => use(new DocumentsPage(page, script)),
  document: async ({ page, script }, use) => use(new DocumentPage(page, script)),
  settings: async ({ page, script }, use) => use(new SettingsPage(page, script)),
  sidebar: async ({ page, script }, use) => use(new SideBar(page, script)),
});

/** What axe finds on a page, named so that a failure can be read. */
export async function violations(page: Page): Promise<string[]> {
  const found = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze();
  // Whoever writes an answer chooses its headings; the page's own must not skip a level.
  const answers = await page.locator('.prose :is(h1, h2, h3, h4, h5, h6)').count();
  const rules = found.violations.filter((rule) => rule.id !== 'heading-order' || answers === 0);
  return rules.map((rule) => `${rule.id}: ${rule.help}: ${rule.nodes.map((node) => node.target.join(' ')).join(', ')}`);
}

/** How light the page's paper is, from 0 to 1. */
export async function lightness(page: Page): Promise<number> {
  const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = colour.match(/^oklch\(([\d.]+)/)?.[1];
  if (!light) throw new Error(`the paper is ${colour}`);
  return Number(light);
}

/** What is wider than the place it has: no part of the frame scrolls sideways, and nothing is cut off at its edge. */
export function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const name = (element: Element) => `${element.tagName.toLowerCase()}.${element.className}`;
    const parts = 'html, .frame, .stage, main, .side, .topbar, .body, .column, .messages, .composer-zone, .composer, .panel, .panel-body';
    const wide = [...document.querySelectorAll(parts)]
      .filter((part) => part.scrollWidth > part.clientWidth && getComputedStyle(part).display !== 'inline')
      .map((part) => `${name(part)} holds ${part.scrollWidth} in ${part.clientWidth}`);
    // What may scroll sideways by itself, and what is out of sight on purpose.
    const own = 'pre, .table-scroll, math, .side, .sr-only, .skip, details:not([open])';
    for (const element of document.querySelectorAll('body *')) {
      const box = element.getBoundingClientRect();
      const seen = box.width > 1 && box.height > 1 && getComputedStyle(element).visibility === 'visible';
      if (seen && (box.right > innerWidth + 1 || box.left < -1) && !element.closest(own) && !element.closest('[hidden]')) {
        wide.push(`${name(element)} reaches from ${Math.round(box.left)} to ${Math.round(box.right)} of ${innerWidth}`);
      }
    }
    return wide;
  });
}

export { expect };
