// Part of `make bench`: prints figures, judges nothing. Not part of the tests.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import type { ChatPage } from '../pages/chat';
import { type BarePage, BareBrowser } from '../support/bare';
import type { Product } from '../support/product';
import { test } from '../support/test';

const row = (work: string, measured: string, target: string) => console.log(`| ${work} | ${measured} | ${target} |`);
const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

test('first load of the signed-in home', async ({ page, context, chat }) => {
  const times: number[] = [];
  let requests = 0;
  let bytes = 0;
  for (let run = 0; run < 5; run++) {
    const devtools = await context.newCDPSession(page);
    await devtools.send('Network.enable');
    await devtools.send('Network.clearBrowserCache');
    requests = 0;
    bytes = 0;
    devtools.on('Network.requestWillBeSent', () => requests++);
    devtools.on('Network.loadingFinished', (event) => (bytes += event.encodedDataLength));
    const began = Date.now();
    await chat.open('/');
    times.push(Date.now() - began);
    await page.waitForLoadState('networkidle');
    await devtools.detach();
    await page.goto('about:blank');
  }
  row('first load of the home: requests', String(requests), '< 15');
  row('first load of the home: over the wire', `${Math.round(bytes / 1000)} kB`, '< 500 kB');
  row('first load of the home: usable (median of 5)', `${median(times)} ms`, '< 400 ms');
});

/** From the click to the frame that shows the answer's first word, ten times, in a page at rest; the model answers without delay. */
async function firstWord(page: Page, chat: ChatPage): Promise<number> {
  const times: number[] = [];
  await chat.open('/');
  await chat.ask('Uno');
  await chat.answer();
  for (let run = 0; run < 10; run++) {
    const time = page.evaluate(
      () =>
        new Promise<number>((done) => {
          const seen = document.body.textContent!.split('Primera').length;
          document.addEventListener('click', () => {
            const began = performance.now();
            new MutationObserver((_, observer) => {
              if (document.body.textContent!.split('Primera').length > seen) {
                observer.disconnect();
                // The callback runs right before the frame is painted, the task after it.
                requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
              }
            }).observe(document.body, { childList: true, subtree: true, characterData: true });
          }, { capture: true, once: true });
        }),
    );
    await chat.ask(`¿Cuándo vence la factura ${run}?`);
    times.push(await time);
    await chat.answer();
    // Who asks on has read the answer; meanwhile the page has made its menu and the list of chats anew.
    await page.waitForTimeout(500);
  }
  return Math.round(median(times));
}

test('send to the first word painted', async ({ page, product, chat }) => {
  for (let number = 0; number < 20; number++) {
    await product.addText(`Facturas ${number}`, `La factura ${number} vence a los treinta días. `.repeat(40));
  }
  await product.script({ answer: { text: 'Primera palabra de la respuesta.' } });
  const work = 'send to the first word painted, model without delay';
  row(`${work}, documents searched (median of 10)`, `${await firstWord(page, chat)} ms`, '< 40 ms');
  await product.setting('rag_enabled', 'false');
  row(`${work}, search off (median of 10)`, `${await firstWord(page, chat)} ms`, 'a figure');
});

/** Brings in a chat of so many long messages; its address. */
async function longChat(product: Product, messages: number): Promise<string> {
  const paragraph =
    'El **arranque** se hace en tres pasos: la base de datos, el índice y el servidor.\n\n- uno\n- dos\n\n```rust\nfn main() { println!("hola"); }\n```\n\n';
  const contents = Array.from({ length: messages }, (_, place) => `Mensaje ${place}.\n\n${paragraph.repeat(12)}`);
  return `/chat/${await product.bringIn('Largo', contents)}`;
}

