import { expect, test as base, violations } from '../support/test';
import type { Product } from '../support/product';
import { WorkshopPage } from '../pages/workshop';

const test = base.extend<{ workshop: WorkshopPage }>({
  workshop: async ({ page, script }, use) => use(new WorkshopPage(page, script)),
});

/** An artifact, and its id. */
async function made(product: Product, type: string, title: string, content: string, more: object = {}): Promise<string> {
  const { id } = await product.api<{ id: string }>('POST', '/artifacts', { type, title, content, ...more });
  return id;
}

const SALES = ['ciudad,importe,nota', 'Madrid,120,primera', 'Bilbao,80,segunda', 'Sevilla,200,tercera'].join('\n');

test('a document is read with its outline, written with the view beside it, compared and exported @script', async ({ page, product, workshop }) => {
  const id = await made(product, 'markdown', 'Informe', '# Ventas\n\nLas ventas bajan un 10 %.\n\n## Ciudades\n\nMadrid.\n');
  await workshop.show(id);
  await expect(workshop.view.getByRole('heading', { name: 'Ventas' })).toBeVisible();
  await expect(workshop.view.locator('.outline')).toContainText('Ciudades');
  await workshop.edit();
  await workshop.type('\n\nY **Bilbao** también.');
  await expect(workshop.view.locator('strong')).toHaveText('Bilbao');
  await expect(workshop.state).toContainText('Sin guardar');
  await workshop.save(2);
  await expect(workshop.view).toContainText('Y Bilbao también.');
  await expect(await workshop.compare(1, 2)).toContainText('Bilbao');
  expect((await workshop.side.locator('.difference ins').allTextContents()).join('')).toContain('Bilbao');
  await workshop.side.getByRole('button', { name: 'Restaurar' }).click();
  await workshop.at(3);
  await expect(workshop.view).not.toContainText('Bilbao');
  await workshop.side.getByRole('button', { name: 'Cerrar' }).click();
  expect((await workshop.exported('Markdown')).toString()).toContain('Las ventas bajan');
  expect(await violations(page)).toEqual([]);
});

test('ten thousand lines of code open at their beginning, come as one scrolls, and fold @script', async ({ page, product, workshop }) => {
  const lines = Array.from({ length: 10_000 }, (_, n) => (n % 3 === 0 ? `fn paso_${n}() {` : n % 3 === 1 ? `    let n = ${n};` : '}'));
  const id = await made(product, 'code', 'pasos.rs', lines.join('\n'), { language: 'rust' });
  await workshop.show(id);
  const shown = workshop.view.locator('.code-lines > li');
  await expect(shown).toHaveCount(1_000);
  await shown.first().getByRole('button', { name: 'Plegar' }).click();
  await expect(shown.nth(1)).toBeHidden();
  await expect(shown.first().getByRole('button', { name: 'Desplegar' })).toHaveAttribute('aria-expanded', 'false');
  await workshop.view.evaluate((view) => (view.scrollTop = view.scrollHeight));
  await expect(shown).toHaveCount(10_000);
  await workshop.edit();
  await page.keyboard.press('ControlOrMeta+f');
  await expect(page.getByPlaceholder('Buscar', { exact: true })).toBeFocused();
  await page.keyboard.press('Escape');
  await workshop.type('\n// fin');
  await workshop.save(2);
  await expect(await workshop.compare(1, 2)).toContainText('fin');
  await workshop.side.getByRole('button', { name: 'Cerrar' }).click();
  expect((await workshop.export('Archivo')).suggestedFilename()).toMatch(/\.rs$/);
});

test('a tree is searched, what is missing in it comes, and a path is copied @script', async ({ page, context, product, workshop }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const users = Array.from({ length: 5_000 }, (_, n) => ({ nombre: `persona ${n}`, edad: n % 90 }));
  const id = await made(product, 'json', 'Personas', JSON.stringify({ activo: true, personas: users }, null, 2));
  await workshop.show(id);
  await workshop.view.getByLabel('Buscar en claves y valores').fill('persona 4999');
  await workshop.view.locator('.tree-found button').first().click();
  const found = workshop.view.locator('.tree .found');
  await expect(found).toBeVisible();
  // The button is where the focus is.
  await found.evaluate((node: HTMLElement) => {
    node.blur();
    node.focus();
    node.querySelector<HTMLElement>('.tree-copy')!.click();
  });
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('4999');
  await workshop.edit();
  await workshop.type(',');
  await expect(workshop.problems).toHaveCount(1);
  await workshop.problems.getByRole('button').click();
  await expect(workshop.editor).toBeFocused();
  await page.keyboard.press('ControlOrMeta+z');
  await expect(workshop.problems).toHaveCount(0);
});

