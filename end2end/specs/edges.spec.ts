import { expect, test } from '../support/test';
import type { Page } from '@playwright/test';

/** Lets requests to an address wait until the returned function is called. */
async function held(page: Page, address: string): Promise<() => void> {
  let release = () => {};
  const gate = new Promise<void>((done) => (release = done));
  await page.route(address, async (route) => {
    await gate;
    await route.continue().catch(() => undefined);
  });
  return release;
}

test('an answer that shows nothing is a page like others', async ({ page, product, chat, sidebar, script }) => {
  await product.script({ answer: { text: '[1]: https://example.org' } });
  const id = await product.ask('¿Nada?');
  await chat.open(`/chat/${id}`);
  await expect(chat.answers).toContainText('La respuesta quedó vacía');
  if (!script) return;
  await sidebar.link('Documentos').click();
  await expect(page.getByRole('heading', { name: 'Documentos', exact: true })).toBeVisible();
  await sidebar.chat('¿Nada?').click();
  await expect(chat.answers).toContainText('La respuesta quedó vacía');
});

test('an answer outlives a server that is away for longer than the stream is tried @script', async ({ page, product, chat, complaints }) => {
  complaints.allow(/502/);
  let away = true;
  const proxy = { status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' };
  for (const address of ['**/events/generations/**', '**/fn/load_message']) {
    await page.route(address, (route) => (away ? route.fulfill(proxy) : route.continue()));
  }
  await product.script({ answer: { text: 'Aquí sigo.' } });
  await chat.open('/');
  await chat.ask('¿Sigues?');
  await expect(page.getByText('reconectando')).toBeVisible();
  await page.waitForTimeout(5_000);
  await expect(chat.stop).toBeVisible();
  away = false;
  await expect(await chat.answer()).toContainText('Aquí sigo.');
  await expect(chat.send).toBeVisible();
});

test('an answer whose chat is gone says so and waits no longer @script', async ({ page, product, chat, complaints }) => {
  complaints.allow(/40[14]/);
  await product.script({ answer: { text: 'uno dos tres cuatro' }, hold_after: 2 });
  await chat.open('/');
  await chat.ask('Cuenta');
  await expect(chat.answers.last()).toContainText('uno dos');
  const id = page.url().split('/').pop();
  await product.api('DELETE', `/chats/${id}`);
  await product.release();
  await expect(page.locator('article[aria-busy=true]')).toHaveCount(0, { timeout: 20_000 });
  await expect(page.getByRole('alert')).toBeVisible();
  await expect(chat.send).toBeVisible();
});

test('a search leaves files on their way alone @script', async ({ page, product, documents }) => {
  await product.addText('Acta', 'La junta se reunió en marzo.');
  await documents.open('/documents');
  const release = await held(page, '**/uploads');
  await documents.upload(
    ...['a', 'b', 'c', 'd'].map((name) => ({ name: `${name}.txt`, mimeType: 'text/plain', buffer: Buffer.from(`Texto ${name}.`) })),
  );
  const uploads = page.getByRole('region', { name: 'Subidas' });
  await expect(uploads).toContainText('0 de 4 archivos');
  const field = page.getByRole('searchbox');
  await field.fill('nada de nada');
  await field.press('Enter');
  await expect(page).toHaveURL(/\?q=nada/);
  await expect(page.getByText('Ningún documento coincide')).toBeVisible();
  await expect(uploads).toContainText('0 de 4 archivos');
  release();
  await expect(uploads).toContainText('4 de 4 archivos', { timeout: 30_000 });
});

test('without script a refused file is named with its reason @noscript', async ({ page, documents }) => {
  await documents.open('/documents');
  await documents.upload({ name: 'año vacío.txt', mimeType: 'text/plain', buffer: Buffer.from('') });
  await expect(page.getByRole('alert')).toContainText('El archivo está vacío');
  await expect(page.getByRole('alert')).toContainText('año vacío.txt');
});

test('without script a document is deleted where it was listed @noscript', async ({ page, product, documents }) => {
  await product.addText('Aviso general', 'El comedor cierra en agosto.', { visibility: 'public' });
  await documents.open('/admin');
  await documents.delete('Aviso general');
  await expect(page).toHaveURL(/\/admin$/);
  await expect(documents.row('Aviso general')).toHaveCount(0);
});

test('tags can be typed while the document is being read @script', async ({ page, product, document }) => {
  await product.script({ embedding_delay_ms: 4_000 });
  const { id } = await product.api<{ id: string }>('POST', '/documents', { title: 'Despacio', content: 'Poco a poco se llega lejos.' });
  await document.open(`/documents/${id}`);
  const field = page.getByRole('textbox', { name: 'Etiquetas' });
  await field.fill('refranes, viajes');
  await product.settled(id);
  await expect(page.locator('.facts-line .state')).toHaveCount(0, { timeout: 10_000 });
  await expect(document.text).toContainText('Poco a poco');
  await expect(field).toHaveValue('refranes, viajes');
  await expect(field).toBeFocused();
});

test('a question about deleting stays open while other documents move @script', async ({ page, product, documents }) => {
  await product.addText('Quieto', 'Nada se mueve.');
  await product.script({ embedding_delay_ms: 4_000 });
  const { id } = await product.api<{ id: string }>('POST', '/documents', { title: 'Movido', content: 'Todo se mueve.' });
  await documents.open('/documents');
  await documents.row('Movido').getByLabel('Eliminar: Movido').click();
  await product.settled(id);
  await documents.isReady('Movido');
  await expect(documents.row('Movido').getByRole('button', { name: 'Eliminar para siempre' })).toBeVisible();
});

test('deleting the last document of a page shows the page before @script', async ({ page, product, documents }) => {
  for (let number = 0; number < 51; number++) {
    await product.api('POST', '/documents', { title: `Documento ${number}`, content: `Número ${number}.` });
  }
  await documents.open('/documents?page=2');
  const rows = page.locator('tbody tr');
  await expect(rows).toHaveCount(1);
  await rows.first().getByLabel(/^Eliminar/).click();
  await rows.first().getByRole('button', { name: 'Eliminar para siempre' }).click();
  await expect(rows).toHaveCount(50);
  await expect(page).toHaveURL(/\/documents$/);
});

test('menus close with Escape and when a link in them is followed, on every page @script', async ({ page, documents }) => {
  await documents.open('/documents');
  const account = page.locator('details.account');
  const opener = account.locator('summary');
  await opener.click();
  await expect(account).toHaveAttribute('open', '');
  await page.keyboard.press('Escape');
  await expect(account).not.toHaveAttribute('open', '');
  await expect(opener).toBeFocused();
  await opener.click();
  await account.getByRole('link', { name: 'Ajustes' }).click();
  await expect(page).toHaveURL(/\/settings$/);
  await expect(account).not.toHaveAttribute('open', '');
});

test('of several changes of a setting the last one is kept @script', async ({ page, settings }) => {
  await settings.open('/settings');
  const slider = settings.field('rag_top_k').locator('input[type=range]');
  const before = Number(await slider.inputValue());
  await slider.focus();
  for (let step = 0; step < 6; step++) await page.keyboard.press(before > 10 ? 'ArrowLeft' : 'ArrowRight');
  const chosen = await slider.inputValue();
  await settings.isSaved('rag_top_k');
  await page.reload();
  await expect(slider).toHaveValue(chosen);
});

test('the way down speaks of new text only while there is some @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: Array.from({ length: 80 }, (_, line) => `Línea ${line}.`).join('\n\n') } });
  const id = await product.ask('Muchas líneas');
  await chat.open(`/chat/${id}`);
  await page.locator('#conversation').evaluate((body) => body.scrollTo(0, -2_000));
  await expect(page.getByRole('button', { name: 'Ir al final' })).toBeVisible();
  await page.getByRole('button', { name: 'Ir al final' }).click();
  await expect(page.getByRole('button', { name: 'Ir al final' })).toBeHidden();
});