/** The longest tasks of the page's main thread while somebody types, in ms. */
async function typing(page: Page, chat: ChatPage): Promise<{ tasks: number; longest: number }> {
  await page.evaluate(() => {
    const seen: number[] = [];
    new PerformanceObserver((list) => seen.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
    Object.assign(window, { longTasks: seen });
  });
  await chat.question.focus();
  await page.keyboard.type('¿Cuántas palabras se escriben en un chat largo sin que nada tropiece? '.repeat(3), { delay: 25 });
  await page.waitForTimeout(300);
  const seen = await page.evaluate(() => (window as unknown as { longTasks: number[] }).longTasks);
  return { tasks: seen.length, longest: Math.round(Math.max(0, ...seen)) };
}

test('a chat of 1,000 long messages', async ({ page, product, chat }) => {
  test.setTimeout(180_000);
  const path = await longChat(product, 1_000);
  const firstByte: number[] = [];
  for (let run = 0; run < 60; run++) {
    const began = performance.now();
    const answer = await fetch(product.url + path, { headers: { cookie: product.cookie, accept: 'text/html' } });
    if (run > 0) firstByte.push(performance.now() - began);
    await answer.text();
  }
  firstByte.sort((a, b) => a - b);
  const p95 = firstByte[Math.floor(firstByte.length * 0.95)] ?? 0;
  row('chat of 1,000 messages of 2 kB: first byte of its page', `p95 ${p95.toFixed(1)} ms`, 'p95 < 50 ms');
  const times: number[] = [];
  for (let run = 0; run < 5; run++) {
    await page.goto('about:blank');
    const began = Date.now();
    await chat.open(path);
    times.push(Date.now() - began);
  }
  row('its page usable, in Chromium (median of 5)', `${median(times)} ms`, '< 1,000 ms');
  const told = ({ tasks, longest }: { tasks: number; longest: number }) => (tasks === 0 ? 'none' : `${tasks}, the longest ${longest} ms`);
  row('tasks over 50 ms while one types 200 letters in it', told(await typing(page, chat)), 'none');
  const began = Date.now();
  await chat.open(`${path}?shown=100000`);
  row('all of its messages shown at once: usable', `${Date.now() - began} ms`, 'a figure');
  row('tasks over 50 ms while one types there', told(await typing(page, chat)), 'a figure');
});

/** Memory of the tab's process after its garbage was collected, in MB. */
async function tabMemory(page: BarePage): Promise<{ heap: number; process: number }> {
  await page.send('HeapProfiler.collectGarbage');
  await page.send('HeapProfiler.collectGarbage');
  const { usedSize } = await page.send<{ usedSize: number }>('Runtime.getHeapUsage');
  type Processes = { processInfo: { type: string; id: number }[] };
  const { processInfo } = await page.browser.send<Processes>('SystemInfo.getProcessInfo');
  // The browser keeps a spare one, which is small.
  const sizes = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => {
    const resident = readFileSync(`/proc/${id}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)?.[1];
    return Number(resident ?? 0) / 1024;
  });
  return { heap: usedSize / 1e6, process: Math.max(0, ...sizes) };
}

// BENCH_STREAM_MINUTES=10 for as long as the product promises.
test('memory of a tab in which answers are written', async ({ product }) => {
  const minutes = Number(process.env.BENCH_STREAM_MINUTES ?? 1);
  test.setTimeout((minutes + 2) * 60_000);
  const sentence = 'El manual explica en pocas palabras cómo se arranca el servidor y qué hace falta antes. ';
  await product.script({ answer: { text: `${sentence.repeat(12)}\n\n`.repeat(2) }, pace_ms: 20 });
  await product.setting('rag_enabled', 'false');
  const browser = BareBrowser.start();
  const seen: Awaited<ReturnType<typeof tabMemory>>[] = [];
  try {
    const page = await browser.open(product.url, product.cookie);
    await page.until("document.querySelector('html[data-hydrated]')");
    for (const end = Date.now() + minutes * 60_000; Date.now() < end; ) {
      await page.evaluate(`{
        const field = document.querySelector('.composer textarea');
        field.value = 'Otra vez ${seen.length}.';
        field.dispatchEvent(new Event('input', { bubbles: true }));
        field.form.requestSubmit();
      }`);
      // Its answer is whole when there is something to do with it.
      await page.until(`(() => {
        const [question, answer] = [...document.querySelectorAll('article')].slice(-2);
        return question?.textContent.includes('Otra vez ${seen.length}.') && answer?.matches('.answer:not([aria-busy=true])') && answer.querySelector('.message-tools');
      })()`);
      seen.push(await tabMemory(page));
    }
  } finally {
    await browser.close();
  }
  const told = (kind: 'heap' | 'process') => seen.filter((_, place) => place % Math.ceil(seen.length / 10) === 0).map((at) => at[kind].toFixed(0)).join(', ');
  row(`a tab over ${minutes} min of ${seen.length} answers of 360 words: its script's memory`, `${told('heap')} MB`, 'stable');
  row('the same: its process', `${told('process')} MB`, 'stable');
});