test('a schema is written beside its JSON, and what does not fit is told by line @script', async ({ page, product, workshop }) => {
  const id = await made(product, 'json', 'Precio', '{\n  "precio": "caro"\n}');
  await workshop.show(id);
  await workshop.edit();
  await workshop.workshop.getByRole('button', { name: 'Esquema', exact: true }).click();
  const schema = workshop.workshop.getByRole('textbox', { name: 'Esquema' });
  await expect(schema).toBeFocused();
  await page.keyboard.insertText('{"properties": {"precio": {"type": "number"}}');
  await expect(workshop.workshop.getByText('El esquema todavía no es JSON que se pueda leer.')).toBeVisible();
  await workshop.act('Guardar');
  await expect(workshop.state).toContainText('El esquema todavía no es JSON');
  await page.keyboard.insertText('}');
  await expect(workshop.problems).toContainText(['Línea 2']);
  await workshop.save(2);
  await expect(workshop.problems).toContainText(['Línea 2']);
  await workshop.edit();
  await workshop.workshop.getByRole('button', { name: 'Esquema', exact: true }).click();
  await expect(schema).toContainText('"type": "number"');
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.press('Delete');
  await workshop.save(3);
  await expect(workshop.problems).toHaveCount(0);
});

test('a page runs in its frame alone, and as it is written @script', async ({ page, product, workshop }) => {
  const id = await made(product, 'html', 'Contador', '<!doctype html><title>C</title><button onclick="this.textContent=Number(this.textContent)+1">0</button>');
  await workshop.show(id);
  const button = page.frameLocator('.artifact-frame').getByRole('button');
  await button.click();
  await expect(button).toHaveText('1');
  await workshop.edit();
  await workshop.type('<p>vivo</p><script>try{parent.document.title="fuera"}catch{document.body.append("encerrado")}</script>');
  await expect(page.frameLocator('.artifact-frame:not(.coming)').getByText('encerrado')).toBeVisible();
  await expect(page.locator('.artifact-frame')).toHaveCount(1);
  await expect(page).not.toHaveTitle('fuera');
  await workshop.save(2);
  await expect(page.frameLocator('.artifact-frame').getByText('vivo')).toBeVisible();
  await expect(await workshop.compare(1, 2)).toContainText('vivo');
  await workshop.side.getByRole('button', { name: 'Cerrar' }).click();
  expect((await workshop.exported('HTML')).toString()).toContain('vivo');
});

test('a diagram is enlarged and leaves as SVG and PNG @script', async ({ page, product, workshop }) => {
  const id = await made(product, 'diagram', 'Flujo', 'flowchart LR\n  A[Pedido] --> B[Envío]\n');
  await workshop.show(id);
  const drawing = workshop.view.locator('.diagram-canvas svg');
  const before = (await drawing.boundingBox())!.width;
  await workshop.view.getByRole('button', { name: 'Ampliar' }).click();
  await expect.poll(async () => (await drawing.boundingBox())!.width).toBeGreaterThan(before * 1.2);
  await workshop.view.locator('.zoom-place').focus();
  await page.keyboard.press('0');
  await expect.poll(async () => Math.round((await drawing.boundingBox())!.width)).toBe(Math.round(before));
  const png = await workshop.exported('PNG');
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  expect(png.readUInt32BE(16)).toBeGreaterThan(100);
  expect((await workshop.exported('SVG')).toString()).toContain('<svg');
  await workshop.edit();
  await workshop.type('  B --> C[Cobro]\n');
  await expect(workshop.view).toContainText('Cobro');
  await workshop.save(2);
  await expect(await workshop.compare(1, 2)).toContainText('Cobro');
});

test('formulas are seen while they are written @script', async ({ product, workshop }) => {
  const id = await made(product, 'latex', 'Energía', 'La energía:\n\n$$E = mc^2$$\n');
  await workshop.show(id);
  await expect(workshop.view.locator('math').first()).toBeVisible();
  await workshop.edit();
  await workshop.type('\n$$\\frac{1}{2}$$\n');
  await expect(workshop.view.locator('mfrac')).toBeVisible();
  await workshop.save(2);
  await expect(await workshop.compare(1, 2)).toContainText('frac');
  await workshop.side.getByRole('button', { name: 'Cerrar' }).click();
  expect((await workshop.exported('LaTeX')).toString()).toContain('mc^2');
});

