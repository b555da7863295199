import { deflateSync } from 'node:zlib';
import { expect, test, violations } from '../support/test';

/** A PNG of one colour. */
function png(width: number, height: number, [r, g, b]: [number, number, number]): Buffer {
  const crc = (bytes: Buffer): number => {
    let sum = ~0;
    for (const byte of bytes) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (0xedb88320 & -(sum & 1));
    }
    return ~sum >>> 0;
  };
  const chunk = (kind: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.concat(Array.from({ length: width }, () => Buffer.from([r, g, b])))]);
  const rows = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

const RED = { name: 'rojo.png', mimeType: 'image/png', buffer: png(320, 200, [200, 40, 40]) };
const BLUE = { name: 'azul.png', mimeType: 'image/png', buffer: png(200, 320, [40, 60, 200]) };

test('images are chosen, pasted and taken out, go with their question, and are shared with it @script', async ({ page, product, chat, complaints }) => {
  complaints.allow(/422.*images/);
  await product.script({ answer: { text: 'Un rectángulo rojo.' } });
  await chat.open('/');
  const thumbs = page.locator('.attached li');
  await page.locator('.composer input[type=file]').setInputFiles([RED, BLUE]);
  await expect(thumbs.locator('img')).toHaveCount(2);
  expect(await violations(page), 'with images').toEqual([]);
  // Pasted from elsewhere.
  await chat.question.evaluate((field, bytes) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], 'pegada.png', { type: 'image/png' }));
    field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, [...BLUE.buffer]);
  await expect(thumbs.locator('img')).toHaveCount(3);
  await thumbs.nth(2).getByRole('button', { name: 'Quitar' }).click();
  await thumbs.nth(1).getByRole('button', { name: 'Quitar' }).click();
  await expect(thumbs).toHaveCount(1);
  // What is no image is said to be none, and the others stay.
  await page.locator('.composer input[type=file]').setInputFiles([{ name: 'roto.png', mimeType: 'image/png', buffer: Buffer.from('no') }]);
  await expect(page.getByText('Esta imagen no se puede leer')).toBeVisible();
  await expect(thumbs).toHaveCount(1);
  // As what is typed, it is still there after a reload.
  await page.reload();
  await chat.ready();
  await expect(thumbs.locator('img')).toHaveCount(1);
  await chat.ask('¿Qué ves?');
  const shown = page.locator('.question .images img');
  await expect(shown).toHaveCount(1);
  await expect(thumbs).toHaveCount(0);
  await expect(await chat.answer()).toContainText('Un rectángulo rojo.');
  await expect.poll(() => shown.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(320);
  expect(JSON.stringify(await product.modelState())).toContain('data:image/png;base64,');

  // After a reload, in a shared chat, and in no foreign one.
  await page.reload();
  await chat.ready();
  await expect(shown).toHaveCount(1);
  const source = new URL((await shown.getAttribute('src')) ?? '', product.url);
  expect((await fetch(source)).status).toBe(401);
  await product.call('share_chat', { chat: page.url().split('/').at(-1) ?? '' });
  const html = await (await page.request.get(page.url())).text();
  const link = html.match(/\/share\/[\w-]+/)?.[0] ?? '';
  const answer = await fetch(product.url + link);
  const image = (await answer.text()).match(/src="(\/share\/[^"]+)"/)?.[1] ?? '';
  const shared = await fetch(product.url + image);
  expect([shared.status, shared.headers.get('content-type')]).toEqual([200, 'image/png']);
});

test('an edited question keeps its images, or leaves some out @script', async ({ page, product, chat }) => {
  await product.script({ answer: { text: 'Vale.' } });
  await chat.open('/');
  await page.locator('.composer input[type=file]').setInputFiles([RED, BLUE]);
  const thumbs = page.locator('.attached li');
  await expect(thumbs.locator('img')).toHaveCount(2);
  await chat.ask('¿Qué ves?');
  await chat.answer();
  const shown = page.locator('.question .images img');
  const edit = async () => {
    await chat.questions.last().hover();
    await chat.questions.last().getByRole('button', { name: 'Editar y volver a preguntar' }).click();
  };
  await edit();
  await expect(thumbs.locator('img')).toHaveCount(2);
  await thumbs.first().getByRole('button', { name: 'Quitar' }).click();
  await chat.ask('¿Y en esta?');
  await expect(chat.questions).toHaveText([/¿Y en esta/]);
  await chat.answer();
  await expect(shown).toHaveCount(1);
  await expect(thumbs).toHaveCount(0);
  await expect.poll(() => shown.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(200);
  // Who does not go on with it takes nothing along.
  await edit();
  await expect(thumbs).toHaveCount(1);
  const close = page.locator('.composer-editing').getByRole('button', { name: 'Cerrar' });
  await close.click();
  await expect(thumbs).toHaveCount(0);

  // What a draft has is there again after a question was changed, and after one left while changing one.
  await page.locator('.composer input[type=file]').setInputFiles([RED, RED]);
  await expect(thumbs.locator('img')).toHaveCount(2);
  await edit();
  await expect(thumbs).toHaveCount(1);
  await close.click();
  await expect(thumbs).toHaveCount(2);
  await edit();
  await expect(thumbs).toHaveCount(1);
  await page.getByRole('link', { name: 'Nuevo chat' }).first().click();
  await expect(page).toHaveURL(/\/$/);
  await expect(thumbs.locator('img')).toHaveCount(2);
  await chat.ask('¿Y estas dos?');
  await expect(shown).toHaveCount(2);
  await expect(thumbs).toHaveCount(0);
  await chat.answer();
  await page.reload();
  await chat.ready();
  await expect(thumbs).toHaveCount(0);
});

test('a model that sees nothing says so, and what to do @script', async ({ page, product, chat }) => {
  await product.setting('default_model', 'extractive');
  await chat.open('/');
  await page.locator('.composer input[type=file]').setInputFiles([RED]);
  await expect(page.locator('.attached img')).toHaveCount(1);
  await chat.ask('¿Qué ves?');
  await expect(page.getByRole('alert')).toContainText('Este modelo no ve imágenes');
});
