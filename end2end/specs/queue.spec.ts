import { expect, test } from '../support/test';

test('questions sent meanwhile wait, are changed or taken out, and are asked in their order @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: 'La primera respuesta.' }, hold_after: 1 });
  await chat.open('/');
  await chat.ask('Primera');
  await expect(chat.answers).toHaveCount(1);
  await expect(page.getByRole('button', { name: 'Detener' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Enviar' })).toBeHidden();
  await chat.ask('Segunda');
  await chat.ask('Tercera');
  await chat.ask('Cuarta');
  const queue = page.getByRole('region', { name: 'Preguntas en espera' });
  await expect(queue.getByRole('listitem')).toHaveText([/Segunda/, /Tercera/, /Cuarta/]);
  await expect(queue).toContainText('en cuanto termine');

  // In another tab too.
  const other = await page.context().newPage();
  await other.goto(page.url());
  const there = other.getByRole('region', { name: 'Preguntas en espera' });
  await expect(there.getByRole('listitem')).toHaveCount(3);

  await queue.getByText('Segunda').first().click();
  await queue.getByRole('listitem').first().getByRole('textbox').fill('Segunda, mejor dicha');
  await queue.getByRole('button', { name: 'Guardar' }).first().click();
  await queue.getByRole('listitem').nth(1).getByRole('button', { name: 'Quitar' }).click();
  await expect(queue.getByRole('listitem')).toHaveText([/Segunda, mejor dicha/, /Cuarta/]);
  await expect(there.getByRole('listitem')).toHaveText([/Segunda, mejor dicha/, /Cuarta/]);
  // Still there after a reload.
  await page.reload();
  await chat.ready();
  await expect(queue.getByRole('listitem')).toHaveCount(2);

  await product.script({ answer: { text: 'Otra respuesta.' } });
  await product.release();
  await expect(chat.questions).toHaveText([/Primera/, /Segunda, mejor dicha/, /Cuarta/]);
  await expect(chat.answers).toHaveText([/La primera respuesta/, /Otra respuesta/, /Otra respuesta/]);
  await expect(queue).toHaveCount(0);
  await other.close();
});

test('after a failure what waits is held, and asked when one says so @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: 'Uno dos tres.' }, hold_after: 1, break_after: 1 });
  await chat.open('/');
  await chat.ask('Primera');
  await expect(chat.answers).toHaveCount(1);
  await chat.ask('Segunda');
  const queue = page.getByRole('region', { name: 'Preguntas en espera' });
  await expect(queue).toContainText('Segunda');
  await product.release();
  await expect(queue).toContainText('no se completó');
  await expect(chat.questions).toHaveCount(1);
  await product.script({ answer: { text: 'Bien.' } });
  await queue.getByRole('button', { name: 'Preguntar ahora' }).click();
  await expect(chat.answers.last()).toContainText('Bien.');
  await expect(queue).toHaveCount(0);
});

test('a question sent meanwhile waits and is asked', async ({ page, product, chat }) => {
  await product.script({ answer: { text: 'La primera respuesta.' }, hold_after: 1 });
  await chat.open('/');
  await chat.ask('Primera');
  await expect(chat.answers).toHaveCount(1);
  await product.call('send_message', { chat: page.url().split('/').at(-1) ?? '', text: 'Segunda' });
  const queue = page.getByRole('region', { name: 'Preguntas en espera' });
  await expect(queue).toContainText('Segunda');
  await product.script({ answer: { text: 'Otra respuesta.' } });
  await product.release();
  await expect(chat.answers).toHaveText([/La primera respuesta/, /Otra respuesta/]);
  await expect(queue).toHaveCount(0);
});

test('what is typed while answers end and waiting questions are asked stays, with the focus @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: 'Uno dos tres cuatro cinco seis.' }, pace_ms: 60 });
  await chat.open('/');
  await chat.ask('Primera');
  await expect(chat.answers).toHaveCount(1);
  await chat.ask('Segunda');
  await chat.question.focus();
  await page.keyboard.type('mientras acaba una respuesta y se pregunta otra cosa', { delay: 30 });
  await expect(chat.answers).toHaveCount(2);
  await chat.answer();
  await expect(chat.question).toBeFocused();
  await expect(chat.question).toHaveValue('mientras acaba una respuesta y se pregunta otra cosa');
});

test('Escape closes the editor of a waiting question and stops nothing @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: 'Uno dos tres.' }, hold_after: 1 });
  await chat.open('/');
  await chat.ask('Primera');
  await expect(chat.answers).toHaveCount(1);
  await chat.ask('Segunda');
  const queue = page.getByRole('region', { name: 'Preguntas en espera' });
  await queue.getByText('Segunda').first().click();
  await queue.getByRole('textbox').fill('A medias');
  await page.keyboard.press('Escape');
  await expect(queue.getByRole('textbox')).toBeHidden();
  await expect(chat.stop).toBeVisible();
  await product.script({ answer: { text: 'Otra.' } });
  await product.release();
  await expect(chat.answers).toHaveText([/Uno dos tres/, /Otra/]);
});

test('without script one writes in peace while an answer is written @noscript', async ({ page, product, chat, complaints }) => {
  // What the browser says of a program that it was told to load and does not run.
  complaints.allow(/preload/);
  await product.script({ answer: { text: 'La primera respuesta.' }, hold_after: 1 });
  await chat.open('/');
  await chat.ask('Primera');
  await expect(chat.answers).toHaveCount(1);
  // The page loads itself again, so it has no field whose text that would take away; the answer can be stopped.
  await expect(chat.question).toBeHidden();
  await expect(chat.stop).toBeVisible();
  await page.getByRole('link', { name: 'Escribir la pregunta siguiente' }).click();
  await chat.question.fill('Segunda');
  await page.waitForTimeout(3_000);
  await expect(chat.question).toHaveValue('Segunda');
  await chat.send.click();
  await expect(page.getByRole('region', { name: 'Preguntas en espera' })).toContainText('Segunda');
  await product.script({ answer: { text: 'Otra respuesta.' } });
  await product.release();
  await expect(chat.answers).toHaveText([/La primera respuesta/, /Otra respuesta/]);
  await expect(chat.question).toBeVisible();
});
