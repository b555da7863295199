import { expect, test, violations } from '../support/test';
import { POLICY } from '../support/files';

const ANSWER = `Sí. El documento dice: «Los clientes pueden devolver cualquier producto» [1].

## Detalles

| Plazo | Días |
|---|---|
| Devolución | 30 |

\`\`\`rust
fn main() { println!("hola"); }
\`\`\`

- [x] hecho
- [ ] por hacer

La fórmula es $e = mc^2$ y [un enlace](https://example.org).`;

for (const theme of ['light', 'dark'] as const) {
  test(`axe finds nothing on any page, ${theme} @script`, async ({ page, product, chat }) => {
    test.slow();
    await product.setting('theme', theme);
    await chat.open('/');
    expect.soft(await violations(page), 'the first visit').toEqual([]);
    const document = await product.addText('Política', POLICY);
    await product.addText('Público', 'Un texto para todos.', { visibility: 'public', tags: ['horario'] });
    await product.script({ answer: { text: ANSWER } });
    const id = await product.ask('¿Puedo devolver cualquier producto?');
    for (const path of ['/', `/chat/${id}`, '/documents', '/documents?q=nada', `/documents/${document}`, `/documents/${document}?view=chunks`, `/documents/${document}?start=4&end=140&quote_start=8&quote_end=40`, '/settings', '/admin', '/admin?tag=horario&state=ready&sort=-title', '/admin/people?sort=-seen', '/admin/sync', '/admin/audit', '/account', `/documents/${document}?view=history`, '/sign-in']) {
      await chat.open(path);
      expect.soft(await violations(page), path).toEqual([]);
    }
    await chat.open(`/chat/${id}`);
    await chat.citation(1).click();
    await expect(chat.panel).toBeVisible();
    expect.soft(await violations(page), 'the panel').toEqual([]);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await expect(page.getByRole('dialog')).toBeVisible();
    expect.soft(await violations(page), 'the palette').toEqual([]);
    await product.setting('default_model', 'extractive');
    await chat.open('/');
    await expect(page.getByRole('list', { name: 'Para empezar' })).toBeVisible();
    expect.soft(await violations(page), 'the first page without a model').toEqual([]);
  });
}

/** One artifact of each kind that is text. */
const ARTIFACTS = [
  ['code', 'fn main() {\n    let x = 1;\n}'],
  ['json', '{"a": [1, {"b": null}], "c": "d"}'],
  ['html', '<!DOCTYPE html><html lang="es"><title>x</title><h1>Hola</h1></html>'],
  ['markdown', '# Uno\n\nDos.\n\n## Tres\n\nCuatro.'],
  ['diagram', 'flowchart LR\n  A[Uno] --> B[Dos]'],
  ['latex', 'La media $\\frac{a}{b}$.'],
  ['table', 'mes,total\nenero,120\nfebrero,90'],
] as const;

for (const theme of ['light', 'dark'] as const) {
  test(`axe finds nothing on any artifact and in the library, ${theme} @script`, async ({ page, product, chat }) => {
    test.slow();
    await product.setting('theme', theme);
    await chat.open('/artifacts');
    expect.soft(await violations(page), 'the empty library').toEqual([]);
    for (const [type, content] of ARTIFACTS) {
      const { id } = await product.api<{ id: string }>('POST', '/artifacts', { type, title: `Un ${type}`, content });
      await chat.open(`/artifacts/${id}`);
      await expect(page.locator('cj-workshop')).toHaveClass(/live/);
      expect.soft(await violations(page), type).toEqual([]);
    }
    await chat.open('/artifacts');
    expect.soft(await violations(page), 'the library').toEqual([]);
  });
}

test('an error and an answer being written have no violations either @script', async ({ page, product, chat }) => {
  await product.script({ chat_status: 500 });
  const id = await product.ask('¿Hola?');
  await chat.open(`/chat/${id}`);
  await expect(page.getByRole('alert')).toBeVisible();
  expect(await violations(page)).toEqual([]);
  await product.script({ answer: { text: 'uno dos tres' }, hold_after: 1 });
  await chat.open('/');
  await chat.ask('Cuenta');
  await expect(chat.answers.last()).toContainText('uno');
  expect(await violations(page)).toEqual([]);
  await product.release();
});

test('the keyboard reaches the content first, and then goes on as the eye does @script', async ({ page, product, chat }) => {
  await product.addText('Uno', 'Un texto.');
  await product.addText('Dos', 'Otro texto.');
  await chat.open('/documents');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Ir al contenido' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('main')).toBeFocused();
  const lines: number[] = [];
  for (;;) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const focused = document.activeElement;
      if (!focused?.closest('main')) return undefined;
      // What is focused is what is seen: a hidden input's label stands for it.
      const shown = focused.closest('label') ?? focused;
      const box = shown.getBoundingClientRect();
      return { middle: box.top + box.height / 2, ringed: getComputedStyle(shown).outlineStyle !== 'none' };
    });
    if (!at) break;
    expect(at.ringed, `a ring at ${at.middle}`).toBe(true);
    lines.push(at.middle);
  }
  // The chooser, two tabs, the search, and two rows of a link and a menu.
  expect(lines.length).toBeGreaterThanOrEqual(8);
  const up = lines.filter((line, index) => line < (lines[index - 1] ?? 0) - 20);
  expect(up, `${lines}`).toEqual([]);
});

test('on a telephone the side bar is a drawer', async ({ page, chat, sidebar, script }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await chat.open('/');
  await expect(sidebar.link('Documentos')).not.toBeInViewport();
  await page.locator('label.drawer-button').first().click();
  await expect(sidebar.link('Documentos')).toBeInViewport();
  await sidebar.link('Documentos').click();
  await expect(page).toHaveURL(/\/documents$/);
  if (script) await expect(sidebar.link('Documentos')).not.toBeInViewport();
});