test('a table is sorted, filtered, and edited with the keys; nothing is sent before it is saved @script', async ({ page, product, workshop }) => {
  const id = await made(product, 'table', 'Ventas', SALES);
  await workshop.show(id);
  const cell = (row: number, column: number) => workshop.view.locator(`tr[data-at="${row}"] td`).nth(column);
  await workshop.view.getByRole('button', { name: 'importe' }).click();
  await expect(cell(0, 0)).toHaveText('Bilbao');
  await workshop.view.getByRole('button', { name: 'importe' }).click();
  await expect(cell(0, 0)).toHaveText('Sevilla');
  await workshop.view.getByLabel('Filtrar filas').fill('segunda');
  await expect(workshop.view.locator('.table-count')).toContainText('1 de 3');
  await workshop.edit();
  await expect(cell(0, 0)).toHaveText('Madrid');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.type('85');
  await page.keyboard.press('Enter');
  await expect(cell(1, 1)).toHaveText('85');
  await workshop.view.getByRole('button', { name: 'Añadir una fila debajo' }).click();
  await page.keyboard.type('5');
  await page.keyboard.press('Enter');
  await workshop.view.getByRole('button', { name: 'Añadir una columna a la derecha' }).click();
  await page.keyboard.type('pagado');
  await page.keyboard.press('Enter');
  await expect(workshop.view.getByRole('columnheader', { name: 'pagado' })).toBeVisible();
  await page.keyboard.press('ControlOrMeta+z');
  await page.keyboard.press('ControlOrMeta+z');
  await expect(workshop.view.getByRole('columnheader', { name: 'pagado' })).toHaveCount(0);
  await page.keyboard.press('ControlOrMeta+y');
  await page.keyboard.press('ControlOrMeta+y');
  await expect(workshop.view.getByRole('columnheader', { name: 'pagado' })).toBeVisible();
  const before = await product.api<{ content: string }>('GET', `/artifacts/${id}`);
  expect(before.content.trim()).toBe(SALES);
  await workshop.save(2);
  const after = await product.api<{ content: string }>('GET', `/artifacts/${id}`);
  expect(after.content).toContain('pagado');
  expect(after.content).toContain('Bilbao,85');
  expect(after.content.trim().split('\n')).toHaveLength(5);
  await expect(await workshop.compare(1, 2)).toContainText('85');
  await workshop.side.getByRole('button', { name: 'Cerrar' }).click();
  expect((await workshop.exported('CSV')).toString()).toContain('Bilbao');
  expect((await workshop.exported('Excel')).subarray(0, 2).toString()).toBe('PK');
});

test('a hundred thousand rows are scrolled to their end @script', async ({ product, workshop }) => {
  const rows = Array.from({ length: 100_000 }, (_, n) => `fila ${n},${n * 3}`);
  const id = await made(product, 'table', 'Larga', ['nombre,valor', ...rows].join('\n'));
  await workshop.show(id);
  await expect(workshop.view.locator('.table-count')).toContainText('100.000');
  await workshop.view.locator('.table-place').evaluate((place) => (place.scrollTop = place.scrollHeight));
  await expect(workshop.view.locator('tr[data-at="99999"] td').first()).toHaveText('fila 99999');
  expect(await workshop.view.locator('tbody tr').count()).toBeLessThan(200);
});

test('two who save at once lose nothing: the second sees the difference and decides @script', async ({ page, product, workshop, complaints }) => {
  complaints.allow(/409/);
  const id = await made(product, 'markdown', 'Compartido', 'Uno dos tres.\n');
  await workshop.show(id);
  await workshop.edit();
  await workshop.type('Lo mío.');
  await product.api('PATCH', `/artifacts/${id}`, { version: 1, content: 'Uno dos cuatro.\n' });
  await workshop.act('Guardar');
  await expect(workshop.side).toContainText('versión 2');
  await expect(workshop.side.locator('.difference')).toContainText('cuatro');
  await workshop.side.getByRole('button', { name: 'Quedarme con la otra' }).click();
  await workshop.at(2);
  await expect(workshop.view).toContainText('cuatro');
  // What was written is still there, after a reload too.
  await page.reload();
  await page.getByRole('button', { name: 'Seguir con ellos' }).click();
  await expect(workshop.editor).toContainText('Lo mío.');
  await workshop.act('Guardar');
  await workshop.side.getByRole('button', { name: 'Guardar lo mío como la más nueva' }).click();
  await workshop.at(3);
  await expect(workshop.view).toContainText('Lo mío.');
  const { versions } = await product.api<{ versions: unknown[] }>('GET', `/artifacts/${id}/versions`);
  expect(versions).toHaveLength(3);
});

