import type { Page } from '@playwright/test';

import { ChatPage } from '../pages/chat';
import { expect, test } from '../support/test';

const COUNT = 'uno dos tres cuatro cinco seis siete ocho nueve diez';

test('the first visit says what to do', async ({ page, chat, script }) => {
  await chat.open('/');
  await expect(page.getByRole('heading', { name: '¿Qué quieres saber?' })).toBeVisible();
  await expect(page.getByText('Suelta aquí tus documentos')).toBeVisible();
  if (script) {
    const examples = page.getByRole('list', { name: 'Preguntas de ejemplo' }).getByRole('button');
    await expect(examples).toHaveCount(3);
    const words = await examples.first().innerText();
    await examples.first().click();
    await expect(chat.question).toHaveValue(words);
  }
});

test('a question is asked, answered, and asked on', async ({ page, product, chat, sidebar }) => {
  await product.script({ answer: { text: 'Hola, **mundo**.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```rust\nfn main() {}\n```' } });
  await chat.open('/');
  await chat.ask('Saluda, por favor');
  let answer = await chat.answer();
  await expect(answer.locator('strong')).toHaveText('mundo');
  await expect(answer.locator('table td').first()).toHaveText('1');
  await expect(answer.locator('pre code')).toContainText('fn main()');
  await expect(answer).toContainText('scripted-chat');
  await expect(chat.questions.first()).toContainText('Saluda, por favor');
  await expect(page).toHaveURL(/\/chat\//);
  await expect(sidebar.chat('Saluda, por favor')).toHaveCount(1);

  await product.script({ answer: { text: 'Otra vez: hola.' } });
  await chat.ask('¿Y otra vez?');
  await expect(chat.answers).toHaveCount(2);
  answer = await chat.answer();
  await expect(answer).toContainText('Otra vez: hola.');
});

test('an answer is streamed, and a reload in the middle goes on with it @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: COUNT }, hold_after: 4 });
  await chat.open('/');
  await chat.ask('Cuenta hasta diez');
  await expect(chat.answers.last()).toContainText('uno dos tres cuatro');
  await expect(chat.answers.last()).not.toContainText('cinco');
  await expect(chat.stop).toBeVisible();
  await expect(chat.send).toBeHidden();
  await page.reload();
  await chat.ready();
  await expect(chat.answers.last()).toContainText('uno dos tres cuatro');
  await product.release();
  await expect(await chat.answer()).toContainText(COUNT);
  await expect(chat.answers).toHaveCount(1);
});

test('a second tab sees the answer being written @script', async ({ page, context, product, chat }) => {
  await product.script({ answer: { text: COUNT }, hold_after: 2 });
  await chat.open('/');
  await chat.ask('Cuenta otra vez');
  await expect(chat.answers.last()).toContainText('uno dos');
  const other = await context.newPage();
  await other.goto(page.url());
  await expect(other.getByRole('article', { name: 'Respuesta' })).toContainText('uno dos');
  await product.release();
  await expect(other.getByRole('article', { name: 'Respuesta' })).toContainText('diez');
});

/** Takes a tab out of view, or brings it back: no tab of a browser without windows is ever out of view. */
const look = (tab: Page, hidden: boolean) =>
  tab.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  }, hidden);

test('a tab that was out of view hears what it missed @script', async ({ page, context, product, chat, sidebar }) => {
  await product.script({ answer: { text: 'Vale.' } });
  const id = await product.ask('El nombre de antes');
  await chat.open(`/chat/${id}`);
  await expect(sidebar.chat('El nombre de antes')).toHaveCount(1);
  await look(page, true);
  const tab = await context.newPage();
  const other = new ChatPage(tab, true);
  await other.open(`/chat/${id}`);
  await other.rename('El nombre de ahora');
  await expect(tab.getByRole('heading', { level: 1, name: 'El nombre de ahora' })).toBeVisible();
  await expect(sidebar.chat('El nombre de antes')).toHaveCount(1);
  await look(page, false);
  await expect(sidebar.chat('El nombre de ahora')).toHaveCount(1);
  await expect(page.getByRole('heading', { level: 1, name: 'El nombre de ahora' })).toBeVisible();
});

