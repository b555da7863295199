import type { Locator } from '@playwright/test';
import { expect, test } from '../support/test';
import { POLICY } from '../support/files';

const width = async (locator: Locator) => (await locator.boundingBox())?.width ?? 0;

test.beforeEach(async ({ product, chat }) => {
  await product.addText('Política de devoluciones', POLICY);
  const id = await product.ask('¿Cuántos días hay para devolver un producto?');
  await chat.open(`/chat/${id}`);
});

test('the panel is made wider and narrower with the pointer, within bounds @script', async ({ page, chat }) => {
  await chat.citation(1).click();
  const grip = chat.panel.getByRole('separator');
  const stage = await width(page.locator('.stage'));
  const before = await width(chat.panel);
  const drag = async (by: number) => {
    const box = (await grip.boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + 300);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2 + by / 2, box.y + 310);
    await page.mouse.move(box.x + box.width / 2 + by, box.y + 320);
    await page.mouse.up();
  };
  await drag(-120);
  await expect.poll(() => width(chat.panel)).toBeGreaterThan(before + 100);
  expect(await width(chat.panel)).toBeLessThan(before + 140);
  await drag(-2_000);
  await expect.poll(async () => Math.round(((await width(chat.panel)) * 100) / stage)).toBe(60);
  // Let go of, it does not follow any more.
  await page.mouse.move(700, 300);
  expect(Math.round(((await width(chat.panel)) * 100) / stage)).toBe(60);
  await drag(2_000);
  await expect.poll(async () => width(chat.panel)).toBeLessThan(before);
  expect(await width(chat.panel)).toBeGreaterThanOrEqual(320);
  await expect(chat.question).toBeVisible();
});

test('the panel is made wider and narrower with the arrow keys, and says how wide it is @script', async ({ page, chat }) => {
  await chat.citation(1).click();
  const grip = chat.panel.getByRole('separator');
  const before = await width(chat.panel);
  await grip.focus();
  await page.keyboard.press('ArrowLeft');
  await expect(grip).toHaveAttribute('aria-valuenow', '43');
  await expect.poll(() => width(chat.panel)).toBeGreaterThan(before);
  await page.keyboard.press('ArrowRight');
  await expect(grip).toHaveAttribute('aria-valuenow', '40');
  await expect.poll(async () => Math.abs((await width(chat.panel)) - before)).toBeLessThan(1);
  for (let press = 0; press < 12; press++) await page.keyboard.press('ArrowRight');
  await expect(grip).toHaveAttribute('aria-valuenow', '25');
});

test('closing the panel brings the focus back to the mark @script', async ({ page, chat }) => {
  await chat.citation(1).focus();
  await page.keyboard.press('Enter');
  await expect(chat.panel.getByRole('button', { name: 'Cerrar' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(chat.panel).toHaveCount(0);
  await expect(chat.citation(1)).toBeFocused();
});

test('on a telephone the panel is a sheet at the bottom, as wide as the screen @script', async ({ page, chat }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await chat.citation(1).click();
  await expect(chat.panel).toContainText('treinta días');
  await expect(chat.panel.getByRole('separator')).toBeHidden();
  const sheet = async () => (await chat.panel.boundingBox())!;
  await expect.poll(async () => Math.round((await sheet()).y + (await sheet()).height)).toBe(844);
  expect((await sheet()).width).toBe(390);
  expect((await sheet()).y).toBeGreaterThan(200);
  await expect(page.getByRole('heading', { level: 1 })).toBeInViewport();
  await chat.panel.getByRole('button', { name: 'Cerrar' }).click();
  await expect(chat.panel).toHaveCount(0);
});
