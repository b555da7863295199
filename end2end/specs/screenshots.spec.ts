import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Page } from '@playwright/test';
import type { Product } from '../support/product';
import { expect, test } from '../support/test';
import { POLICY, brokenPdf, pdf } from '../support/files';

/** Pictures of every page, to be looked at: target/screenshots. */
const folder = join(process.env.CARGO_TARGET_DIR ?? resolve(__dirname, '../../target'), 'screenshots');
mkdirSync(folder, { recursive: true });

const ANSWER = `Sí, puedes devolverlo **dentro de los treinta días** siguientes a la compra: «Los clientes pueden devolver cualquier producto dentro de los treinta días siguientes a la compra si conservan el recibo» [1]. La garantía cubre los defectos durante dos años [1], y el reembolso llega por transferencia bancaria en una semana laborable [2].

## Lo que necesitas

1. El recibo de compra [1]
2. El producto completo

- [x] Recibo guardado
- [ ] Caja original, con todos sus accesorios, manuales y protecciones de transporte

| Caso | Plazo | Qué presentar |
|---|---:|---|
| Devolución | 30 días | Recibo |
| Garantía | 2 años | Recibo y descripción del defecto |

### Comprobación

\`\`\`rust
/// ¿Está todavía en plazo?
fn may_return(days: u32) -> bool {
    days <= 30
}
\`\`\`

El reembolso se calcula como $r = p \\cdot (1 - d)$, donde $d$ es el descuento aplicado.

> Una cita que alguien dijo.`;

const SIZES = {
  3840: { width: 3840, height: 2160 },
  1440: { width: 1440, height: 900 },
  1024: { width: 1024, height: 768 },
  390: { width: 390, height: 844 },
  360: { width: 360, height: 740 },
};
type Width = keyof typeof SIZES;

/** Each language in each theme, wide and narrow; the sizes between in one of each. */
const VIEWS = [
  { language: 'es', theme: 'light', widths: [3840, 1440, 1024, 390, 360] },
  { language: 'en', theme: 'dark', widths: [3840, 1440, 1024, 390, 360] },
  { language: 'es', theme: 'dark', widths: [1440, 360] },
  { language: 'en', theme: 'light', widths: [1440, 360] },
] as const;

interface Picture {
  name: string;
  path: string;
  /** What is done on the page before the picture. */
  prepare?: () => Promise<unknown>;
  widths?: Width[];
  whole?: boolean;
}

test.describe.configure({ timeout: 900_000 });

const take = async (page: Page, product: Product, pictures: Picture[]) => {
  for (const { language, theme, widths } of VIEWS) {
    await product.setting('language', language);
    await product.setting('theme', theme);
    for (const { name, path, prepare, widths: wanted, whole } of pictures) {
      for (const width of widths) {
        if (wanted && !wanted.includes(width)) continue;
        await page.setViewportSize(SIZES[width]);
        await page.goto(path);
        await page.locator('html[data-hydrated], main.plain').waitFor();
        await prepare?.();
        await page.waitForTimeout(150);
        await page.screenshot({ path: join(folder, `${name}-${language}-${theme}-${width}.png`), fullPage: whole });
      }
    }
  }
};

/** Documents and chats as after some weeks of work. */
const furnish = async (product: Product) => {
  const policy = await product.addFile('Política de devoluciones.pdf', pdf('Política de devoluciones', ['Portada', POLICY, 'Última página']));
  await product.addText('Reembolsos', 'El reembolso llega por transferencia bancaria en cinco días laborables, una vez revisado el producto.');
  for (const title of ['Manual del empleado', 'Actas de la junta de marzo', 'Guía de instalación', 'Donaudampfschifffahrtsgesellschaftskapitän']) {
    await product.addText(title, `${title}. `.repeat(80), { tags: ['empresa', '2026'] });
  }
  await product.addText('Horario del comedor', 'El comedor abre a las ocho.', { visibility: 'public', tags: ['horario'] });
  const broken = await product.addFile('presupuesto.pdf', brokenPdf());
  await product.script({ answer: { text: 'Una respuesta breve.' } });
  for (const question of ['Resume el manual del empleado en cinco puntos', '¿Quién asistió a la junta de marzo?', '¿Cómo se instala?', 'Tabla con los plazos de entrega de cada proveedor']) {
    await product.ask(question);
  }
  await product.script({ answer: { text: ANSWER } });
  const chat = await product.ask('¿Puedo devolver un producto que compré hace tres semanas?');
  return { policy, broken, chat };
};

