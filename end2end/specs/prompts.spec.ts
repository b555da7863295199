import { expect, test, violations } from '../support/test';

test.beforeEach(({ product }) => product.forgetPrompts());

test('a question is kept, called with its name, and its gaps are filled in one after the other @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: 'Hecho.' } });
  await chat.open('/prompts');
  await expect(page.getByRole('heading', { name: 'Aún no hay plantillas' })).toBeVisible();
  await page.getByLabel('Nombre').fill('Traducir texto');
  await page.getByRole('textbox', { name: /^Texto/ }).fill('Traduce «{{texto}}» al {{idioma}}.');
  await page.getByRole('button', { name: 'Guardar plantilla' }).click();
  await expect(page.getByText('/traducir-texto')).toBeVisible();
  await product.call('save_prompt', { name: 'resumir', content: 'Resume lo dicho.' });
  await product.call('save_prompt', { name: 'revisar', content: 'Revisa lo dicho.' });
  await chat.open('/prompts');
  expect(await violations(page), 'the page of prompts').toEqual([]);

  await chat.open('/');
  await chat.question.pressSequentially('/');
  const list = page.getByRole('listbox', { name: 'Plantillas' });
  await expect(list.getByRole('option')).toHaveText([/resumir/, /revisar/, /traducir-texto/]);
  expect(await violations(page), 'the list').toEqual([]);
  await chat.question.pressSequentially('re');
  await expect(list.getByRole('option')).toHaveText([/resumir/, /revisar/]);
  await page.keyboard.press('ArrowDown');
  await expect(list.getByRole('option', { selected: true })).toContainText('revisar');
  await page.keyboard.press('Escape');
  await expect(list).toBeHidden();
  await expect(chat.question).toHaveValue('/re');
  await chat.question.fill('/trad');
  await expect(list.getByRole('option', { selected: true })).toContainText('traducir-texto');
  await page.keyboard.press('Enter');
  await expect(list).toBeHidden();
  await expect(chat.question).toHaveValue('Traduce «{{texto}}» al {{idioma}}.');
  await page.keyboard.type('la casa');
  await page.keyboard.press('Tab');
  await page.keyboard.type('inglés');
  await expect(chat.question).toHaveValue('Traduce «la casa» al inglés.');
  await expect(page.getByRole('button', { name: 'Siguiente hueco' })).toBeHidden();
  await page.keyboard.press('Enter');
  await expect(chat.questions).toHaveText([/Traduce «la casa» al inglés\./]);
  // The list is closed, and what is no name is a question.
  await chat.ask('/nada-con-este-nombre');
  await expect(chat.questions.last()).toContainText('/nada-con-este-nombre');
});

test('a kept question is asked, changed and deleted', async ({ page, product, chat, complaints, script }) => {
  complaints.allow(/409.*save_prompt/);
  await product.script({ answer: { text: 'Hecho.' } });
  await product.call('save_prompt', { name: 'resumir', content: 'Resume {{documento}}.' });
  await product.call('save_prompt', { name: 'otra', content: 'Otra.' });
  await chat.open('/prompts');
  const item = page.getByRole('listitem').filter({ hasText: '/resumir' });
  await item.locator('summary').first().click();
  await item.getByText('Cambiar esta plantilla').click();
  await item.getByLabel('Nombre').fill('otra');
  await item.getByRole('button', { name: 'Guardar', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('Ya hay una plantilla con ese nombre');
  // With script the form stays open, with what was typed.
  if (script) await expect(item.getByLabel('Nombre')).toHaveValue('otra');
  else await item.locator('summary').first().click();
  await item.getByRole('textbox', { name: 'documento', exact: true }).fill('el contrato');
  await item.getByRole('button', { name: 'Preguntar en un chat nuevo' }).click();
  await expect(page).toHaveURL(/\/chat\//);
  await expect(chat.questions).toHaveText([/Resume el contrato\./]);
  await chat.open('/prompts');
  await item.locator('summary').first().click();
  await item.getByText('Cambiar esta plantilla').click();
  await item.getByText('Eliminar').first().click();
  await item.getByRole('button', { name: 'Eliminar' }).click();
  await expect(page.getByText('/otra')).toBeVisible();
  await expect(page.getByText('/resumir')).toHaveCount(0);
});
