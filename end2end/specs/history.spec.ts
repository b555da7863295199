import { expect, test } from '../support/test';

test('a document gets another title and a new version, and its history tells it', async ({ page, product, documents }) => {
  const id = await product.addText('Horario', 'El museo abre a las nueve.');
  await documents.open(`/documents/${id}`);
  await page.getByRole('link', { name: 'Historial' }).click();
  await expect(page.getByRole('cell', { name: 'Confirmada por el índice' })).toBeVisible();
  await page.getByLabel('Título').fill('Horario del museo');
  await page.getByLabel('Título').press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Horario del museo' })).toBeVisible();
  await expect(page.getByRole('cell', { name: /Cambió su título/ })).toBeVisible();
  await page.getByLabel('Claves propias (JSON)').fill('{"sala": 4}');
  await page.getByLabel('Claves propias (JSON)').press('Enter');
  await expect(page.getByRole('cell', { name: 'Cambiaron sus etiquetas o claves' })).toBeVisible();
  await expect(page.getByLabel('Claves propias (JSON)')).toHaveValue('{"sala":4}');

  const file = { name: 'horario.txt', mimeType: 'text/plain', buffer: Buffer.from('El museo abre a las diez.') };
  await page.getByLabel('Subir una versión nueva').setInputFiles(file);
  await page.getByRole('button', { name: 'Subir', exact: true }).click();
  await expect(page).toHaveURL(/view=history/);
  await expect
    .poll(async () => {
      await page.reload();
      return page.getByRole('row').filter({ hasText: 'Confirmada por el índice' }).count();
    })
    .toBe(2);
  await page.getByRole('link', { name: 'Texto', exact: true }).click();
  await expect(page.getByText('El museo abre a las diez.')).toBeVisible();

  // What is no file that can be read is told on the page, and the version that answers stays.
  await page.getByRole('link', { name: 'Historial' }).click();
  const image = { name: 'foto.png', mimeType: 'image/png', buffer: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) };
  await page.getByLabel('Subir una versión nueva').setInputFiles(image);
  await page.getByRole('button', { name: 'Subir', exact: true }).click();
  await expect(page.getByRole('alert')).toBeVisible();
});

test('administrators see how the two databases stand', async ({ page, product, documents }) => {
  await product.addText('Horario', 'El museo abre a las nueve.');
  await documents.open('/admin');
  await page.getByRole('link', { name: 'Sincronización' }).click();
  await expect(page).toHaveURL(/\/admin\/sync$/);
  await expect(page.getByRole('heading', { name: 'Índice vectorial' })).toBeVisible();
  await expect(page.getByRole('cell', { name: 'Responde' })).toBeVisible();
  await expect(page.getByText('Ninguna tarea se ha abandonado.')).toBeVisible();
});
