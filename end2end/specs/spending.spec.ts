import { expect, test } from '../support/test';

test('what a model thinks is folded, and stays with its answer @script', async ({ page, context, product, chat }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await product.script({ thinks: 'Primero **sumo** los dos.', answer: { text: 'Son cuatro.' }, hold_after: 0 });
  await chat.open('/');
  await chat.ask('¿Cuánto es dos y dos?');
  const live = chat.answers.last();
  await live.getByText('Lo que piensa').click();
  await expect(live.locator('strong')).toHaveText('sumo');
  await product.release();
  const answer = await chat.answer();
  await expect(answer).toContainText('Son cuatro.');
  // Whoever reads it goes on reading.
  await expect(answer.locator('strong')).toHaveText('sumo');
  await answer.getByRole('button', { name: 'Copiar', exact: true }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('Son cuatro.');
  await page.reload();
  await chat.ready();
  await expect(chat.answers.last().locator('strong')).toHaveCount(0);
  await chat.answers.last().getByText('Lo que pensó antes de responder').click();
  await expect(chat.answers.last().locator('strong')).toHaveText('sumo');
});

test('an answer tells what it cost once its model has a price, and so do the chat and the month', async ({ page, product, chat }) => {
  await page.goto('/admin/models');
  const row = page.getByRole('row').filter({ hasText: 'scripted-chat' });
  await row.getByLabel('Entrada: openai:scripted-chat').fill('1000');
  await row.getByLabel('Salida: openai:scripted-chat').fill('4000,5');
  await row.getByRole('button', { name: 'Guardar' }).click();
  await expect(page.getByText('El precio vale para las respuestas que vengan.')).toBeVisible();
  await expect(row.getByLabel('Salida: openai:scripted-chat')).toHaveValue('4000,5');
  await product.script({ answer: { text: 'Una respuesta de seis palabras cabales.' } });
  await product.ask('¿Cuánto cuesta?');
  await page.goto('/');
  await chat.open('/');
  await page.goto('/chats');
  await page.getByRole('link', { name: '¿Cuánto cuesta?' }).first().click();
  await expect(chat.answers.last().locator('.facts')).toContainText('US$');
  await page.getByLabel('Opciones del chat').click();
  await expect(page.locator('.topbar .menu-items')).toContainText('US$');
  await page.goto('/account');
  await expect(page.locator('#usage')).toContainText('scripted-chat');
  await expect(page.locator('#usage')).toContainText('US$');
  await page.goto('/admin/models');
  await row.getByLabel('Entrada: openai:scripted-chat').fill('mucho');
  await row.getByRole('button', { name: 'Guardar' }).click();
  await expect(page.getByText('El precio debe ser un número')).toBeVisible();
  await page.goto('/admin/models');
  await row.getByLabel('Entrada: openai:scripted-chat').fill('');
  await row.getByLabel('Salida: openai:scripted-chat').fill('');
  await row.getByRole('button', { name: 'Guardar' }).click();
  await expect(row.getByLabel('Entrada: openai:scripted-chat')).toHaveValue('');
});
