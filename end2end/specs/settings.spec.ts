import { expect, lightness, test } from '../support/test';

test('the theme is set on the server, so that nothing flashes', async ({ page, settings }) => {
  await settings.open('/settings');
  await settings.choose('theme', 'Oscuro');
  await settings.isSaved('theme');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  const html = await (await page.request.get('/')).text();
  expect(html).toMatch(/<html[^>]*data-theme="dark"/);
  await settings.open('/');
  expect(await lightness(page)).toBeLessThan(0.3);
});

test('light, dark, or as the system says', async ({ page, product, settings }) => {
  for (const [theme, system, dark] of [
    ['system', 'dark', true],
    ['system', 'light', false],
    ['light', 'dark', false],
    ['dark', 'light', true],
  ] as const) {
    await product.setting('theme', theme);
    await page.emulateMedia({ colorScheme: system });
    await settings.open('/settings');
    const paper = await lightness(page);
    if (dark) expect(paper, `${theme} on a ${system} system`).toBeLessThan(0.3);
    else expect(paper, `${theme} on a ${system} system`).toBeGreaterThan(0.9);
  }
  // A page that is open follows the system when that changes.
  await product.setting('theme', 'system');
  await page.emulateMedia({ colorScheme: 'light' });
  await settings.open('/settings');
  await page.emulateMedia({ colorScheme: 'dark' });
  await expect.poll(() => lightness(page)).toBeLessThan(0.3);
});

test('colours of code may differ from the page', async ({ page, product, chat }) => {
  await product.setting('code_theme', 'vs-dark');
  await product.script({ answer: { text: '```rust\nfn main() {}\n```' } });
  const id = await product.ask('¿Código?');
  await chat.open(`/chat/${id}`);
  const paper = (await page.locator('.prose pre').evaluate((pre) => getComputedStyle(pre).backgroundColor)).match(/oklch\(([\d.]+)/)?.[1];
  expect(Number(paper)).toBeLessThan(0.3);
  expect(await lightness(page)).toBeGreaterThan(0.9);
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

test('numbers survive a reload', async ({ settings }) => {
  await settings.open('/settings');
  await settings.fill('rag_top_k', '7');
  await settings.isSaved('rag_top_k');
  await settings.open('/settings');
  await expect(settings.field('rag_top_k').locator('#rag_top_k-value')).toHaveValue('7');
});

test('a number outside its bounds is refused with words, and the one before stays @script', async ({ settings, complaints }) => {
  complaints.allow(/422/);
  await settings.open('/settings');
  await settings.fill('max_tokens', '900000');
  await expect(settings.field('max_tokens').getByRole('status')).toContainText('no es válido');
  await settings.open('/settings');
  await expect(settings.field('max_tokens').locator('#max_tokens-value')).toHaveValue('4096');
});

test('an API key is made, shown once, and revoked', async ({ page, settings, product }) => {
  await settings.open('/account');
  await page.getByRole('textbox', { name: 'Nombre de la clave' }).fill('portátil');
  await page.getByRole('button', { name: 'Crear clave' }).click();
  const key = (await page.locator('.secret code').innerText()).trim();
  const answer = await fetch(`${product.url}/api/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  expect(answer.status).toBe(200);
  await settings.open('/account');
  await expect(page.getByText(key)).toHaveCount(0);
  const row = page.getByRole('row').filter({ hasText: 'portátil' });
  await expect(row).toContainText('caduca en 90 días');
  await row.locator('summary').click();
  await row.getByRole('button', { name: 'Revocar' }).click();
  await expect(page.getByText('La clave ya no vale.')).toBeVisible();
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

test('a wrong address of a model server is explained in the language of the page', async ({ page, product, settings, complaints, script }) => {
  complaints.allow(/422/);
  const connect = async (address: string) => {
    await settings.open('/settings#connection');
    await page.locator('#connection input[name=base_url]').last().fill(address);
    await page.locator('#connection form.stack button.primary').click();
    return (script ? page.locator('#connection') : page).getByRole('alert');
  };
  const nobody = await connect('http://127.0.0.1:9/v1');
  await expect(nobody).toContainText('El servidor no se ha conectado; todo sigue como antes.');
  await expect(nobody).toContainText('Se preguntó a http://127.0.0.1:9/v1/models. Nadie contesta en ese equipo y puerto.');
  await expect(nobody).not.toContainText(/connection|answer/i);
  // There is a server, but the address lacks its version.
  await expect(await connect(product.modelsUrl)).toContainText(`pero no esta API: contesta 404`);
  await expect(await connect(product.modelsUrl)).toContainText(`prueba ${product.modelsUrl}/v1`);
  // Any page of the web.
  await expect(await connect(product.url)).toContainText(/no con una lista de modelos|no esta API|remite a otra dirección/);
  await product.setting('language', 'en');
  const english = await connect('http://127.0.0.1:9/v1');
  await expect(english).toContainText('http://127.0.0.1:9/v1/models was asked. Nothing listens on that machine and port.');
});

test('keys are changed, and the new ones are listed and work @script', async ({ page, settings, chat, complaints }) => {
  complaints.allow(/422/);
  await settings.open('/settings#keys');
  // Letters are typed, so they are no keys; nor are two the same.
  for (const wrong of ['k', '?']) {
    await settings.fill('shortcut_search', wrong);
    await expect(settings.field('shortcut_search').getByRole('status')).toContainText('no es válido');
  }
  await Promise.all([page.waitForEvent('load'), settings.fill('shortcut_search', 'alt+k')]);
  await chat.ready();
  await Promise.all([page.waitForEvent('load'), settings.fill('shortcut_list', 'F2')]);
  await chat.open('/');
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('dialog')).toBeHidden();
  await page.keyboard.press('Alt+k');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('F2');
  await expect(page.getByRole('dialog')).toContainText('Alt K');
  await page.getByRole('link', { name: 'Cambiar atajos' }).click();
  await expect(settings.field('shortcut_list').locator('#shortcut_list-value')).toHaveValue('F2');
});
