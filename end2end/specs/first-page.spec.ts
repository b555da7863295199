import { POLICY } from '../support/files';
import { expect, test } from '../support/test';

test('without a model the first page offers what leads on: a document, and a model', async ({ page, product, chat, script }) => {
  await product.setting('default_model', 'extractive');
  await chat.open('/');
  const ways = page.getByRole('list', { name: 'Para empezar' });
  await expect(ways.getByRole('listitem')).toHaveCount(2);
  await expect(ways).not.toContainText('Resume');
  if (script) {
    const chooser = page.waitForEvent('filechooser');
    await ways.locator('label', { hasText: 'Sube un documento y pregunta por él' }).click();
    await (await chooser).setFiles({ name: 'Garantía.txt', mimeType: 'text/plain', buffer: Buffer.from(POLICY) });
    // As soon as it is ready it can be asked about.
    await ways.getByRole('button', { name: '¿Qué dice «Garantía»?' }).click({ timeout: 30_000 });
    await expect(chat.question).toHaveValue('¿Qué dice «Garantía»?');
  } else {
    await ways.getByRole('link', { name: 'Sube un documento y pregunta por él' }).click();
    await expect(page).toHaveURL(/\/documents$/);
  }
  await chat.open('/');
  await ways.getByRole('link', { name: 'Conecta un modelo' }).click();
  await expect(page).toHaveURL(/\/settings#connection$/);
});

test('without a model the newest documents can be asked about by words of their own', async ({ page, product, chat, script }) => {
  await product.setting('default_model', 'extractive');
  for (const title of ['El más viejo', 'politica_v2', 'La garantía']) await product.addText(title, POLICY);
  await chat.open('/');
  const ways = page.getByRole('list', { name: 'Para empezar' });
  await expect(ways.locator('button')).toHaveText(['¿Qué dice «La garantía»?', '¿Qué dice «Los clientes pueden devolver cualquier producto dentro de»?']);
  // A bare name of a file would find nothing.
  await ways.getByRole('button').last().click();
  // With script it waits in the field, where it can be changed.
  if (script) await chat.send.click();
  await expect(await chat.answer()).toContainText('treinta días');
  await product.setting('language', 'en');
  await chat.open('/');
  await expect(page.getByRole('list', { name: 'Ways to begin' }).getByRole('button').first()).toHaveText('What does “La garantía” say?');
});

test('with a model the first page has example questions @script', async ({ page, chat }) => {
  await chat.open('/');
  await page.getByRole('list', { name: 'Preguntas de ejemplo' }).getByRole('button').first().click();
  await expect(chat.question).toHaveValue('¿Qué dicen mis documentos sobre los plazos?');
});
