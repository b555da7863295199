import { expect, test } from '../support/test';

test('a chat is found by what was said in it, and kept in a folder', async ({ page, product, chat, sidebar }) => {
  await product.script({ answer: { text: 'La **cañería** se arregla con una llave inglesa.' } });
  await chat.open('/');
  await chat.ask('¿Cómo se arregla?');
  await chat.answer();
  await product.script({ answer: { text: 'No lo sé.' } });
  await chat.open('/');
  await chat.ask('Otra cosa');
  await chat.answer();

  await page.goto('/chats');
  await expect(page.getByText('2 chats', { exact: true })).toBeVisible();
  await page.getByRole('searchbox', { name: 'Buscar en los chats' }).fill('cañeria');
  await page.getByRole('button', { name: 'Filtrar' }).click();
  await expect(page.getByRole('main').getByRole('link', { name: '¿Cómo se arregla?' })).toBeVisible();
  await expect(page.getByRole('main').getByRole('link', { name: 'Otra cosa' })).toHaveCount(0);
  await expect(page.locator('mark')).toHaveText('cañería');

  await page.getByRole('checkbox', { name: '¿Cómo se arregla?' }).check();
  await page.getByText('Mover a carpeta').click();
  await page.getByRole('combobox', { name: 'Carpeta' }).fill('Casa');
  await page.getByRole('button', { name: 'Mover', exact: true }).click();
  await page.goto('/chats');
  await page.getByRole('navigation', { name: 'Chats' }).getByRole('link', { name: /^Casa/ }).click();
  await expect(page.getByRole('heading', { name: 'Casa', level: 1 })).toBeVisible();
  await expect(page.getByRole('main').getByRole('link', { name: '¿Cómo se arregla?' })).toBeVisible();

  await page.getByLabel('Instrucciones para el modelo').fill('Responde siempre en verso.');
  await page.getByRole('button', { name: 'Guardar', exact: true }).click();
  await expect(page.getByText('Guardado')).toBeVisible();
  await expect(page.getByLabel('Instrucciones para el modelo')).toHaveValue('Responde siempre en verso.');

  await page.goto('/chats?q=in%3Acasa');
  await expect(page.getByText('1 chat', { exact: true })).toBeVisible();
  await page.getByRole('checkbox', { name: '¿Cómo se arregla?' }).check();
  await page.getByRole('button', { name: 'Archivar' }).click();
  await page.goto('/chats');
  await expect(sidebar.chat('¿Cómo se arregla?')).toHaveCount(0);
  await page.getByRole('link', { name: 'Archivo', exact: true }).click();
  await page.getByRole('checkbox', { name: '¿Cómo se arregla?' }).check();
  await page.getByText('Eliminar', { exact: true }).click();
  await page.getByRole('button', { name: 'Eliminar para siempre' }).click();
  await expect(page.getByRole('heading', { name: 'Aquí no hay chats' })).toBeVisible();
});

test('all chats of a page are chosen by one box', async ({ page, product, chat }) => {
  for (const title of ['Uno', 'Dos', 'Tres']) await product.bringIn(title, ['Hola', 'Buenas']);
  await chat.open('/chats');
  const archive = page.getByRole('button', { name: 'Archivar' });
  await expect(archive).toBeHidden();
  // With the keys: from the box past all rows to what can be done.
  const one = page.getByRole('checkbox', { name: 'Dos', exact: true });
  await one.check();
  await page.getByRole('link', { name: 'Con los elegidos' }).press('Enter');
  await page.keyboard.press('Tab');
  await expect(archive).toBeFocused();
  await one.uncheck();
  await expect(archive).toBeHidden();
  await page.getByRole('checkbox', { name: 'Todos los de esta página' }).check();
  await archive.click();
  await expect(page.getByRole('heading', { name: 'Aquí no hay chats' })).toBeVisible();
  await expect(page.getByRole('status').getByText('3 chats archivados. Están en «Archivo».')).toBeVisible();
  await page.getByRole('link', { name: 'Archivo', exact: true }).click();
  await expect(page.getByText('3 chats', { exact: true })).toBeVisible();
  await page.getByRole('checkbox', { name: 'Todos los de esta página' }).check();
  await page.getByText('Eliminar', { exact: true }).click();
  await page.getByRole('button', { name: 'Eliminar para siempre' }).click();
  await expect(page.getByRole('heading', { name: 'Aquí no hay chats' })).toBeVisible();
});

test('one of all chats of a page is left out @script', async ({ page, product, chat }) => {
  for (const title of ['Uno', 'Dos', 'Tres']) await product.bringIn(title, ['Hola', 'Buenas']);
  await chat.open('/chats');
  const every = page.getByRole('checkbox', { name: 'Todos los de esta página' });
  const left = page.getByRole('checkbox', { name: 'Dos', exact: true });
  await every.check();
  await expect(left).toBeChecked();
  await left.uncheck();
  await expect(every).not.toBeChecked();
  const remove = async () => {
    await page.getByText('Eliminar', { exact: true }).click();
    await page.getByRole('button', { name: 'Eliminar para siempre' }).click();
  };
  await remove();
  await expect(page.getByText('2 chats eliminados.')).toBeVisible();
  await expect(page.getByRole('main').getByRole('link', { name: 'Dos', exact: true })).toBeVisible();
  await every.check();
  await remove();
  await expect(page.getByText('1 chat eliminado.')).toBeVisible();
});

