import { expect, test } from '../support/test';
import { pdf } from '../support/files';

const QUOTE = 'cubre los defectos de fabricación durante dos años';

/** Several screens of one passage, so that who sees the quoted words was led to them. */
const filler = (about: string, lines: number) =>
  Array.from({ length: lines }, (_, line) => `Cláusula ${line + 1} sobre ${about}.`).join('\n');
const PAGES = [
  `Condiciones de venta\n${filler('el envío', 12)}`,
  `${filler('la factura', 12)}\nLa garantía ${QUOTE}.\n${filler('el pago', 8)}`,
];

test.beforeEach(async ({ product, chat }) => {
  await product.script({ answer: { text: `La garantía «${QUOTE}» [1].` } });
  await product.addFile('condiciones.pdf', pdf('Condiciones', PAGES));
  const id = await product.ask('¿Qué cubre la garantía?');
  await chat.open(`/chat/${id}`);
});

test('a citation of a PDF names the page of the quoted words, where the passage begins on another', async ({ chat }) => {
  await expect(chat.answers.getByRole('region', { name: 'Fuentes' })).toContainText('pág. 2');
  await expect(chat.citation(1)).toHaveAttribute('data-verdict', 'verified');
});

test('the panel shows the quoted words, marked inside their passage @script', async ({ chat, page }) => {
  await page.setViewportSize({ width: 1024, height: 420 });
  await chat.citation(1).click();
  const quote = chat.panel.locator('mark.quote');
  await expect(quote).toHaveText(QUOTE);
  await expect(quote).toBeInViewport();
  await expect(chat.panel).toContainText('Página 2');
  // The words around them are the passage, marked too, and more lightly.
  const colours = await chat.panel.locator('mark').evaluateAll((marks) => marks.map((mark) => getComputedStyle(mark).backgroundColor));
  expect(new Set(colours).size).toBe(2);
  await expect(chat.panel.locator('mark').first()).toContainText('Cláusula 12 sobre la factura');
  await expect(chat.panel.getByRole('button', { name: 'Cerrar' })).toBeFocused();
});

test('the document opens at the quoted words', async ({ chat, document, page, script }) => {
  await page.setViewportSize({ width: 1024, height: 420 });
  await chat.citation(1).click();
  if (script) await chat.panel.getByRole('link', { name: 'Abrir el documento en este pasaje' }).click();
  await expect(page).toHaveURL(/quote_start=\d+&quote_end=\d+#quote$/);
  await expect(document.quote).toHaveText(QUOTE);
  await expect(document.quote).toBeInViewport();
  await expect(document.passage.first()).toContainText('Condiciones de venta');
  await expect(document.passage.first()).not.toBeInViewport({ ratio: 1 });
});

test('a sentence in its own words leads to the sentence that says most of it @script', async ({ chat, product }) => {
  await product.script({ answer: { text: 'Durante dos años se cubren los defectos que vienen de fabricación [1].' } });
  const id = await product.ask('¿Y los defectos?');
  await chat.open(`/chat/${id}`);
  await chat.citation(1).click();
  await expect(chat.panel).toContainText('Coincidencia parcial');
  await expect(chat.panel.locator('mark.quote')).toContainText(QUOTE);
});

test('two quotations of one passage lead to two places', async ({ chat, product, page, script }) => {
  const other = 'Cláusula 3 sobre el pago';
  await product.script({ answer: { text: `La garantía «${QUOTE}» [1].\n\nY «${other}» [1].` } });
  const id = await product.ask('¿Y el pago?');
  await chat.open(`/chat/${id}`);
  const marks = chat.answers.last().locator('.prose a.cite');
  for (const [mark, words] of [[marks.first(), QUOTE], [marks.last(), other]] as const) {
    await mark.click();
    await expect(page.locator('mark.quote')).toHaveText(words);
    if (!script) await page.goBack();
  }
  if (!script) return;
  // The other one is previewed while this one is open.
  await marks.first().hover();
  await expect(page.getByRole('tooltip').locator('mark')).toHaveText(QUOTE);
});
