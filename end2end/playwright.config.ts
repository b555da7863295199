import { defineConfig } from '@playwright/test';
import { launchOptions } from './support/browser';

/** One worker: each starts a product of its own, and the machine has other work. */
export default defineConfig({
  testDir: 'specs',
  outputDir: 'test-results',
  workers: Number(process.env.E2E_WORKERS ?? 1),
  fullyParallel: false,
  forbidOnly: !!process.env.CI,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: process.env.CI ? [['list']] : [['list'], ['html', { open: 'never' }]],
  use: {
    launchOptions,
    locale: 'es-ES',
    viewport: { width: 1280, height: 800 },
    actionTimeout: 10_000,
    navigationTimeout: 20_000,
    trace: 'retain-on-failure',
  },
  projects: [
    { name: 'chromium', testIgnore: /(screenshots|figures).*\.spec\.ts/, grepInvert: /@noscript/ },
    // Reading and asking must work without any script; what needs one is tagged, and what is there for want of one.
    { name: 'without-javascript', testIgnore: /(screenshots|figures).*\.spec\.ts/, grepInvert: /@script/, use: { javaScriptEnabled: false } },
    { name: 'screenshots', testMatch: 'screenshots*.spec.ts', timeout: 300_000 },
    // A trace takes pictures of the page while it is measured.
    { name: 'figures', testMatch: 'figures*.spec.ts', use: { trace: 'off' } },
  ],
});
