import { expect, test } from '../support/test';

test('the theme is set on the server, so that nothing flashes', async ({ page, settings }) => {
  await settings.open('/settings');
  await settings.choose('theme', 'Oscuro');
  await settings.isSaved('theme');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  const html = await (await page.request.get('/')).text();
  expect(html).toMatch(/<html[^>]*data-theme="dark"/);
  await settings.open('/');
  const background = await page.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor).catch(() => '');
  if (background) expect(background).not.toBe('rgb(255, 255, 255)');
});

test('the language changes every word', async ({ page, settings }) => {
  await settings.open('/settings');
  await settings.choose('language', 'English');
  await expect(page.getByRole('heading', { level: 1, name: 'Settings' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  for (const path of ['/', '/documents', '/admin', '/settings']) {
    const html = await (await page.request.get(path)).text();
    for (const word of ['Ajustes', 'Documentos', 'Administración', 'Nuevo chat']) expect(html, path).not.toContain(`>${word}<`);
  }
});

test('numbers are kept inside their bounds and survive a reload', async ({ settings }) => {
  await settings.open('/settings');
  await settings.fill('rag_top_k', '7');
  await settings.isSaved('rag_top_k');
  await settings.open('/settings');
  await expect(settings.field('rag_top_k').locator('#rag_top_k-value')).toHaveValue('7');
});

test('an API key is made, shown once, and deleted @script', async ({ page, settings, product }) => {
  await settings.open('/settings');
  await page.getByRole('textbox', { name: 'Nombre de la clave' }).fill('portátil');
  await page.getByRole('button', { name: 'Crear clave' }).click();
  const key = (await page.locator('.secret code').innerText()).trim();
  const answer = await fetch(`${product.url}/api/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  expect(answer.status).toBe(200);
  await settings.open('/settings');
  await expect(page.getByText(key)).toHaveCount(0);
  await page.getByRole('button', { name: 'Eliminar: portátil' }).click();
  await expect(page.getByRole('cell', { name: 'portátil' })).toHaveCount(0);
  expect((await fetch(`${product.url}/api/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(401);
});

test('the page says which model answers', async ({ page, settings }) => {
  await settings.open('/settings');
  await expect(page.getByText('Ahora responde')).toBeVisible();
  await expect(page.locator('#answers')).toContainText('scripted-chat');
  await settings.open('/');
  await expect(page.locator('.composer-zone')).toContainText('scripted-chat');
});
