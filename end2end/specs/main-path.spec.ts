import { expect, test } from '../support/test';
import { POLICY, pdf } from '../support/files';

test('a document is dropped in, asked about, and the answer opens the passage it cites', async ({ page, chat, documents, document, script }) => {
  await documents.open('/documents');
  await documents.upload({ name: 'Política de devoluciones.pdf', mimeType: 'application/pdf', buffer: pdf('Política de devoluciones', [POLICY, 'Contraportada']) });
  await documents.isReady('Política de devoluciones');

  await chat.open('/');
  await chat.ask('¿Cuántos días tengo para devolver un producto?');
  const answer = await chat.answer();
  await expect(answer).toContainText('treinta días');
  await expect(page).toHaveURL(/\/chat\/[\w-]+$/);
  await expect(answer.getByRole('region', { name: 'Fuentes' })).toContainText('Política de devoluciones');

  if (script) {
    await chat.citation(1).click();
    await expect(chat.panel).toContainText('treinta días');
    await expect(chat.panel).toContainText('Cita comprobada');
    await chat.panel.getByRole('link', { name: 'Abrir el documento en este pasaje' }).click();
  } else {
    await chat.citation(1).click();
  }
  await expect(page).toHaveURL(/\/documents\/[\w-]+\?start=\d+&end=\d+/);
  await expect(document.title).toHaveText('Política de devoluciones');
  await expect(document.passage.first()).toContainText('treinta días');
  await expect(document.passage.first()).toBeInViewport();
});

test('a file dropped on the first page is uploaded and found @script', async ({ page, chat }) => {
  await chat.open('/');
  const files = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(['El invernadero guarda cuarenta orquídeas blancas.'], 'invernadero.txt', { type: 'text/plain' }));
    return data;
  });
  await page.dispatchEvent('main', 'dragover', { dataTransfer: files });
  await expect(page.getByText('Suelta para subir')).toBeVisible();
  await page.dispatchEvent('main', 'drop', { dataTransfer: files });
  await expect(page.getByRole('region', { name: 'Subidas' })).toContainText('Listo', { timeout: 30_000 });
  await chat.ask('¿Cuántas orquídeas guarda el invernadero?');
  await expect(await chat.answer()).toContainText('cuarenta orquídeas');
});
