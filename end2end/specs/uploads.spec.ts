import { expect, test } from '../support/test';
import { brokenPdf } from '../support/files';

const text = (name: string, words: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(words) });

test('the list of uploads folds away when all went well @script', async ({ page, documents }) => {
  await documents.open('/documents');
  await documents.upload(text('uno.txt', 'Uno.'), text('dos.txt', 'Dos.'));
  const uploads = page.getByRole('region', { name: 'Subidas' });
  await expect(uploads).toContainText('2 de 2 archivos', { timeout: 30_000 });
  await page.mouse.move(5, 5);
  await expect(uploads).toHaveCount(0, { timeout: 15_000 });
  await expect(documents.row('uno')).toHaveCount(1);
});

test('the list stays while somebody is in it, and when something failed @script', async ({ page, documents }) => {
  await documents.open('/documents');
  await documents.upload(text('uno.txt', 'Uno.'));
  const uploads = page.getByRole('region', { name: 'Subidas' });
  await uploads.getByRole('button', { name: 'Cerrar la lista' }).focus();
  await expect(uploads).toContainText('1 de 1 archivo', { timeout: 30_000 });
  await page.waitForTimeout(9_000);
  await expect(uploads).toBeVisible();
  await documents.upload({ name: 'roto.pdf', mimeType: 'application/pdf', buffer: brokenPdf() });
  await page.locator('h1').click();
  await expect(uploads).toContainText('El archivo está dañado', { timeout: 30_000 });
  await page.waitForTimeout(9_000);
  await expect(uploads).toContainText('El archivo está dañado');
});

test('a file that was there before is taken, and the list says so @script', async ({ page, product, documents }) => {
  await documents.open('/documents');
  const id = await product.addFile('horario.txt', Buffer.from('El comedor abre a las ocho en punto.'));
  await documents.upload(text('otro nombre.txt', 'El comedor abre a las ocho en punto.'));
  const uploads = page.getByRole('region', { name: 'Subidas' });
  await expect(uploads).toContainText('El mismo archivo ya estaba: horario.', { timeout: 30_000 });
  await expect(uploads.getByRole('link', { name: 'horario' })).toHaveAttribute('href', `/documents/${id}`);
  await documents.isReady('otro nombre');
  await page.waitForTimeout(9_000);
  await expect(uploads).toContainText('El mismo archivo ya estaba');
});
