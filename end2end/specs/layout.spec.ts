import { expect, test, tooWide } from '../support/test';
import { POLICY } from '../support/files';

const ANSWER = `El documento dice: «Los clientes pueden devolver cualquier producto» [1].

# Uno

## Dos

### Tres

#### Cuatro

Una línea.

| Caso | Plazo | Estado |
|---|---:|:-:|
| Devolución | 30 días | sí |

- [x] hecho
- [ ] por hacer

\`\`\`text
${'una línea de código que no cabe '.repeat(12)}
\`\`\`

\`${'x'.repeat(300)}\``;

const LONG_TITLE = `Un título muy largo: ${'Donaudampfschifffahrtsgesellschaft'.repeat(3)}`;

for (const width of [360, 390, 1440, 3840]) {
  test(`nothing is wider than a screen of ${width} px`, async ({ page, product, chat }) => {
    test.slow();
    await page.setViewportSize({ width, height: 800 });
    const long = await product.addText(LONG_TITLE, POLICY, { tags: ['etiqueta'.repeat(6)] });
    await product.script({ answer: { text: ANSWER } });
    const id = await product.ask('¿Puedo devolver cualquier producto? '.repeat(4) + 'x'.repeat(200));
    for (const path of ['/', `/chat/${id}`, '/documents', `/documents/${long}`, `/documents/${long}?view=chunks`, '/settings', '/admin', '/admin/people', '/admin/sync', '/admin/audit', '/account', `/documents/${long}?view=history`, '/sign-in']) {
      await chat.open(path);
      expect.soft(await tooWide(page), path).toEqual([]);
    }
  });
}

test('at 200 % nothing is lost', async ({ page, product, chat, documents }) => {
  // What a browser does with a window of 1280 x 800 at 200 %.
  await page.setViewportSize({ width: 640, height: 400 });
  await product.addText('Recetario', 'La tortilla lleva huevos. '.repeat(200), { tags: ['cocina'] });
  await product.script({ answer: { text: ANSWER } });
  const id = await product.ask('¿Qué lleva la tortilla?');
  await documents.open('/documents');
  const row = documents.row('Recetario');
  for (const words of ['cocina', 'Listo', 'kB', 'ahora']) await expect(row.getByText(words).first(), words).toBeVisible();
  await expect(row.getByLabel('Eliminar: Recetario')).toBeVisible();
  await chat.open('/admin/people');
  const person = page.getByRole('row').filter({ hasText: 'owner@localhost' });
  for (const cell of await person.getByRole('cell').filter({ hasText: /\S/ }).all()) await expect(cell).toBeVisible();
  for (const label of ['Chats', 'Documentos']) await expect(person.locator(`[data-label="${label}"]`)).toBeVisible();
  for (const path of ['/', `/chat/${id}`, '/documents', '/settings', '/admin', '/admin/people']) {
    await chat.open(path);
    expect.soft(await tooWide(page), path).toEqual([]);
  }
  await chat.open('/');
  await expect(chat.question).toBeInViewport();
  await expect(chat.send).toBeInViewport();
});

test('on a telephone everything to press is at least 40 px high', async ({ page, product, chat }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  const recipes = await product.addText('Recetario', POLICY, { tags: ['cocina'] });
  await product.addText('Público', POLICY, { visibility: 'public' });
  await product.script({ answer: { text: ANSWER } });
  const id = await product.ask('¿Puedo devolver cualquier producto?');
  for (const path of ['/', `/chat/${id}`, '/documents', `/documents/${recipes}`, '/settings', '/admin', '/admin/people']) {
    await chat.open(path);
    const small = await page.evaluate(() => {
      const controls = 'button, summary, select, textarea, label.button, .segmented label, .tabs a, .button, .side-row, .columns nav a, .settings-nav a, input:not([type=hidden], [type=file], [type=radio])';
      return [...document.querySelectorAll(controls)]
        .map((control) => ({ control, box: control.getBoundingClientRect() }))
        .filter(({ control, box }) => box.width > 1 && box.height > 1 && control.id !== 'drawer' && (box.height < 40 || box.width < 40))
        // A copy button lies over code, which can be selected as well.
        .filter(({ control }) => !control.matches('[data-copy]'))
        .map(({ control, box }) => `${control.tagName}.${control.className} ${Math.round(box.width)} x ${Math.round(box.height)}`);
    });
    expect.soft(small, path).toEqual([]);
  }
});

test('an answer shows its structure', async ({ page, product, chat }) => {
  await product.script({ answer: { text: ANSWER } });
  const id = await product.ask('¿Y la estructura?');
  await chat.open(`/chat/${id}`);
  const answer = await chat.answer();
  const style = (selector: string, name: string) =>
    answer.locator(selector).first().evaluate((element, name) => getComputedStyle(element).getPropertyValue(name), name);
  const sizes = [];
  for (const level of ['h3', 'h4', 'h5', 'h6']) sizes.push(parseFloat(await style(`.prose ${level}`, 'font-size')));
  expect([...sizes].sort((a, b) => b - a)).toEqual(sizes);
  expect(new Set(sizes).size).toBe(4);
  expect(await style('.prose td.right', 'text-align')).toBe('end');
  expect(await style('.prose td.center', 'text-align')).toBe('center');
  expect(await style('.prose li:has(.task)', 'list-style-type')).toBe('none');
  await expect(page.getByRole('table')).toHaveCount(1);
});

test('a printed chat is whole, dark on light, and without controls', async ({ page, product, chat }) => {
  await product.addText('Política', POLICY);
  await product.setting('theme', 'dark');
  await product.setting('code_theme', 'vs-dark');
  await product.script({ answer: { text: ANSWER } });
  const question = `¿Puedo devolver cualquier producto?${'\nOtra línea de la pregunta.'.repeat(30)}\nfin`;
  const id = await product.ask(question);
  await chat.open(`/chat/${id}`);
  await chat.answer();
  await page.emulateMedia({ media: 'print' });
  // A4 without its margins, at 96 dots an inch.
  await page.setViewportSize({ width: 672, height: 980 });
  for (const gone of ['.side', '.composer-zone', '.menu', '.question .message-tools']) await expect(page.locator(gone).first(), gone).toBeHidden();
  for (const button of await page.getByRole('button').all()) await expect(button).toBeHidden();
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(chat.questions.first()).toContainText('fin');
  await expect(page.getByRole('region', { name: 'Fuentes' })).toBeVisible();
  const cut = await page.evaluate(() =>
    [...document.querySelectorAll('.said, .prose pre, .table-scroll, .body, .page, .frame')]
      .filter((part) => part.scrollWidth > part.clientWidth + 1 || part.scrollHeight > part.clientHeight + 1)
      .map((part) => `${part.className} ${part.scrollWidth} x ${part.scrollHeight} in ${part.clientWidth} x ${part.clientHeight}`),
  );
  expect(cut).toEqual([]);
  const ink = await page.evaluate(() => [document.body, ...document.querySelectorAll('.prose p, .prose pre, .said')].map((part) => getComputedStyle(part).color));
  for (const colour of ink) expect(Number(colour.match(/oklch\(([\d.]+)/)?.[1]), colour).toBeLessThan(0.5);
  // It flows over pages: the frame keeps nothing to the height of a screen.
  expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeGreaterThan(980);
});
