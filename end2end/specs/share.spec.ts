import { expect, test } from '../support/test';

test('a chat is shared as it was, renewed, copied and revoked', async ({ page, product, chat, browser, complaints, javaScriptEnabled }) => {
  await product.script({ answer: { text: 'La respuesta **primera**.' } });
  await chat.open('/');
  await chat.ask('¿Qué dices?');
  await chat.answer();
  await page.getByLabel('Opciones del chat').click();
  await page.getByRole('button', { name: 'Compartir con un enlace' }).click();
  await page.getByLabel('Opciones del chat').click();
  const link = page.getByRole('link', { name: 'Abrir el enlace compartido' });
  await expect(link).toBeVisible();
  const address = await link.getAttribute('href');
  expect(address).toMatch(/^\/share\/[\w-]{40,}$/);

  // Somebody who is nobody here.
  const stranger = await browser.newContext({ baseURL: product.url, locale: 'en-GB', javaScriptEnabled });
  complaints.hear(stranger);
  complaints.allow(/404/);
  const other = await stranger.newPage();
  const shown = await other.goto(address ?? '');
  expect(shown?.headers()['x-robots-tag']).toContain('noindex');
  await expect(other.getByRole('heading', { name: '¿Qué dices?' })).toBeVisible();
  await expect(other.locator('strong')).toHaveText('primera');
  await expect(other.getByRole('button')).toHaveCount(0);

  await page.keyboard.press('Escape');
  await product.script({ answer: { text: 'La segunda.' } });
  await page.goto(page.url().split('?')[0]);
  await chat.ready();
  await chat.ask('¿Y ahora?');
  await expect(chat.answers).toHaveCount(2);
  await chat.answer();
  await other.reload();
  await expect(other.getByText('La segunda.')).toHaveCount(0);
  await page.getByLabel('Opciones del chat').click();
  await page.getByRole('button', { name: 'Actualizar' }).click();
  await expect(async () => {
    await other.reload();
    await expect(other.getByText('La segunda.')).toBeVisible({ timeout: 500 });
  }).toPass();

  // Whoever has an account goes on with a copy.
  await page.goto(address ?? '');
  await page.getByRole('button', { name: 'Continuar con una copia' }).click();
  await expect(page.getByRole('heading', { name: 'Copia de ¿Qué dices?' })).toBeVisible();
  await expect(chat.questions).toHaveCount(2);

  await page.goBack();
  await page.goBack();
  await page.getByLabel('Opciones del chat').click();
  await page.getByRole('button', { name: 'Revocar' }).click();
  await expect(async () => expect((await other.goto(address ?? ''))?.status()).toBe(404)).toPass();
  await stranger.close();
});

test('whoever has the link follows the marks to the words, as long as the document is there', async ({ page, product, browser, chat, complaints, javaScriptEnabled }) => {
  const [one, two] = ['Las devoluciones se aceptan durante treinta días', 'El envío tarda tres días laborables'];
  await product.script({ answer: { text: `«${one}» [1].\n\nY «${two}» [1].` } });
  const document = await product.addText('Condiciones', `${one}.\n\n${two}.`);
  const id = await product.ask('¿Las devoluciones se aceptan durante treinta días?');
  await chat.open(`/chat/${id}`);
  await page.getByLabel('Opciones del chat').click();
  await page.getByRole('button', { name: 'Compartir con un enlace' }).click();
  await page.getByLabel('Opciones del chat').click();
  const address = await page.getByRole('link', { name: 'Abrir el enlace compartido' }).getAttribute('href');

  const stranger = await browser.newContext({ baseURL: product.url, locale: 'es-ES', javaScriptEnabled });
  complaints.hear(stranger);
  const other = await stranger.newPage();
  await other.goto(address ?? '');
  const marks = other.locator('.prose a.cite');
  const quotes = other.locator('blockquote mark');
  await expect(quotes.first()).toBeHidden();
  await marks.last().click();
  await expect(quotes.last()).toHaveText(two);
  await expect(quotes.last()).toBeInViewport();
  await marks.first().click();
  await expect(quotes.first()).toHaveText(one);

  await product.api('DELETE', `/documents/${document}`);
  await other.reload();
  await expect(other.getByText('El documento ya no está disponible')).toBeVisible();
  await expect(other.locator('blockquote')).toHaveCount(0);
  await expect(other.getByText('Condiciones')).toHaveCount(0);
  await stranger.close();
});
