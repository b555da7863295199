import { expect, test } from '../support/test';

test('a question is changed in its place, and both versions stay @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: 'Madrid.' } });
  await chat.open('/');
  await chat.ask('¿Cuál es la capital de España?');
  await expect(await chat.answer()).toContainText('Madrid.');

  await product.script({ answer: { text: 'Lisboa.' } });
  await chat.questions.last().hover();
  await chat.questions.last().getByRole('button', { name: 'Editar y volver a preguntar' }).click();
  await expect(page.getByText('Estás cambiando una pregunta')).toBeVisible();
  await expect(chat.question).toHaveValue('¿Cuál es la capital de España?');
  await chat.ask('¿Cuál es la capital de Portugal?');
  await expect(await chat.answer()).toContainText('Lisboa.');
  await expect(chat.questions).toHaveCount(1);
  await expect(chat.questions.first()).toContainText('Portugal');
  await expect(page.getByText('Estás cambiando una pregunta')).toBeHidden();

  const versions = chat.questions.first().getByRole('group', { name: 'Versiones' });
  await expect(versions).toContainText('2 / 2');
  await versions.getByRole('button', { name: 'Versión anterior' }).click();
  await expect(chat.questions.first()).toContainText('España');
  await expect(chat.answers.last()).toContainText('Madrid.');
  // It is kept: also after a reload.
  await page.reload();
  await chat.ready();
  await expect(chat.answers.last()).toContainText('Madrid.');
  await expect(chat.questions.first().getByRole('group', { name: 'Versiones' })).toContainText('1 / 2');
});

test('an answer is asked for again, rated, and the worse one deleted @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: 'No sé.' } });
  await chat.open('/');
  await chat.ask('¿Cuánto es dos y dos?');
  await expect(await chat.answer()).toContainText('No sé.');

  await chat.answers.last().getByLabel('Mala respuesta').click();
  await page.getByLabel('No responde a la pregunta').check();
  await page.getByLabel('Con tus palabras').fill('Faltan los números.');
  await page.getByRole('button', { name: 'Enviar valoración' }).click();
  await expect(page.getByText('Gracias')).toBeVisible();
  await chat.answers.last().getByLabel('Mala respuesta').click();
  await expect(page.getByLabel('No responde a la pregunta')).toBeChecked();
  await expect(page.getByLabel('Con tus palabras')).toHaveValue('Faltan los números.');
  await page.keyboard.press('Escape');
  // It is seen that it was pressed.
  const colour = (label: string) => chat.answers.last().getByLabel(label, { exact: true }).evaluate((button) => getComputedStyle(button).color);
  await expect.poll(async () => (await colour('Mala respuesta')) !== (await colour('Más'))).toBe(true);

  await product.script({ answer: { text: 'Cuatro.' } });
  await chat.answers.last().getByRole('button', { name: 'Responder otra vez' }).click();
  await expect(chat.answers.last()).toContainText('Cuatro.');
  await expect(await chat.answer()).toContainText('2 / 2');
  await chat.answers.last().getByRole('button', { name: 'Buena respuesta' }).click();
  await expect(chat.answers.last().getByRole('button', { name: 'Buena respuesta' })).toHaveAttribute('aria-pressed', 'true');

  await chat.answers.last().getByRole('button', { name: 'Versión anterior' }).click();
  await expect(chat.answers.last()).toContainText('No sé.');
  await chat.answers.last().getByLabel('Más', { exact: true }).click();
  await chat.answers.last().getByText('Eliminar', { exact: true }).click();
  await chat.answers.last().getByRole('button', { name: 'Eliminar para siempre' }).click();
  await expect(chat.answers.last()).toContainText('Cuatro.');
  await expect(page.getByRole('group', { name: 'Versiones' })).toHaveCount(0);
});

test('a chat is copied up to an answer, and the copy goes its own way @script', async ({ page, product, chat, sidebar }) => {
  await product.script({ answer: { text: 'Respuesta **primera**.' } });
  await chat.open('/');
  await chat.ask('Primera');
  await chat.answer();
  await chat.ask('Segunda');
  await expect(chat.answers).toHaveCount(2);
  await chat.answer();
  await chat.answers.first().getByLabel('Más', { exact: true }).click();
  await page.getByRole('button', { name: 'Copiar hasta aquí en otro chat' }).click();
  await expect(page.getByRole('heading', { name: 'Copia de Primera' })).toBeVisible();
  await expect(chat.questions).toHaveCount(1);
  await expect(sidebar.chat('Copia de Primera')).toHaveCount(1);
  await chat.ask('Otra');
  await expect(chat.answers).toHaveCount(2);
});

