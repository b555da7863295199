// Part of `make bench`: prints figures, judges nothing. Not part of the tests.
import type { Page } from '@playwright/test';
import type { Product } from '../support/product';
import { expect, test } from '../support/test';

const row = (work: string, measured: string, target: string) => console.log(`| ${work} | ${measured} | ${target} |`);
const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function made(product: Product, type: string, content: string, more: object = {}): Promise<string> {
  const { id } = await product.api<{ id: string }>('POST', '/artifacts', { type, title: 'Medida', content, ...more });
  return id;
}

/** From the address to the first contentful paint of the page, in ms, of five. */
async function firstPaint(page: Page, path: string): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < 5; run++) {
    await page.goto('about:blank');
    await page.goto(path);
    await expect(page.locator('cj-workshop')).toHaveClass(/live/);
    times.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0));
  }
  return Math.round(median(times));
}

/** Tasks over 50 ms while something is done. */
async function longTasks(page: Page, act: () => Promise<void>): Promise<number[]> {
  await page.evaluate(() => {
    const seen: number[] = [];
    Object.assign(window, { seen });
    new PerformanceObserver((list) => seen.push(...list.getEntries().map((entry) => Math.round(entry.duration)))).observe({ type: 'longtask' });
  });
  await act();
  return page.evaluate(() => (window as unknown as { seen: number[] }).seen);
}

test('artifacts: a table of 100,000 rows, code of 10,000 lines, and what the panel adds', async ({ page, context, product, chat }) => {
  test.setTimeout(180_000);
  const rows = Array.from({ length: 100_000 }, (_, n) => `${n},nombre ${n},2026-01-${String((n % 28) + 1).padStart(2, '0')},${n % 997}.25`);
  const table = await made(product, 'table', ['id,nombre,fecha,importe', ...rows].join('\n'));
  row('table of 100,000 rows: first paint of its page (median of 5)', `${await firstPaint(page, `/artifacts/${table}`)} ms`, '< 300 ms');
  const long = await longTasks(page, () =>
    page.locator('.table-place').evaluate(async (place) => {
      for (let step = 0; step < 300; step++) {
        place.scrollTop += 400;
        await new Promise((done) => requestAnimationFrame(done));
      }
    }),
  );
  row('tasks over 50 ms while it is scrolled through 300 frames', long.length ? `${long.length}, the longest ${Math.max(...long)} ms` : 'none', 'none');

  const lines = Array.from({ length: 10_000 }, (_, n) => (n % 3 === 0 ? `fn paso_${n}() {` : n % 3 === 1 ? `    let n = ${n};` : '}'));
  const code = await made(product, 'code', lines.join('\n'), { language: 'rust' });
  row('code of 10,000 lines: first paint of its page (median of 5)', `${await firstPaint(page, `/artifacts/${code}`)} ms`, '< 200 ms');

  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable');
  await devtools.send('Network.clearBrowserCache');
  let bytes = 0;
  devtools.on('Network.loadingFinished', (event) => (bytes += event.encodedDataLength));
  await product.script({ answer: { text: '<artifact identifier="a" type="table" title="T">\na,b\n1,2\n</artifact>\n' } });
  await chat.open('/');
  await chat.ask('Una tabla');
  await chat.answer();
  await page.waitForLoadState('networkidle');
  bytes = 0;
  const began = Date.now();
  await page.locator('a.artifact-card').click();
  await expect(page.locator('cj-panel cj-table .table-count')).not.toBeEmpty();
  row('an artifact beside its chat, the first one: opened', `${Date.now() - began} ms`, 'a figure');
  await page.waitForLoadState('networkidle');
  row('the same: over the wire', `${Math.round(bytes / 1000)} kB`, 'loaded only when opened');
});
