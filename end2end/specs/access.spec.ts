import { expect, test } from '../support/test';

test('without a session every page leads to the sign-in, which says how', async ({ browser, product, complaints, javaScriptEnabled }) => {
  const context = await browser.newContext({ baseURL: product.url, javaScriptEnabled, locale: 'es-ES' });
  complaints.hear(context);
  const page = await context.newPage();
  for (const path of ['/', '/documents', '/settings', '/admin']) {
    await page.goto(path);
    await expect(page).toHaveURL(/\/sign-in/);
  }
  await expect(page.getByRole('heading', { name: 'Iniciar sesión' })).toBeVisible();
  await expect(page.getByText('cjhirashi sign-in-link')).toBeVisible();

  const link = await product.signInLink();
  await page.goto(link);
  // To the page that was asked for last.
  await expect(page).toHaveURL(/\/admin$/);
  await expect(page.getByRole('heading', { level: 1, name: 'Administración' })).toBeVisible();
  await context.clearCookies();
  await page.goto(link);
  await expect(page.getByRole('alert')).toContainText('ya se usó o ha caducado');
  await context.close();
});

test('a page that is not there says so and leads back', async ({ page, chat, complaints }) => {
  complaints.allow(/404/);
  const answer = await page.goto('/no/such/page');
  expect(answer?.status()).toBe(404);
  await chat.ready();
  await expect(page.getByText('Aquí no hay nada').first()).toBeVisible();
});