test('an answer is copied as it looks and as it is written @script', async ({ page, context, product, chat }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await product.script({ answer: { text: 'Una palabra **fuerte**.' } });
  await chat.open('/');
  await chat.ask('Escribe algo');
  await chat.answer();
  const clipboard = (type: string) =>
    page.evaluate(async (type) => {
      const [item] = await navigator.clipboard.read();
      return item.types.includes(type) ? (await item.getType(type)).text() : '';
    }, type);
  await chat.answers.last().getByRole('button', { name: 'Copiar', exact: true }).click();
  await expect.poll(() => clipboard('text/html')).toContain('<strong');
  expect((await clipboard('text/plain')).trim()).toBe('Una palabra fuerte.');
  await chat.answers.last().getByLabel('Más', { exact: true }).click();
  await page.getByRole('button', { name: 'Copiar como Markdown' }).click();
  await expect.poll(() => clipboard('text/plain')).toBe('Una palabra **fuerte**.');
});

test('a copied answer names its sources where it cites them @script', async ({ page, context, product, chat }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await product.addText('Manual', 'El arranque tarda dos minutos.');
  await chat.open('/');
  await chat.ask('¿Cuánto tarda el arranque?');
  await chat.answer();
  await expect(chat.citation(1)).toBeVisible();
  await chat.answers.last().getByRole('button', { name: 'Copiar', exact: true }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain('[1]');
  await expect(chat.citation(1)).toHaveText('1');
});

test('what is done in one tab is seen in another @script', async ({ page, context, product, chat }) => {
  await product.script({ answer: { text: 'Primera respuesta.' } });
  await chat.open('/');
  await chat.ask('¿Me ves?');
  await chat.answer();
  const other = await context.newPage();
  await other.goto(page.url());
  await expect(other.locator('html[data-hydrated]')).toBeAttached();
  await expect(other.getByText('Primera respuesta.')).toBeVisible();

  await product.script({ answer: { text: 'Segunda respuesta.' } });
  await chat.ask('¿Y ahora?');
  await expect(other.getByRole('article', { name: 'Tu pregunta' }).last()).toContainText('¿Y ahora?');
  await expect(other.getByRole('article', { name: 'Respuesta' }).last()).toContainText('Segunda respuesta.');
  await chat.answer();
  await chat.rename('Un título nuevo');
  await expect(other.getByRole('heading', { name: 'Un título nuevo' })).toBeVisible();
  await expect(other.getByRole('navigation').getByText('Un título nuevo')).toBeVisible();
});

test('what was being written waits while a question is changed, and Escape leaves the change @script', async ({ page, product, chat }) => {
  const id = await product.ask('¿Uno?');
  await chat.open(`/chat/${id}`);
  await chat.question.fill('a medio escribir');
  await page.getByRole('button', { name: 'Editar y volver a preguntar' }).first().click();
  await expect(chat.question).toHaveValue('¿Uno?');
  await page.keyboard.press('Escape');
  await expect(page.getByText('Estás cambiando una pregunta')).toHaveCount(0);
  await expect(chat.question).toHaveValue('a medio escribir');
  await page.getByRole('button', { name: 'Editar y volver a preguntar' }).first().click();
  await chat.question.fill('¿Dos?');
  await page.reload();
  await chat.ready();
  await expect(chat.question).toHaveValue('a medio escribir');
  await page.getByRole('button', { name: 'Editar y volver a preguntar' }).first().click();
  await chat.question.fill('¿Dos?');
  await page.keyboard.press('Enter');
  await expect(page.locator('.question .said').last()).toHaveText('¿Dos?');
  await expect(chat.question).toHaveValue('a medio escribir');
});

test('a copied answer brings its structure and not the look of the page @script', async ({ page, context, product, chat }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await product.script({ answer: { text: '## Título\n\nUna **tabla**:\n\n| a | b |\n|---|---|\n| 1 | 2 |\n' } });
  await chat.open('/');
  await chat.ask('¿Y?');
  await chat.answer();
  await chat.answers.last().getByRole('button', { name: 'Copiar', exact: true }).click();
  await expect(chat.answers.last().getByText('Copiado')).toBeVisible();
  const html = await page.evaluate(async () => (await (await navigator.clipboard.read())[0].getType('text/html')).text());
  expect(html).toContain('<td>1</td>');
  expect(html).not.toMatch(/style=|class=|oklch/);
});
