import { type Locator, expect } from '@playwright/test';
import { PageObject } from './page';

/** The settings: each is saved by itself. */
export class SettingsPage extends PageObject {
  field(name: string): Locator {
    return this.page.locator(`form#${name}`);
  }

  async choose(name: string, label: string): Promise<void> {
    await this.field(name).getByText(label, { exact: true }).click();
    await this.save(name);
  }

  async fill(name: string, value: string): Promise<void> {
    const control = this.field(name).locator(`#${name}-value`);
    await control.fill(value);
    if (this.script) await control.press('Tab');
    await this.save(name);
  }

  /** Without script each setting has a button. */
  private async save(name: string): Promise<void> {
    if (!this.script) await this.field(name).getByRole('button').click();
  }

  async isSaved(name: string): Promise<void> {
    await expect(this.field(name).getByText(/Guardado|Saved/)).toBeVisible();
  }
}
