import { expect, test } from '../support/test';

test('a chat has a model and documents of its own, from its first question on @script', async ({ page, product, chat, complaints }) => {
  complaints.allow(/(404|422).*choose_for_chat/);
  await product.addText('Contrato', 'El contrato dura cinco años y se firma en octubre.');
  await product.addText('Manual', 'La garantía del aparato dura dos años.');
  await chat.open('/');
  await page.getByText('Ajustar este chat').click();
  await page.getByRole('combobox', { name: 'Modelo' }).selectOption('scripted-other');
  await page.getByLabel('Título de un documento').fill('Contrato');
  await chat.ask('¿Cuánto dura?');
  const answer = await chat.answer();
  await expect(answer.locator('.facts')).toContainText('scripted-other');
  await expect(answer.locator('.searched')).toContainText('1 documento');
  await expect(page.locator('.composer-note')).toContainText('scripted-other');
  await page.reload();
  await chat.ready();
  await expect(page.locator('.composer-note')).toContainText('scripted-other');
  await page.getByText('Ajustar este chat').click();
  await expect(page.getByLabel('Contrato', { exact: true })).toBeChecked();
  await page.getByLabel('Contrato', { exact: true }).uncheck();
  await page.getByRole('combobox', { name: 'Modelo' }).selectOption('');
  await page.getByRole('button', { name: 'Guardar' }).click();
  await expect(page.locator('.composer-note')).toContainText('scripted-chat');
  await chat.ask('¿Y la garantía?');
  await expect(chat.answers).toHaveCount(2);
  await expect((await chat.answer()).locator('.facts')).toContainText('scripted-chat');
  await expect(chat.answers.last().locator('.searched')).toContainText('2 documentos');
  // What cannot be is said, and what was typed stays.
  await page.getByText('Ajustar este chat').click();
  await page.getByLabel('Título de un documento').fill('No existe');
  await page.getByRole('button', { name: 'Guardar' }).click();
  await expect(page.getByText('Este documento no existe')).toBeVisible();
  // The menu stays, with what was typed.
  await expect(page.getByLabel('Título de un documento')).toHaveValue('No existe');
  await page.getByLabel('Título de un documento').fill('');
  await page.getByLabel('Temperatura').fill('9');
  await page.getByRole('button', { name: 'Guardar' }).click();
  await expect(page.getByText('Temperatura: Este valor no es válido')).toBeVisible();
});

test('a new chat searches several documents that are ticked, and the answer says so @script', async ({ page, product, chat }) => {
  for (const title of ['Contrato', 'Manual', 'Factura']) await product.addText(title, `${title}: dura dos años y no más.`);
  await chat.open('/');
  await page.getByText('Ajustar este chat').click();
  await page.getByLabel('Contrato', { exact: true }).check();
  await page.getByLabel('Factura', { exact: true }).check();
  await chat.ask('¿Cuánto dura?');
  await expect((await chat.answer()).locator('.searched')).toContainText('2 documentos');
});