test('tabs that nobody looks at leave the connections to the one in view, and catch up later @script', async ({ page, context, product, chat }) => {
  await product.script({ answer: { text: COUNT }, hold_after: 2 });
  await chat.open('/');
  await chat.ask('Cuenta en muchas pestañas');
  await expect(chat.answers.last()).toContainText('uno dos');
  await look(page, true);
  // A browser keeps six connections to one server.
  for (let tab = 0; tab < 6; tab++) {
    const other = await context.newPage();
    await other.goto(page.url());
    await expect(other.getByRole('article', { name: 'Respuesta' })).toContainText('uno dos');
    await expect(other.locator('html[data-hydrated]')).toHaveCount(1);
    await look(other, true);
  }
  await product.release();
  const last = await context.newPage();
  await last.goto(page.url());
  await expect(last.getByRole('article', { name: 'Respuesta' })).toContainText('diez');
  await expect(chat.answers.last()).not.toContainText('diez');
  await look(page, false);
  await expect(await chat.answer()).toContainText(COUNT);
});

test('stop keeps the text so far and offers to write it again', async ({ product, chat, page, script }) => {
  await product.script({ answer: { text: COUNT }, hold_after: 3 });
  await chat.open('/');
  await chat.ask('Cuenta y para');
  await expect(chat.answers.last()).toContainText('uno dos tres', { timeout: 20_000 });
  await chat.stop.click();
  const answer = await chat.answer();
  await expect(answer).toContainText('La detuviste');
  await expect(answer).toContainText('uno dos tres');
  // The provider notices a moment later that its reader has gone.
  await expect.poll(async () => (await product.modelState()).open_streams).toBe(0);
  await product.script({ answer: { text: 'Ahora sí.' } });
  await page.getByRole('button', { name: 'Reintentar' }).click();
  await expect(await chat.answer()).toContainText('Ahora sí.');
  if (script) await expect(chat.send).toBeVisible();
  // What was stopped is the version before.
  await chat.answers.last().hover();
  await chat.answers.last().getByRole('button', { name: 'Versión anterior' }).click();
  await expect(chat.answers.last()).toContainText('uno dos tres');
});

test('a provider that fails is told with what to do', async ({ page, product, chat }) => {
  await product.script({ chat_status: 401 });
  await chat.open('/');
  await chat.ask('¿Hola?');
  await expect(page.getByRole('alert').filter({ hasText: 'no acepta la clave' })).toBeVisible({ timeout: 20_000 });
  await product.script({ answer: { text: 'Ya funciona.' } });
  await page.getByRole('button', { name: 'Reintentar' }).click();
  await expect(await chat.answer()).toContainText('Ya funciona.');
});

test('one chat leads to another, and back', async ({ page, product, chat }) => {
  await product.script({ answer: { text: 'Respuesta del primero.' } });
  const first = await product.ask('La primera pregunta');
  await product.script({ answer: { text: 'Respuesta del segundo.' } });
  const second = await product.ask('La segunda pregunta');
  await chat.open('/');
  const link = (id: string) => page.locator(`.side a[href="/chat/${id}"]`);
  for (const [id, words] of [[first, 'primero'], [second, 'segundo'], [first, 'primero'], [second, 'segundo']]) {
    await link(id).click();
    await expect(page).toHaveURL(new RegExp(`/chat/${id}$`));
    await expect(chat.answers.last()).toContainText(words);
    await expect(chat.answers).toHaveCount(1);
  }
  await chat.ask('¿Y ahora?');
  await expect(chat.answers).toHaveCount(2);
});

