import { existsSync } from 'node:fs';
import type { LaunchOptions } from '@playwright/test';

/** $CHROMIUM, an installed Chromium, or Playwright's own when there is none. */
const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
  (path) => path && existsSync(path),
);

/** As root Chromium has no sandbox; nothing but our own server is ever opened. */
const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];

export const launchOptions: LaunchOptions = {
  executablePath,
  args: [
    ...asRoot,
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--font-render-hinting=none',
  ],
};