test('pictures of an empty instance', async ({ page, product }) => {
  await take(page, product, [
    { name: 'start-empty', path: '/' },
    { name: 'documents-empty', path: '/documents' },
    { name: 'knowledge-empty', path: '/documents?scope=public', widths: [1440, 360] },
    { name: 'admin-empty', path: '/admin' },
    { name: 'people-nobody', path: '/admin/people?q=nadie', widths: [1440, 360] },
    { name: 'settings-empty', path: '/settings', whole: true, widths: [1440] },
  ]);
});

test('pictures of every page with something in it', async ({ page, product }) => {
  const { policy, chat } = await furnish(product);
  await take(page, product, [
    { name: 'start', path: '/' },
    { name: 'chat', path: `/chat/${chat}`, prepare: () => page.locator('.question').first().scrollIntoViewIfNeeded() },
    { name: 'chat-end', path: `/chat/${chat}` },
    { name: 'documents', path: '/documents' },
    { name: 'documents-filtered', path: '/documents?tag=empresa&state=ready&sort=-title', widths: [1440, 390, 360] },
    { name: 'document', path: `/documents/${policy}?start=0&end=220&quote_start=9&quote_end=95#quote` },
    { name: 'chunks', path: `/documents/${policy}?view=chunks` },
    { name: 'settings', path: '/settings' },
    { name: 'settings-end', path: '/settings#account', widths: [1440, 390, 360] },
    { name: 'account', path: '/account', whole: true, widths: [1440, 390, 360] },
    { name: 'log', path: '/admin/audit', widths: [1440, 360] },
    { name: 'settings-middle', path: '/settings#documents', widths: [1440, 390, 360] },
    { name: 'admin', path: '/admin' },
    { name: 'people', path: '/admin/people' },
    { name: 'sync', path: '/admin/sync' },
    { name: 'history', path: `/documents/${policy}?view=history` },
  ]);
});

test('pictures of the first page without a model', async ({ page, product }) => {
  await product.setting('default_model', 'extractive');
  await take(page, product, [{ name: 'start-extractive-empty', path: '/', widths: [1440, 390, 360] }]);
  await furnish(product);
  const id = await product.ask('¿Cuántos días hay para devolver un producto?');
  await take(page, product, [
    { name: 'start-extractive', path: '/', widths: [1440, 390, 360] },
    { name: 'chat-extractive', path: `/chat/${id}`, widths: [1440, 360] },
  ]);
});

test('pictures of what opens', async ({ page, product }) => {
  const { chat } = await furnish(product);
  const dialog = () => page.getByRole('dialog').waitFor();
  await take(page, product, [
    {
      name: 'passage',
      path: `/chat/${chat}`,
      prepare: async () => {
        await page.locator('article .prose a.cite').first().click();
        await page.locator('.panel .passage').waitFor();
        await page.waitForTimeout(300);
      },
    },
    {
      name: 'preview',
      path: `/chat/${chat}`,
      widths: [1440],
      prepare: async () => {
        await page.locator('article .prose a.cite').first().hover();
        await page.locator('.preview').waitFor();
      },
    },
    { name: 'chat-menu', path: `/chat/${chat}`, widths: [1440, 360], prepare: () => page.locator('.topbar .menu > summary').click() },
    { name: 'delete-menu', path: '/documents', widths: [1440, 360], prepare: () => page.locator('tbody .menu > summary').first().click() },
    {
      name: 'delete-menu-last',
      path: '/documents',
      widths: [1440, 390, 360],
      prepare: async () => {
        const opener = page.locator('tbody .menu > summary').last();
        await opener.evaluate((element) => element.scrollIntoView({ block: 'end' }));
        await opener.click();
      },
    },
    { name: 'account-menu', path: '/', widths: [1440], prepare: () => page.locator('.menu.account > summary').click() },
    { name: 'palette', path: '/', widths: [1440, 360], prepare: async () => { await page.keyboard.press('Control+k'); await dialog(); } },
    { name: 'keys', path: '/settings', widths: [1440, 360], prepare: async () => { await page.keyboard.press('?'); await dialog(); } },
    {
      name: 'drawer',
      path: '/',
      widths: [390, 360],
      prepare: async () => {
        await page.locator('label.drawer-button').first().click();
        await page.waitForTimeout(250);
      },
    },
    {
      name: 'focus',
      path: '/documents',
      widths: [1440, 360],
      prepare: async () => { for (let press = 0; press < 6; press++) await page.keyboard.press('Tab'); },
    },
    { name: 'key-made', path: '/account#keys', widths: [1440, 360], prepare: async () => {
      await page.locator('#keys input[name=name]').fill('portátil');
      await page.locator('#keys form.line button').click();
      await page.locator('.secret').waitFor();
      await page.locator('.secret').evaluate((secret) => secret.scrollIntoView({ block: 'center' }));
    } },
  ]);
});

