import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from '../support/test';
import { POLICY, brokenPdf, pdf } from '../support/files';

/** Pictures of every page, to be looked at: target/screenshots. */
const folder = join(process.env.CARGO_TARGET_DIR ?? resolve(__dirname, '../../target'), 'screenshots');
mkdirSync(folder, { recursive: true });

const ANSWER = `Sí, puedes devolverlo **dentro de los treinta días** siguientes a la compra: «Los clientes pueden devolver cualquier producto dentro de los treinta días siguientes a la compra si conservan el recibo» [1].

### Lo que necesitas

1. El recibo de compra [1]
2. El producto completo

| Caso | Plazo | Qué presentar |
|---|---:|---|
| Devolución | 30 días | Recibo |
| Garantía | 2 años | Recibo y descripción del defecto |

\`\`\`rust
/// ¿Está todavía en plazo?
fn may_return(days: u32) -> bool {
    days <= 30
}
\`\`\`

El reembolso se calcula como $r = p \\cdot (1 - d)$, donde $d$ es el descuento aplicado.`;

const SIZES = [
  { width: 1440, height: 900 },
  { width: 1024, height: 768 },
  { width: 390, height: 844 },
  { width: 360, height: 740 },
];

test('pictures of every page, light and dark, in both languages, empty, full and failing', async ({ page, product, chat, complaints }) => {
  complaints.allow(/404/);
  const look = async (state: string, name: string, path: string | undefined, prepare?: () => Promise<void>, sizes = SIZES) => {
    for (const language of ['es', 'en']) {
      for (const theme of ['light', 'dark']) {
        await product.setting('language', language);
        await product.setting('theme', theme);
        for (const size of sizes) {
          await page.setViewportSize(size);
          if (path) await chat.open(path);
          await prepare?.();
          await page.waitForTimeout(150);
          await page.screenshot({ path: join(folder, `${name}-${state}-${language}-${theme}-${size.width}.png`) });
        }
      }
    }
  };
  const wideAndNarrow = [SIZES[0], SIZES[3]];

  await look('empty', 'start', '/');
  await look('empty', 'documents', '/documents');
  await look('empty', 'admin', '/admin', undefined, wideAndNarrow);
  await look('error', 'not-found', '/no/such/page', undefined, wideAndNarrow);

  const policy = await product.addFile('Política de devoluciones.pdf', pdf('Política de devoluciones', ['Portada', POLICY, 'Última página']));
  for (const title of ['Manual del empleado', 'Actas de la junta de marzo', 'Guía de instalación', 'Donaudampfschifffahrtsgesellschaftskapitän']) {
    await product.addText(title, `${title}. `.repeat(80), { tags: ['empresa', '2026'] });
  }
  await product.addText('Horario del comedor', 'El comedor abre a las ocho.', { visibility: 'public', tags: ['horario'] });
  await product.addFile('presupuesto.pdf', brokenPdf());
  for (const question of ['Resume el manual del empleado en cinco puntos', '¿Quién asistió a la junta de marzo?', '¿Cómo se instala?', 'Tabla con los plazos de entrega de cada proveedor']) {
    await product.script({ answer: { text: 'Una respuesta breve.' } });
    await product.ask(question);
  }
  await product.script({ answer: { text: ANSWER } });
  const id = await product.ask('¿Puedo devolver un producto que compré hace tres semanas?');
  const opened = page.getByRole('complementary');

  await look('full', 'start', '/');
  await look('full', 'chat', `/chat/${id}`);
  await look('full', 'chat-end', `/chat/${id}`, async () => {
    await page.locator('.sources').last().scrollIntoViewIfNeeded();
  }, wideAndNarrow);
  await look('full', 'chat-passage', `/chat/${id}`, async () => {
    await page.locator('article .prose a.cite').first().click();
    await opened.waitFor();
    await page.waitForTimeout(300);
  });
  await look('full', 'documents', '/documents');
  await look('full', 'document', `/documents/${policy}?start=10&end=120#passage`);
  await look('full', 'chunks', `/documents/${policy}?view=chunks`, undefined, wideAndNarrow);
  await look('full', 'settings', '/settings');
  await look('full', 'admin', '/admin');
  await look('full', 'people', '/admin/people', undefined, wideAndNarrow);
  await look('full', 'palette', '/', async () => {
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').waitFor();
  }, wideAndNarrow);
  await look('full', 'keys', '/settings', async () => {
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
  }, wideAndNarrow);
  await look('full', 'drawer', '/', async () => {
    await page.locator('label.drawer-button').first().click();
    await page.waitForTimeout(250);
  }, [SIZES[2]]);

  await product.script({ chat_status: 429 });
  const failed = await product.ask('¿Y si perdí el recibo?', id);
  await look('error', 'chat', `/chat/${failed}`, undefined, wideAndNarrow);

  await product.script({ answer: { text: ANSWER }, hold_after: 30 });
  const sent = await product.call('send_message', { text: '¿Y si ya pasaron los treinta días?', chat: '' });
  await look('writing', 'chat', `/chat/${sent.chat.id}`, async () => {
    await expect(page.locator('article[aria-busy=true]')).toContainText('treinta');
  }, wideAndNarrow);
  await product.release();

  await page.context().clearCookies();
  await page.setViewportSize(SIZES[0]);
  await page.goto('/sign-in?error=auth:link_expired');
  await page.screenshot({ path: join(folder, 'sign-in-error-1440.png') });
});
