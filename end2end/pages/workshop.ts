import { type Download, type Locator, expect } from '@playwright/test';
import { readFile } from 'node:fs/promises';
import { PageObject } from './page';

/** An artifact: on a page of its own, or beside its chat. */
export class WorkshopPage extends PageObject {
  readonly workshop: Locator = this.page.locator('cj-workshop:visible');
  readonly view: Locator = this.workshop.locator('.workshop-view');
  readonly editor: Locator = this.workshop.getByRole('textbox', { name: 'Editor del contenido' });
  readonly state: Locator = this.workshop.locator('.workshop-state');
  readonly side: Locator = this.workshop.locator('.workshop-side');
  readonly problems: Locator = this.workshop.locator('.workshop-problems li');
  readonly panel: Locator = this.page.getByRole('complementary', { name: 'Artefactos' });
  readonly tabs: Locator = this.panel.getByRole('tab');

  async show(id: string, query = ''): Promise<void> {
    await this.open(`/artifacts/${id}${query}`);
    if (this.script) await expect(this.workshop).toHaveClass(/live/);
  }

  async act(name: string): Promise<void> {
    // Not of all there is: the roles of ten thousand lines take long to tell.
    await this.workshop.locator('.workshop-head').getByRole('button', { name, exact: true }).click();
  }

  async edit(): Promise<void> {
    await this.act('Editar');
    await expect(this.workshop).toHaveAttribute('data-mode', 'edit');
  }

  /** Writes at the end of the text, as a person does. */
  async type(text: string): Promise<void> {
    await this.editor.click();
    await this.page.keyboard.press('ControlOrMeta+End');
    await this.page.keyboard.insertText(text);
  }

  async save(version: number): Promise<void> {
    await this.act('Guardar');
    await this.at(version);
    await expect(this.workshop).toHaveAttribute('data-mode', 'view');
  }

  async at(version: number): Promise<void> {
    await expect(this.workshop).toHaveAttribute('data-version', String(version));
  }

  /** Opens the versions and compares two. */
  async compare(from: number, to: number): Promise<Locator> {
    if (!(await this.side.isVisible())) await this.act('Versiones');
    await this.side.getByLabel('Comparar desde').selectOption(String(from));
    await this.side.getByLabel('Comparar hasta').selectOption(String(to));
    await expect(this.side.locator('.difference')).toBeVisible();
    return this.side.locator('.difference');
  }

  async export(label: string): Promise<Download> {
    await this.workshop.getByLabel('Exportar').click();
    const download = this.page.waitForEvent('download');
    await this.workshop.locator('.menu-items').getByText(label, { exact: true }).click();
    return download;
  }

  async exported(label: string): Promise<Buffer> {
    const download = await this.export(label);
    return readFile(await download.path());
  }
}
