import type { Page } from '@playwright/test';

/** What every page object knows: the page, and whether its scripts run. */
export class PageObject {
  constructor(
    protected readonly page: Page,
    protected readonly script: boolean,
  ) {}

  /** Opens an address and waits until clicks are heard. */
  async open(path: string): Promise<void> {
    await this.page.goto(path);
    await this.ready();
  }

  async ready(): Promise<void> {
    if (this.script) await this.page.locator('html[data-hydrated]').waitFor();
  }
}
