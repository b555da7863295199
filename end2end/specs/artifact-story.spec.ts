import { expect, test as base } from '../support/test';
import { WorkshopPage } from '../pages/workshop';

const test = base.extend<{ workshop: WorkshopPage }>({
  workshop: async ({ page, script }, use) => use(new WorkshopPage(page, script)),
});

const artifact = (identifier: string, type: string, title: string, content: string) =>
  `<artifact identifier="${identifier}" type="${type}" title="${title}">\n${content}\n</artifact>\n`;
const change = (identifier: string, old: string, now: string) =>
  `<artifact identifier="${identifier}" type="update">\n<old>${old}</old>\n<new>${now}</new>\n</artifact>\n`;

const TABLE = artifact('ventas', 'table', 'Ventas por mes', 'mes,total\nenero,120\nfebrero,90');
const DIAGRAM = artifact('flujo', 'diagram', 'Flujo de ventas', 'flowchart LR\n  A[Enero 120] --> B[Febrero 90]');
const REPORT = artifact('informe', 'markdown', 'Informe de ventas', '# Ventas\n\nLa media es $\\frac{120+90}{2}$.\n\n## Detalle\n\nEnero fue mejor.');
const PAGE = artifact('pagina', 'html', 'Página de ventas', '<h1>Ventas</h1><p id="n">0</p><button onclick="n.textContent=+n.textContent+1">Sumar</button>');

const ANSWERS: [string, string][] = [
  ['una tabla', `Aquí está la tabla.\n\n${TABLE}`],
  ['un diagrama', `El diagrama:\n\n${DIAGRAM}`],
  ['el informe', `El informe:\n\n${REPORT}`],
  ['una página', `La página:\n\n${PAGE}`],
  ['Febrero fueron 99', `Cambiado.\n\n${change('ventas', 'febrero,90', 'febrero,99')}`],
];

test('one chat makes a table, a diagram, a report and a page, which are changed, compared, exported and found again @script', async ({
  page,
  product,
  chat,
  workshop,
}) => {
  test.slow();
  await product.addText('Cuentas', 'En enero se vendieron 120 piezas y en febrero 90 piezas.');
  await product.script({ answer: { when: ANSWERS } });
  await chat.open('/');
  await chat.ask('Haz una tabla de las ventas del documento');
  const card = (title: string) => page.locator('a.artifact-card', { hasText: title });
  await expect(card('Ventas por mes')).toBeVisible();
  await card('Ventas por mes').click();
  await expect(workshop.view.locator('cj-table')).toContainText('febrero');

  await chat.ask('Dibuja un diagrama');
  await card('Flujo de ventas').click();
  await expect(workshop.view.locator('svg').first()).toBeVisible();
  await chat.ask('Escribe el informe con la fórmula');
  await card('Informe de ventas').click();
  await expect(workshop.view.locator('math')).toBeVisible();
  await chat.ask('Haz una página que funcione');
  await card('Página de ventas').click();
  const frame = workshop.view.frameLocator('iframe');
  await frame.getByRole('button', { name: 'Sumar' }).click();
  await expect(frame.locator('#n')).toHaveText('1');
  await expect(workshop.tabs).toHaveCount(4);

  // By hand, then by the model on top of that.
  await workshop.tabs.filter({ hasText: 'Informe' }).click();
  await workshop.edit();
  await workshop.type('\n\nFebrero también cuenta.');
  await workshop.save(2);
  await expect(await workshop.compare(1, 2)).toContainText('Febrero');
  await workshop.side.getByRole('link', { name: 'ver el mensaje' }).click();
  await expect(page).toHaveURL(/#m-/);
  await workshop.side.getByRole('button', { name: 'Cerrar' }).click();
  expect((await workshop.exported('Markdown')).toString()).toContain('Febrero también cuenta.');
  await chat.ask('Febrero fueron 99');
  await expect(card('Ventas por mes').last()).toContainText('versión 2');
  await card('Ventas por mes').last().click();
  await expect(workshop.view.locator('cj-table')).toContainText('99');

  // Nothing is lost by a reload, and all of it is in the library.
  await page.reload();
  await chat.ready();
  await expect(page.locator('a.artifact-card')).toHaveCount(5);
  await page.goto('/artifacts');
  await expect(page.locator('.artifact-list > li')).toHaveCount(4);
  await page.getByRole('searchbox').fill('también cuenta');
  await page.getByRole('button', { name: 'Filtrar' }).click();
  await expect(page.locator('.artifact-list > li')).toHaveCount(1);
  await page.locator('.artifact-list a.artifact-title').click();
  await expect(page.locator('cj-workshop')).toContainText('Febrero también cuenta.');
});

test('a change that does not apply says so, and the second try counts @script', async ({ page, product, chat }) => {
  await product.script({ answer: { when: [['tabla', TABLE]] } });
  await chat.open('/');
  await chat.ask('Una tabla');
  await expect(page.locator('a.artifact-card')).toBeVisible();
  await product.script({
    answer: {
      when: [
        ['was not applied', change('ventas', 'enero,120', 'enero,121')],
        ['Cambia', `Sí.\n\n${change('ventas', 'enero 120', 'enero 121')}`],
      ],
    },
  });
  await chat.ask('Cambia enero');
  await expect(page.locator('.artifact-card.failed')).toContainText('Cambio no aplicado');
  await expect(page.locator('a.artifact-card').last()).toContainText('versión 2');
});

test('an artifact is seen growing while it is written @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: `Va:\n\n${TABLE}Hecho.` }, hold_after: 10 });
  await chat.open('/');
  await chat.ask('Una tabla');
  await expect(page.locator('.artifact-card.growing')).toContainText('mes,total');
  await expect(page.getByText('<artifact')).toHaveCount(0);
  await product.release();
  await expect(page.locator('a.artifact-card')).toContainText('Ventas por mes');
  await expect(await chat.answer()).toContainText('Hecho.');
});

test('without script an artifact is read, downloaded, and the library is searched', async ({ page, product }) => {
  const { id } = await product.api<{ id: string }>('POST', '/artifacts', {
    type: 'table',
    title: 'Ventas',
    content: 'mes,total\nenero,120\n',
  });
  await page.goto('/artifacts?q=enero');
  await expect(page.locator('.artifact-list > li')).toHaveCount(1);
  await page.getByRole('link', { name: 'Ventas' }).click();
  await expect(page.locator('cj-workshop')).toContainText('120');
  const file = await page.request.get(`/artifacts/${id}/export/csv`);
  expect(await file.text()).toContain('enero,120');
});
