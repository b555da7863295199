// Part of `make bench`: prints figures, judges nothing. Not part of the tests.
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

test('send to the first word painted', async ({ page, product, chat }) => {
  await product.setting('rag_enabled', 'false');
  await product.script({ answer: { text: 'Primera palabra de la respuesta.' } });
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
                requestAnimationFrame(() => done(performance.now() - began));
              }
            }).observe(document.body, { childList: true, subtree: true, characterData: true });
          }, { capture: true, once: true });
        }),
    );
    await chat.ask(`Pregunta ${run}`);
    times.push(await time);
    await chat.answer();
  }
  row('send to the first word painted, model without delay (median of 10)', `${Math.round(median(times))} ms`, '< 40 ms');
});