test('a draft stays until the server has it @script', async ({ page, product, chat, complaints }) => {
  complaints.allow(/500|Failed to load/);
  await page.route('**/fn/send_message', (route) => route.fulfill({ status: 500, contentType: 'text/html', body: 'no' }));
  await chat.open('/');
  await chat.ask('No me pierdas');
  await expect(page.getByRole('alert')).toBeVisible();
  await page.unroute('**/fn/send_message');
  await page.reload();
  await chat.ready();
  await expect(chat.question).toHaveValue('No me pierdas');
  await product.script({ answer: { text: 'Vale.' } });
  await chat.send.click();
  await chat.answer();
  await chat.open('/');
  await expect(chat.question).toHaveValue('');
});

test('a question whose acknowledgement was lost is asked once, however often it is sent @script', async ({ page, product, chat, sidebar, complaints }) => {
  complaints.allow(/Failed to load/);
  await product.script({ answer: { text: 'Vale.' } });
  await chat.open('/');
  // The server has it, and the browser never hears of it.
  await page.route('**/fn/send_message', async (route) => {
    await route.fetch();
    await route.abort();
  });
  await chat.ask('¿Me oyes?');
  await expect(page.getByRole('alert')).toBeVisible();
  await page.unroute('**/fn/send_message');
  await expect(chat.question).toHaveValue('¿Me oyes?');
  await chat.send.click();
  await expect(await chat.answer()).toContainText('Vale.');
  await expect(chat.questions).toHaveCount(1);
  await expect(sidebar.chat('¿Me oyes?')).toHaveCount(1);
});

test('who leaves while a question is on its way stays where they are @script', async ({ page, product, chat, sidebar }) => {
  await product.script({ answer: { text: 'Vale.' } });
  await chat.open('/');
  const release = await held(page, '**/fn/send_message');
  await chat.ask('Ya vuelvo');
  await sidebar.link('Documentos').click();
  await expect(page).toHaveURL(/\/documents$/);
  release();
  await expect(sidebar.chat('Ya vuelvo')).toHaveCount(1);
  await expect(page).toHaveURL(/\/documents$/);
});

test('an answer is copied also where the browser has no clipboard to write to @script', async ({ page, product, chat }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await product.script({ answer: { text: 'Cópiame.' } });
  const id = await product.ask('¿Copias?');
  await chat.open(`/chat/${id}`);
  await chat.answers.getByRole('button', { name: 'Copiar', exact: true }).click();
  await expect(page.getByText('Copiado')).toBeVisible();
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true });

  test('Enter is a new line, and Escape closes the drawer @script', async ({ page, chat }) => {
    await chat.open('/');
    await chat.question.fill('uno');
    await chat.question.press('Enter');
    await chat.question.pressSequentially('dos');
    await expect(chat.question).toHaveValue('uno\ndos');
    await page.locator('.drawer-button').click();
    await expect(page.locator('#drawer')).toBeChecked();
    await page.keyboard.press('Escape');
    await expect(page.locator('#drawer')).not.toBeChecked();
  });
});