test('a chat is pinned from its menu @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: 'Sí.' } });
  await chat.open('/');
  await chat.ask('Importante');
  await chat.answer();
  await page.getByLabel('Opciones del chat').click();
  await page.getByRole('button', { name: 'Fijar arriba' }).click();
  const pinned = page.getByRole('navigation').locator('section').filter({ hasText: 'Fijados' });
  await expect(pinned.getByText('Importante')).toBeVisible();
  await page.getByLabel('Opciones del chat').click();
  await page.getByRole('button', { name: 'Dejar de fijar' }).click();
  await expect(pinned).toHaveCount(0);
});

test('a temporary chat is in no list', async ({ page, product, chat, sidebar }) => {
  await product.script({ answer: { text: 'Queda entre nosotros.' } });
  await chat.open('/');
  await page.getByRole('link', { name: 'Chat temporal' }).click();
  await expect(page.getByRole('link', { name: 'Chat normal' })).toBeVisible();
  await chat.ask('Un secreto');
  await expect(await chat.answer()).toContainText('Queda entre nosotros.');
  await expect(page.getByText('Temporal', { exact: true })).toBeVisible();
  await expect(sidebar.chat('Un secreto')).toHaveCount(0);
  await page.goto('/chats?q=secreto');
  await expect(page.getByRole('heading', { name: 'Ningún chat tiene esas palabras' })).toBeVisible();
});

test('chats of another program come in once, and go out again', async ({ page, product, chat }) => {
  await chat.open('/chats');
  const node = (id: string, parent: string | null, role: string, text: string, children: string[]) => ({
    id,
    parent,
    children,
    message: { id, author: { role }, content: { content_type: 'text', parts: [text] }, create_time: 1_700_000_000 },
  });
  const exported = [
    {
      id: 'c1',
      conversation_id: 'c1',
      title: 'Recetas de antes',
      create_time: 1_700_000_000,
      update_time: 1_700_000_500,
      current_node: 'b',
      mapping: {
        root: { id: 'root', parent: null, children: ['a'], message: null },
        a: node('a', 'root', 'user', '¿Cómo se hace el gazpacho?', ['b']),
        b: node('b', 'a', 'assistant', 'Con **tomate** maduro.', []),
      },
    },
  ];
  const file = { name: 'conversations.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(exported)) };
  const bring = async () => {
    await page.getByLabel('Archivo de la exportación').setInputFiles(file);
    await page.getByRole('button', { name: 'Traer chats' }).click();
  };
  await bring();
  await expect(page.getByText('Chats traídos: 1.')).toBeVisible();
  await bring();
  await expect(page.getByText('Chats traídos: 0. Ya estaban: 1.')).toBeVisible();
  await page.getByRole('main').getByRole('link', { name: 'Recetas de antes' }).click();
  await expect(chat.answers.last().locator('strong')).toHaveText('tomate');

  const id = new URL(page.url()).pathname.split('/').pop();
  const markdown = await page.request.get(`${product.url}/chat/${id}/export?format=md`);
  expect(await markdown.text()).toContain('# Recetas de antes');
  const all = await page.request.get(`${product.url}/chats/export`);
  expect((await all.json()).chats).toHaveLength(1);
  await page.goto('/chats');
  await page.getByLabel('Archivo de la exportación').setInputFiles({ name: 'a.json', mimeType: 'application/json', buffer: Buffer.from('{"a": 1}') });
  await page.getByRole('button', { name: 'Traer chats' }).click();
  await expect(page.getByText('no es una exportación')).toBeVisible();
});

test('a chat that is begun in a folder is in it', async ({ page, product, chat }) => {
  await product.call('create_folder', { name: 'Obra' });
  await page.goto('/chats');
  await page.getByRole('link', { name: /^Obra/ }).click();
  await page.locator('main').getByRole('link', { name: 'Nuevo chat' }).click();
  await chat.ready();
  await chat.ask('¿Dónde estoy?');
  await chat.answer();
  await page.goto('/chats');
  await page.getByRole('link', { name: /^Obra/ }).click();
  await expect(page.getByText('1 chat', { exact: true })).toBeVisible();
});

test('the palette leads to a search of the messages @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: 'La corchea dura medio tiempo.' } });
  await product.ask('Una figura');
  await chat.open('/');
  await page.keyboard.press('ControlOrMeta+k');
  await page.keyboard.type('corchea');
  await page.getByRole('option', { name: 'Buscar en los mensajes' }).click();
  await expect(page).toHaveURL(/\/chats\?q=corchea/);
  await expect(page.locator('mark').first()).toHaveText('corchea');
});

test('what was found leads to its message, however far back it stands', async ({ page, product, chat }) => {
  await product.script({ answer: { text: 'La corchea dura medio tiempo.' } });
  const id = await product.ask('¿Cuánto dura?');
  await product.script({ answer: { text: 'Nada.' } });
  for (let number = 0; number < 12; number++) await product.ask(`Pregunta ${number}: ${'y una línea más. '.repeat(20)}`, id);
  await page.goto('/chats?q=medio');
  await page.locator('.snippet a').click();
  await expect(page).toHaveURL(new RegExp(`/chat/${id}\\?shown=\\d+#`));
  await chat.ready();
  const found = page.locator(':target');
  await expect(found).toContainText('medio tiempo');
  await expect(found).toBeInViewport();
});
