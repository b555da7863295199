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