test('an artifact of an answer opens beside the chat, and a change is asked for there @script', async ({ page, product, chat, workshop }) => {
  await product.script({ answer: { text: 'Aquí está.\n\n<artifact identifier="plan" type="markdown" title="Plan">\n# Plan\n\nPrimero medir, luego cortar.\n</artifact>\n\nListo.' } });
  const id = await product.ask('Haz un plan');
  await chat.open(`/chat/${id}`);
  const card = chat.answers.last().locator('a.artifact-card');
  await card.click();
  await expect(workshop.panel).toContainText('Primero medir');
  await workshop.view.getByText('Primero medir').selectText();
  await workshop.act('Pedir un cambio');
  await expect(chat.question).toBeFocused();
  await expect(chat.question).toHaveValue(/«Plan»[\s\S]*> Primero medir, luego cortar\./);
  await workshop.act('Pantalla completa');
  await expect(workshop.panel).toHaveClass(/full/);
  await page.keyboard.press('Escape');
  await expect(workshop.panel).not.toHaveClass(/full/);
  await workshop.workshop.getByRole('heading', { name: 'Plan' }).first().click();
  await page.keyboard.press('Escape');
  await expect(workshop.panel).toHaveCount(0);
  await expect(card).toBeFocused();
});

test('an artifact grows in the panel while it is written, and becomes a workshop @script', async ({ product, chat, workshop }) => {
  await product.script({ answer: { text: 'Aquí.\n\n<artifact identifier="uno" type="markdown" title="Uno">\nTexto uno.\n</artifact>\n' } });
  const id = await product.ask('Haz uno');
  await chat.open(`/chat/${id}`);
  await chat.answers.last().locator('a.artifact-card').click();
  await expect(workshop.panel).toContainText('Texto uno.');
  const words = Array.from({ length: 40 }, (_, n) => `palabra${n}`).join(' ');
  await product.script({ answer: { text: `Otro.\n\n<artifact identifier="dos" type="markdown" title="Dos">\n${words}\n</artifact>\n` }, hold_after: 20 });
  await chat.ask('Haz otro');
  await expect(workshop.panel.locator('.growing-text pre')).toContainText('palabra2');
  await expect(workshop.tabs).toHaveCount(2);
  await product.release();
  await expect(workshop.view).toContainText('palabra39');
  await expect(workshop.tabs.last()).toHaveText('Dos');
});

test('a version that is not the newest says so, in its own address', async ({ page, product, workshop, script }) => {
  const id = await made(product, 'markdown', 'Viejo', 'La primera.\n');
  await product.api('PATCH', `/artifacts/${id}`, { version: 1, content: 'La segunda.\n' });
  await workshop.show(id, '?version=1');
  await expect(workshop.view).toContainText('La primera.');
  if (script) {
    await page.getByRole('button', { name: 'Ver la más nueva' }).click();
    await expect(workshop.view).toContainText('La segunda.');
  }
});

test('a version of before is not edited unasked, and what is discarded can come back @script', async ({ page, product, workshop }) => {
  const id = await made(product, 'markdown', 'Nota', 'uno');
  await product.api('PATCH', `/artifacts/${id}`, { version: 1, content: 'dos' });
  await workshop.show(id, '?version=1');
  await workshop.act('Editar');
  await expect(workshop.state).toContainText('La más nueva es la versión 2');
  await page.getByRole('button', { name: 'Editar la más nueva' }).click();
  await expect(workshop.editor).toContainText('dos');
  await workshop.type(' y tres');
  await workshop.act('Cancelar');
  await expect(workshop.state).toContainText('Cambios descartados');
  await page.getByRole('button', { name: 'Recuperarlos' }).click();
  await expect(workshop.editor).toContainText('dos y tres');
  await workshop.save(3);
});

test('who starts from a version of before saves what it shows @script', async ({ page, product, workshop }) => {
  const id = await made(product, 'table', 'Ventas', 'a\n1\n');
  await product.api('PATCH', `/artifacts/${id}`, { version: 1, content: 'a\n2\n3\n' });
  await workshop.show(id, '?version=1');
  await workshop.act('Editar');
  await page.getByRole('button', { name: 'Partir de la versión 1' }).click();
  await workshop.workshop.getByRole('textbox', { name: 'Título' }).fill('Ventas de antes');
  // Discarded and brought back it is the same.
  await workshop.act('Cancelar');
  await page.getByRole('button', { name: 'Recuperarlos' }).click();
  await workshop.save(3);
  const { content, title } = await product.api<{ content: string; title: string }>('GET', `/artifacts/${id}`);
  expect([content, title]).toEqual(['a\n1\n', 'Ventas de antes']);
});

