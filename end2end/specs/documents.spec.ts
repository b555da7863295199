import { expect, test } from '../support/test';
import { brokenPdf } from '../support/files';

test('an empty list says what to do', async ({ page, documents }) => {
  await documents.open('/documents');
  await expect(page.getByRole('heading', { name: 'Aún no hay documentos.' })).toBeVisible();
});

test('a document is uploaded, opened, read in chunks, and deleted', async ({ page, documents, document }) => {
  await documents.open('/documents');
  const text = 'El acueducto tiene ciento sesenta y siete arcos. Lo levantaron sin argamasa. '.repeat(60);
  await documents.upload({ name: 'El acueducto.md', mimeType: 'text/markdown', buffer: Buffer.from(`# El acueducto\n\n${text}`) });
  await documents.isReady('El acueducto');
  await documents.row('El acueducto').getByRole('link', { name: 'El acueducto' }).click();
  await expect(document.title).toHaveText('El acueducto');
  await expect(document.text).toContainText('ciento sesenta y siete arcos');
  await document.chunksTab.click();
  await expect(page.getByRole('link', { name: '#2', exact: true })).toBeVisible();
  await page.getByRole('link', { name: '#2', exact: true }).click();
  await expect(document.passage.first()).toBeVisible();

  await documents.open('/documents');
  await documents.delete('El acueducto');
  await expect(documents.row('El acueducto')).toHaveCount(0);
});

test('a file that cannot be read says so in its row, with what to do', async ({ page, documents }) => {
  await documents.open('/documents');
  await documents.upload({ name: 'roto.pdf', mimeType: 'application/pdf', buffer: brokenPdf() });
  const words = page.getByText('El archivo está dañado y no se puede leer').first();
  await expect(async () => {
    if (!(await words.isVisible())) await page.reload();
    await expect(words).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 30_000 });
});

test('many files at once all get their place, and bad ones are named @script', async ({ page, documents }) => {
  await documents.open('/documents');
  const files = Array.from({ length: 60 }, (_, number) => ({
    name: `archivo-${number}.txt`,
    mimeType: 'text/plain',
    buffer: Buffer.from(number === 7 ? '' : `Archivo número ${number}.`),
  }));
  await documents.upload(...files);
  const uploads = page.getByRole('region', { name: 'Subidas' });
  await expect(uploads.getByText('El archivo está vacío.')).toBeVisible({ timeout: 30_000 });
  await expect(uploads).toContainText('60 de 60 archivos', { timeout: 60_000 });
  await expect(page.getByText('59 documentos')).toBeVisible({ timeout: 10_000 });
});

test('the list is searched by title', async ({ page, product, documents }) => {
  await product.addText('Calendario de siembra', 'Las habas se siembran en otoño.');
  await product.addText('Actas de la junta', 'La junta se reunió en marzo.');
  await documents.open('/documents');
  const field = page.getByRole('searchbox', { name: 'Buscar por título o etiqueta' });
  await field.fill('siembra');
  await field.press('Enter');
  await expect(documents.row('Calendario de siembra')).toHaveCount(1);
  await expect(documents.row('Actas de la junta')).toHaveCount(0);
  await field.fill('nada de nada');
  await field.press('Enter');
  await expect(page.getByText('Ningún documento coincide con la búsqueda.')).toBeVisible();
});

test('a document that is not there says so', async ({ page, documents, complaints }) => {
  complaints.allow(/404/);
  const answer = await page.goto('/documents/nothing');
  expect(answer?.status()).toBe(404);
  await documents.ready();
  await expect(page.getByRole('alert')).toContainText('Este documento no existe');
  await expect(page.getByRole('link', { name: 'Ir al inicio' })).toBeVisible();
});

test('the knowledge base is managed by its administrator', async ({ page, documents }) => {
  await documents.open('/admin');
  await documents.upload({ name: 'horario.txt', mimeType: 'text/plain', buffer: Buffer.from('El comedor abre a las ocho en punto.') });
  await documents.isReady('horario');
  await documents.open('/documents?scope=public');
  await expect(documents.row('horario')).toHaveCount(1);
  await documents.open('/admin/people');
  await expect(page.getByRole('row').filter({ hasText: 'owner@localhost' })).toContainText('Propietario');
});
