import { type Page } from '@playwright/test';
import { brokenPdf } from '../support/files';
import { expect, test } from '../support/test';

const titles = (page: Page) => page.locator('tbody .main > a').allInnerTexts();
const heading = (page: Page, name: string) => page.getByRole('columnheader', { name });

test('documents are ordered by any column, and by the same one the other way round', async ({ page, product, documents, script }) => {
  await product.addText('Ñandúes', 'Los ñandúes corren. '.repeat(9), { visibility: 'public' });
  await product.addText('árboles', 'Los árboles crecen.', { visibility: 'public' });
  await product.addText('Ballenas', 'Las ballenas nadan. '.repeat(30), { visibility: 'public' });
  await documents.open('/admin');
  expect(await titles(page)).toEqual(['Ballenas', 'árboles', 'Ñandúes']);
  await heading(page, 'Título').getByRole('link').click();
  await expect.poll(() => titles(page)).toEqual(['árboles', 'Ballenas', 'Ñandúes']);
  await expect(heading(page, 'Título')).toHaveAttribute('aria-sort', 'ascending');
  // With the keyboard, the heading keeps the focus.
  if (script) {
    await expect(heading(page, 'Título').getByRole('link')).toBeFocused();
    await page.keyboard.press('Enter');
  } else {
    await heading(page, 'Título').getByRole('link').click();
  }
  await expect.poll(() => titles(page)).toEqual(['Ñandúes', 'Ballenas', 'árboles']);
  await expect(page).toHaveURL(/\/admin\?sort=(-|%2D)title$/);
  await heading(page, 'Tamaño').getByRole('link').click();
  await expect.poll(() => titles(page)).toEqual(['Ballenas', 'Ñandúes', 'árboles']);
  await expect(heading(page, 'Tamaño')).toHaveAttribute('aria-sort', 'descending');
  await expect(heading(page, 'Título')).toHaveAttribute('aria-sort', 'none');
});

test('documents are filtered by where they stand, and by a label of a row', async ({ page, product, documents, script }) => {
  await product.addText('Con etiqueta', 'Un texto.', { tags: ['legal & otros'] });
  await product.addText('Sin etiqueta', 'Otro texto.');
  await product.addFile('roto.pdf', brokenPdf());
  const apply = async () => {
    if (!script) await page.getByRole('button', { name: 'Filtrar' }).click();
  };
  await documents.open('/documents');
  await page.getByLabel('Estado', { exact: true }).selectOption('Con fallos');
  await apply();
  await expect.poll(() => titles(page)).toEqual(['roto']);
  await page.getByLabel('Estado', { exact: true }).selectOption('En proceso');
  await apply();
  await expect(page.getByText('Ningún documento coincide con la búsqueda.')).toBeVisible();
  await page.getByRole('link', { name: 'Quitar el filtro' }).click();
  await expect.poll(() => titles(page)).toHaveLength(3);
  await page.getByRole('link', { name: 'legal & otros' }).click();
  await expect.poll(() => titles(page)).toEqual(['Con etiqueta']);
  // A search keeps the label, and the label goes by itself.
  const field = page.getByRole('searchbox', { name: 'Buscar por título o etiqueta' });
  await field.fill('sin');
  await field.press('Enter');
  await expect(page.getByText('Ningún documento coincide con la búsqueda.')).toBeVisible();
  await field.fill('');
  await field.press('Enter');
  await expect.poll(() => titles(page)).toEqual(['Con etiqueta']);
  await page.getByRole('link', { name: 'Quitar Etiqueta: legal & otros' }).click();
  await expect.poll(() => titles(page)).toHaveLength(3);
});

test('where rows are lines, the order is chosen in the form', async ({ page, product, documents, script }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await product.addText('Uno', 'Un texto.');
  await product.addText('Dos', 'Otro texto.');
  await documents.open('/documents');
  await expect(page.getByRole('columnheader')).toHaveCount(0);
  await page.getByLabel('Ordenar por').selectOption('Título');
  if (!script) await page.getByRole('button', { name: 'Filtrar' }).click();
  await expect.poll(() => titles(page)).toEqual(['Dos', 'Uno']);
  await expect(page.getByLabel('Ordenar por')).toHaveValue('title');
  await expect(page).toHaveURL(/sort=title/);
});

test('long lists have pages that keep the order', async ({ page, product, documents }) => {
  for (let number = 0; number < 51; number++) {
    await product.api('POST', '/documents', { title: `Documento ${String(number).padStart(2, '0')}`, content: 'Un texto.' });
  }
  await documents.open('/documents?sort=title');
  expect((await titles(page))[0]).toBe('Documento 00');
  await page.getByRole('link', { name: 'Siguiente' }).click();
  await expect.poll(() => titles(page)).toEqual(['Documento 50']);
  await expect(page.getByText('Parte 2 de 2')).toBeVisible();
  await page.getByRole('link', { name: 'Anterior' }).click();
  await expect.poll(() => titles(page)).toHaveLength(50);
});

test('people are searched and ordered', async ({ page, documents }) => {
  await documents.open('/admin/people');
  await expect(page.getByText('1 persona', { exact: true })).toBeVisible();
  await heading(page, 'Chats').getByRole('link').click();
  await expect(page).toHaveURL(/\/admin\/people\?sort=(-|%2D)chats$/);
  await expect(heading(page, 'Chats')).toHaveAttribute('aria-sort', 'descending');
  const field = page.getByRole('searchbox', { name: 'Buscar por nombre o correo' });
  await field.fill('nadie');
  await field.press('Enter');
  await expect(page.getByText('Nadie coincide con la búsqueda.')).toBeVisible();
  await page.getByRole('link', { name: 'Quitar el filtro' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'owner@localhost' })).toBeVisible();
  await expect(page).toHaveURL(/\/admin\/people\?sort=(-|%2D)chats$/);
});

test('the menu of the last row can be seen whole on a telephone, and so can the first', async ({ page, product, documents }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (let number = 0; number < 9; number++) await product.addText(`Documento ${number}`, 'Un texto.');
  await documents.open('/documents');
  for (const title of ['Documento 0', 'Documento 8']) {
    const opener = documents.row(title).getByLabel(`Eliminar: ${title}`);
    // At the lower edge of what can be seen.
    await opener.evaluate((element) => element.scrollIntoView({ block: 'end' }));
    await opener.click();
    const sure = documents.row(title).getByRole('button', { name: 'Eliminar para siempre' });
    await expect(sure).toBeInViewport({ ratio: 1 });
    await expect(documents.row(title).locator('.menu-items p')).toBeInViewport({ ratio: 1 });
    await opener.click();
  }
});