test('a draft that nobody took up stays when one leaves the editor without a change @script', async ({ page, product, workshop }) => {
  const id = await made(product, 'markdown', 'Nota', 'uno');
  await workshop.show(id);
  await workshop.edit();
  await workshop.type(' a medias');
  await expect(workshop.state).toContainText('Sin guardar');
  page.on('dialog', (dialog) => void dialog.accept());
  await page.reload();
  await expect(workshop.state).toContainText('Tienes cambios sin guardar');
  await workshop.act('Editar');
  await workshop.act('Cancelar');
  await page.getByRole('button', { name: 'Seguir con ellos' }).click();
  await expect(workshop.editor).toContainText('uno a medias');
});

test('a page that is looked at hears of a version that was saved in another @script', async ({ page, context, product, workshop }) => {
  const id = await made(product, 'markdown', 'Nota', 'uno');
  await workshop.show(id);
  const other = new WorkshopPage(await context.newPage(), true);
  await other.show(id);
  await other.edit();
  await other.type(' dos');
  await other.save(2);
  await page.bringToFront();
  await expect(workshop.state).toContainText('la más nueva es la 2');
});

test('what an answer begins to write opens beside the chat by itself, and one asks for a change of what is selected @script', async ({ page, product, chat, workshop }) => {
  await product.script({ answer: { text: 'Va.\n\n<artifact identifier="n" type="markdown" title="Larga">\nuno dos tres cuatro cinco seis\n</artifact>\nListo.' }, hold_after: 8 });
  await chat.open('/');
  await chat.ask('Escribe');
  await expect(workshop.panel.locator('.growing-text')).toContainText('uno');
  await product.release();
  await expect(workshop.view).toContainText('cinco seis');
  await workshop.view.getByText('uno dos').selectText();
  await page.getByRole('button', { name: 'Pedir un cambio aquí' }).click();
  await expect(chat.question).toHaveValue(/En «Larga», cambia esta parte:[^]*> uno dos tres/);
});

test('a table is renamed where it is edited @script', async ({ page, product, workshop }) => {
  const id = await made(product, 'table', 'Ventas', 'a,b\n1,2\n');
  await workshop.show(id);
  await workshop.edit();
  await workshop.workshop.getByRole('textbox', { name: 'Título' }).fill('Ventas de mayo');
  await workshop.save(2);
  await expect(page.locator('.workshop-title')).toHaveText('Ventas de mayo');
});

test('without script the versions are listed, and an old one says so @noscript', async ({ page, product }) => {
  const id = await made(product, 'markdown', 'Nota', 'uno');
  await product.api('PATCH', `/artifacts/${id}`, { version: 1, content: 'dos' });
  await page.goto(`/artifacts/${id}`);
  await page.getByRole('link', { name: 'Versión 1' }).click();
  await expect(page.getByText('Estás viendo la versión 1; la más nueva es la 2.')).toBeVisible();
  await page.getByRole('link', { name: 'Ver la más nueva' }).click();
  await expect(page.getByText('dos', { exact: true })).toBeVisible();
});

test('a model draws a picture, which is described, changed and given out @script', async ({ page, product, chat, workshop }) => {
  const svg = '<svg viewBox="0 0 120 80"><script>document.title="fuera"</script><circle cx="60" cy="40" r="30" fill="gold" onload="document.title=1"/></svg>';
  await product.script({ answer: { text: `Un sol.\n\n<artifact identifier="sol" type="image" title="Un sol">\n${svg}\n</artifact>\n` } });
  await chat.open('/');
  await chat.ask('Dibuja un sol');
  await page.locator('a.artifact-card', { hasText: 'Un sol' }).click();
  const picture = workshop.view.getByRole('img', { name: 'Un sol' });
  await expect(picture).toBeVisible();
  expect(await picture.evaluate((img: HTMLImageElement) => [img.naturalWidth, img.naturalHeight])).toEqual([300, 200]);
  await workshop.edit();
  await workshop.workshop.getByRole('textbox', { name: 'Texto alternativo' }).fill('Un círculo dorado');
  await workshop.save(2);
  await expect(workshop.view.getByRole('img', { name: 'Un círculo dorado' })).toBeVisible();
  const given = (await workshop.exported('SVG')).toString();
  expect(given).toContain('fill="gold"');
  expect(given).not.toMatch(/script|onload/);
  expect((await workshop.exported('PNG')).subarray(1, 4).toString()).toBe('PNG');
  await expect(page).not.toHaveTitle('fuera');
});
