// Part of `make bench`: prints figures, judges nothing. Not part of the tests.
import type { Page } from '@playwright/test';
import type { ChatPage } from '../pages/chat';
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

/** From the click to the frame that shows the answer's first word, ten times; the model answers without delay. */
async function firstWord(page: Page, chat: ChatPage): Promise<number> {
  const times: number[] = [];
  await chat.open('/');
  await chat.ask('Uno');
  await chat.answer();
  for (let run = 0; run < 10; run++) {
    const time = page.evaluate(
      () =>
        new Promise<number>((done) => {
          const seen = document.body.innerText.split('Primera').length;
          document.addEventListener('click', () => {
            const began = performance.now();
            new MutationObserver((_, observer) => {
              if (document.body.innerText.split('Primera').length > seen) {
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
