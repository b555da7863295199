import { type Locator, expect } from '@playwright/test';
import { PageObject } from './page';

export interface Upload {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

/** The list of documents; the knowledge base is the same list at another address. */
export class DocumentsPage extends PageObject {
  row(title: string): Locator {
    return this.page.getByRole('row').filter({ has: this.page.getByRole('link', { name: title, exact: true }) });
  }

  async upload(...files: Upload[]): Promise<void> {
    if (this.script) {
      await this.page.locator('.dropzone label input[type=file]').setInputFiles(files);
    } else {
      const form = this.page.locator('.dropzone form');
      await form.locator('input[type=file]').setInputFiles(files);
      await form.getByRole('button', { name: 'Subir' }).click();
    }
  }

  /** Waits until a row says that its document can be found. */
  async isReady(title: string): Promise<void> {
    const ready = this.row(title).getByText('Listo');
    if (this.script) {
      await expect(ready).toBeVisible({ timeout: 30_000 });
      return;
    }
    // Without script a person reloads.
    await expect(async () => {
      await this.page.reload();
      await expect(ready).toBeVisible({ timeout: 500 });
    }).toPass({ timeout: 30_000 });
  }

  async delete(title: string): Promise<void> {
    await this.row(title).getByLabel(`Eliminar: ${title}`).click();
    await this.row(title).getByRole('button', { name: 'Eliminar para siempre' }).click();
  }
}