test('a chat is renamed and deleted', async ({ page, product, chat, sidebar }) => {
  await product.script({ answer: { text: 'Vale.' } });
  const id = await product.ask('Un tema cualquiera');
  await chat.open(`/chat/${id}`);
  await chat.rename('Recetas de verano');
  await expect(page.getByRole('heading', { level: 1, name: 'Recetas de verano' })).toBeVisible();
  await expect(sidebar.chat('Recetas de verano')).toHaveCount(1);
  await chat.delete();
  await expect(page).toHaveURL(/\/$/);
  await expect(sidebar.chat('Recetas de verano')).toHaveCount(0);
});

test('HTML in a question and in an answer stays text', async ({ page, product, chat }) => {
  const attack = '<img src=x onerror="document.title=\'bad\'"><script>document.title="bad"</script>';
  await product.script({ answer: { text: attack } });
  await chat.open('/');
  await chat.ask(attack);
  await expect(await chat.answer()).toContainText('<script>');
  await expect(chat.questions.first()).toContainText('<script>');
  await expect(page.locator('article img, article script')).toHaveCount(0);
  expect(await page.title()).not.toBe('bad');
});

test('a message that is too long is refused and not lost @script', async ({ page, chat, complaints }) => {
  complaints.allow(/422/);
  await chat.open('/');
  await chat.question.evaluate((field: HTMLTextAreaElement) => {
    field.value = 'palabra '.repeat(20_000);
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await chat.send.click();
  await expect(page.getByRole('alert')).toContainText('100 000 caracteres');
  expect((await chat.question.inputValue()).length).toBeGreaterThan(100_000);
});

test('keys: Enter sends, the arrow takes the last question up, Escape stops, Ctrl K and ? open their lists @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: COUNT }, hold_after: 2 });
  await chat.open('/');
  await chat.question.fill('línea uno');
  await chat.question.press('Shift+Enter');
  await chat.question.pressSequentially('línea dos');
  await expect(chat.question).toHaveValue('línea uno\nlínea dos');
  await chat.question.press('Enter');
  await expect(chat.answers.last()).toContainText('uno dos');
  await page.keyboard.press('Escape');
  await expect(await chat.answer()).toContainText('La detuviste');
  await chat.question.focus();
  await page.keyboard.press('ArrowUp');
  await expect(chat.question).toHaveValue('línea uno\nlínea dos');
  await page.keyboard.press('Control+k');
  const palette = page.getByRole('dialog', { name: 'Buscar chats y acciones' });
  await expect(palette).toBeVisible();
  await palette.getByRole('combobox').fill('ajustes');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/settings$/);
  await page.getByRole('main').click({ position: { x: 5, y: 5 } });
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Atajos de teclado' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
});

test('when nothing fits, the answer says what came closest', async ({ product, chat }) => {
  const recipe = await product.addText('Recetas de tortilla', 'La tortilla de patatas lleva huevos, patatas y cebolla.');
  await product.setting('rag_min_score', '99');
  await product.script({ answer: { text: 'No lo sé.' } });
  await chat.open('/');
  await chat.ask('¿Qué lleva una tortilla de verduras?');
  const answer = await chat.answer();
  await expect(answer).toContainText('Ningún pasaje supera el umbral');
  await expect(answer.getByRole('link', { name: 'Recetas de tortilla' })).toHaveAttribute('href', `/documents/${recipe}`);
  await expect(answer.getByRole('region', { name: 'Fuentes' })).toHaveCount(0);
});

test('a long chat shows its end again with the next question, and the way back to what was before @script', async ({ page, product, chat }) => {
  const id = await product.bringIn('Largo', Array.from({ length: 100 }, (_, place) => `Mensaje ${place}.`));
  await product.script({ answer: { text: 'Hasta aquí.' } });
  await chat.open(`/chat/${id}?shown=100`);
  await expect(page.getByText('Mensaje 0.', { exact: true })).toBeAttached();
  await chat.ask('¿Y ahora?');
  await expect(await chat.answer()).toContainText('Hasta aquí.');
  await expect(chat.questions).toHaveCount(30);
  await expect(chat.answers).toHaveCount(30);
  await page.getByRole('link', { name: 'Ver mensajes anteriores (42)' }).click();
  await expect(page.getByText('Mensaje 0.', { exact: true })).toBeAttached();
});