test('pictures of what goes wrong, and of what takes its time', async ({ page, product, complaints }) => {
  complaints.allow(/404|422|5\d\d/);
  const { broken, chat } = await furnish(product);
  await product.script({ chat_status: 429 });
  const failed = await product.ask('¿Y si perdí el recibo?', chat);
  await product.setting('rag_min_score', '99');
  await product.script({ answer: { text: 'No lo sé: tus documentos no lo dicen.' } });
  const unknown = await product.ask('¿Cuánto cuesta el envío?');
  await product.setting('rag_min_score', '0.05');
  await product.script({ answer: { text: ANSWER }, hold_after: 30 });
  const { chat: writing } = await product.call('send_message', { text: '¿Y si ya pasaron los treinta días?', chat: '' });
  await take(page, product, [
    { name: 'error-page', path: '/no/such/page' },
    { name: 'error-document', path: '/documents/nothing', widths: [1440, 360] },
    { name: 'error-server', path: '/documents/nothing/file' },
    { name: 'error-file', path: `/documents/${broken}`, widths: [1440, 360] },
    { name: 'error-answer', path: `/chat/${failed}` },
    { name: 'error-relevance', path: `/chat/${unknown}`, widths: [1440, 360] },
    { name: 'error-search', path: '/documents?q=nada', widths: [1440, 360] },
    { name: 'error-question', path: '/', widths: [1440, 360], prepare: async () => {
      await page.locator('#question').evaluate((field: HTMLTextAreaElement) => {
        field.value = 'palabra '.repeat(20_000);
        field.dispatchEvent(new Event('input', { bubbles: true }));
      });
      await page.locator('.send.primary').click();
      await page.getByRole('alert').waitFor();
    } },
    { name: 'error-connection', path: '/settings#connection', widths: [1440, 360], prepare: async () => {
      await page.locator('input[name=base_url]').last().fill('http://127.0.0.1:9/v1');
      await page.locator('#connection form.stack button.primary').click();
      await page.locator('#connection').getByRole('alert').waitFor();
    } },
    { name: 'error-uploads', path: '/documents', widths: [1440, 360], prepare: async () => {
      await page.locator('.dropzone label input[type=file]').setInputFiles([
        { name: 'otra vez el comedor.txt', mimeType: 'text/plain', buffer: Buffer.from('El comedor abre a las ocho.') },
        { name: 'vacío.txt', mimeType: 'text/plain', buffer: Buffer.from('') },
        { name: 'fotografías-de-las-vacaciones-de-verano-en-la-costa.zip', mimeType: 'application/zip', buffer: Buffer.from('PK') },
      ]);
      await page.locator('.uploads .problem').first().waitFor();
      await expect(page.locator('.uploads .hint').first()).toBeVisible();
      await expect(page.locator('.uploads .state.working')).toHaveCount(0);
    } },
    { name: 'writing', path: `/chat/${writing.id}`, prepare: () => expect(page.locator('article[aria-busy=true]')).toContainText('treinta') },
  ]);
  await product.release();
});

test('pictures of the sign-in', async ({ browser, product, complaints }) => {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [language, locale] of [['es', 'es-ES'], ['en', 'en-GB']]) {
      const context = await browser.newContext({ colorScheme, locale });
      complaints.hear(context);
      const page = await context.newPage();
      for (const [name, path] of [['sign-in', '/sign-in'], ['sign-in-error', '/sign-in?error=auth:link_expired']]) {
        for (const width of [3840, 1440, 390, 360] as const) {
          await page.setViewportSize(SIZES[width]);
          await page.goto(`${product.url}${path}`);
          await page.screenshot({ path: join(folder, `${name}-${language}-${colorScheme}-${width}.png`) });
        }
      }
      await context.close();
    }
  }
});

test('pictures of paper', async ({ page, product }) => {
  const { chat, policy } = await furnish(product);
  await product.setting('theme', 'dark');
  for (const [name, path] of [['print-chat', `/chat/${chat}`], ['print-document', `/documents/${policy}`]]) {
    await page.emulateMedia({ media: 'print' });
    await page.setViewportSize({ width: 672, height: 980 });
    await page.goto(path);
    await page.locator('html[data-hydrated]').waitFor();
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
    await page.pdf({ path: join(folder, `${name}.pdf`), preferCSSPageSize: true, format: 'A4' });
  }
});
