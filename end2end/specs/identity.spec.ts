import { type Browser, type BrowserContext, type Page, expect, test as base } from '@playwright/test';
import { GitHubServer, OpenIdServer } from '../support/oidc';
import { Product } from '../support/product';
import { violations } from '../support/test';

interface Providers {
  openid: OpenIdServer;
  github: GitHubServer;
  product: Product;
}

/** A product with an OpenID Connect issuer and a GitHub, where nobody has signed in yet. */
const test = base.extend<{}, { providers: Providers }>({
  providers: [
    async ({}, use) => {
      const [openid, github] = await Promise.all([OpenIdServer.start(), GitHubServer.start()]);
      // The product asks for its issuer when somebody signs in, not before.
      const product = await Product.start({ ...openid.env, ...github.env, SIGN_UP: 'invited' });
      await openid.serve(product.url);
      await use({ openid, github, product });
      await product.close();
      await Promise.all([openid.close(), github.close()]);
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  baseURL: async ({ providers }, use) => use(providers.product.url),
});

test.describe.configure({ mode: 'serial' });

/** axe is a script of its own, which runs where pages may run theirs. */
async function isAccessible(page: Page): Promise<void> {
  const script = await page.evaluate(() => document.documentElement.hasAttribute('data-hydrated')).catch(() => false);
  if (script) expect(await violations(page)).toEqual([]);
}

const fresh = (browser: Browser, url: string, javaScriptEnabled?: boolean): Promise<BrowserContext> =>
  browser.newContext({ baseURL: url, locale: 'es-ES', javaScriptEnabled });

/** From the product's door to the provider's. */
async function knock(page: Page, name: string): Promise<void> {
  // The provider's own cookies, which know no port either: it would let in whoever was there last.
  await page.context().clearCookies({ name: /^_/ });
  await page.goto('/sign-in');
  await page.getByRole('button', { name: 'Entrar con Casa' }).click();
  await expect(page).toHaveURL(/\/interaction\//);
  await page.getByPlaceholder('Enter any login').fill(name);
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await expect(page.getByRole('button', { name: 'Continue' })).toBeVisible();
}

async function signIn(page: Page, name: string): Promise<void> {
  await knock(page, name);
  await page.getByRole('button', { name: 'Continue' }).click();
}

test('the first person who signs in is the owner, and comes to the page that was asked for', async ({ page }) => {
  await page.goto('/documents');
  await expect(page).toHaveURL(/\/sign-in$/);
  await isAccessible(page);
  await page.getByRole('button', { name: 'Entrar con Casa' }).click();
  await page.getByPlaceholder('Enter any login').fill('ana');
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page).toHaveURL(/\/documents$/);
  await page.goto('/account');
  await expect(page.getByText('Ana · ana@example.org · Propietario')).toBeVisible();
  await isAccessible(page);
  const cookies = await page.context().cookies();
  const session = cookies.find((cookie) => cookie.name.startsWith('cjhirashi-') && cookie.name !== 'cjhirashi-wanted');
  expect(session).toMatchObject({ httpOnly: true, sameSite: 'Lax' });
  expect(session?.value).toHaveLength(43);
});

test('who is not invited stays outside, and comes in once invited', async ({ page, browser, providers }) => {
  await signIn(page, 'eva');
  await expect(page).toHaveURL(/\/sign-in\?error=auth:not_invited/);
  await expect(page.getByRole('alert')).toContainText('Aún no tienes acceso');

  const owner = await fresh(browser, providers.product.url);
  const admin = await owner.newPage();
  await signIn(admin, 'ana');
  await admin.goto('/admin/people');
  await admin.getByLabel('Dirección de correo').fill('Eva@example.org');
  await admin.getByRole('button', { name: 'Invitar' }).click();
  await expect(admin.getByText('La dirección está invitada.')).toBeVisible();
  await isAccessible(admin);

  await signIn(page, 'eva');
  await expect(page).toHaveURL(`${providers.product.url}/`);
  // What one made the other does not see, and administration is not for everybody.
  await page.goto('/admin/people');
  await expect(page.getByText('No tienes permiso')).toBeVisible();

  // Kept out: at once, in the middle of a session.
  await admin.goto('/admin/people');
  const row = admin.getByRole('row').filter({ hasText: 'eva@example.org' });
  await row.locator('summary').click();
  await row.getByRole('button', { name: 'Desactivar' }).click();
  await expect(admin.getByText('Ya no puede entrar.')).toBeVisible();
  await page.goto('/documents');
  await expect(page).toHaveURL(/\/sign-in$/);
  await signIn(page, 'eva');
  await expect(page.getByRole('alert')).toContainText('Tu cuenta está desactivada');
  await admin.getByRole('row').filter({ hasText: 'eva@example.org' }).getByRole('button', { name: 'Reactivar' }).click();
  await admin.goto('/admin/audit');
  await expect(admin.getByRole('row').filter({ hasText: 'Desactivó a una persona' })).toContainText('eva@example.org');
  await isAccessible(admin);
  await owner.close();
});

test('who says no at the provider is told how to go on', async ({ page }) => {
  await knock(page, 'ana');
  await page.getByRole('link', { name: 'Cancel' }).click();
  await expect(page).toHaveURL(/\/sign-in\?error=auth:denied/);
  await expect(page.getByRole('alert')).toContainText('No se dio permiso');
});

test('a way back is good once, in the browser that began it, and only with its own code', async ({ page, browser, providers }) => {
  let callback = '';
  page.on('request', (request) => {
    if (request.url().includes('/callback?')) callback = request.url();
  });
  await signIn(page, 'ana');
  await expect(page).toHaveURL(`${providers.product.url}/`);
  // Again, here and in another browser.
  await page.goto(callback);
  await expect(page.getByText('Este inicio de sesión ha caducado')).toBeVisible();
  const other = await fresh(browser, providers.product.url);
  const thief = await other.newPage();
  await thief.goto(callback);
  await expect(thief).toHaveURL(/error=auth:expired/);
  await other.close();

  // A code that is none: the provider takes each once.
  const late = await fresh(browser, providers.product.url);
  const slow = await late.newPage();
  providers.openid.trouble = 'used-code';
  await signIn(slow, 'ana');
  await expect(slow).toHaveURL(/error=auth:expired/);
  providers.openid.trouble = 'none';
  await late.close();
});

test('what is not proven lets nobody in, and a provider that is away says so', async ({ page, providers }) => {
  providers.openid.trouble = 'other-nonce';
  await signIn(page, 'ana');
  await expect(page).toHaveURL(/error=auth:provider_failed/);
  providers.openid.trouble = 'other-issuer';
  await signIn(page, 'ana');
  await expect(page).toHaveURL(/error=auth:provider_failed/);
  providers.openid.trouble = 'down';
  await page.goto('/sign-in');
  // What the provider says of itself is known by now; its own page is what is away.
  await page.getByRole('button', { name: 'Entrar con Casa' }).click();
  await expect(page).not.toHaveURL(/\/interaction\//);
  providers.openid.trouble = 'none';
  await page.context().clearCookies();
  await signIn(page, 'ana');
  await expect(page).toHaveURL(`${providers.product.url}/`);
});

test('keys that the provider changes are asked for again', async ({ page, providers }) => {
  // Not more often than every ten seconds.
  await page.waitForTimeout(10_500);
  await providers.openid.serve();
  await signIn(page, 'ana');
  await expect(page).toHaveURL(`${providers.product.url}/`);
});

test('an account of GitHub becomes another way in, and the last way in stays', async ({ page, browser, providers }) => {
  await signIn(page, 'ana');
  await page.goto('/account');
  const ways = page.locator('#accounts');
  await expect(ways.getByText('Desenlazar')).toHaveCount(0);
  await page.getByRole('button', { name: 'Enlazar GitHub' }).click();
  await expect(page.getByText('La cuenta está enlazada.')).toBeVisible();
  await expect(ways.getByRole('row')).toHaveCount(2);

  const other = await fresh(browser, providers.product.url, false);
  const github = await other.newPage();
  await github.goto('/sign-in');
  await github.getByRole('button', { name: 'Entrar con GitHub' }).click();
  await expect(github).toHaveURL(`${providers.product.url}/`);
  await github.goto('/account');
  await expect(github.getByText('ana@example.org').first()).toBeVisible();
  // Both browsers are seen, and the other one is signed out from here.
  await expect(github.locator('#devices').getByText('este')).toHaveCount(1);
  await github.getByRole('button', { name: 'Cerrar las demás' }).click();
  await page.goto('/account');
  await expect(page).toHaveURL(/\/sign-in$/);
  await github.locator('#accounts').getByRole('row').filter({ hasText: 'GitHub' }).locator('summary').click();
  await github.locator('#accounts').getByRole('row').filter({ hasText: 'GitHub' }).getByRole('button', { name: 'Desenlazar' }).click();
  await expect(github.getByText('La cuenta ya no está enlazada.')).toBeVisible();
  await expect(github.locator('#accounts').getByText('Desenlazar')).toHaveCount(0);
  await other.close();
});

test('a profile follows the provider, with a token that is renewed', async ({ page }) => {
  await signIn(page, 'ana');
  await page.goto('/account');
  await page.getByRole('button', { name: 'Actualizar perfil' }).first().click();
  await expect(page.getByText('Tu perfil está al día.')).toBeVisible();
});

test('whose address the provider has not verified is not let in', async ({ page }) => {
  await signIn(page, 'unverified-leo');
  await expect(page.getByRole('alert')).toContainText('no da una dirección de correo verificada');
});
