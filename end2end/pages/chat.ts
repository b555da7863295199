import { type Locator, expect } from '@playwright/test';
import { PageObject } from './page';

/** A chat, or the page where one begins. */
export class ChatPage extends PageObject {
  readonly question: Locator = this.page.getByRole('textbox', { name: 'Escribe una pregunta' });
  readonly send: Locator = this.page.getByRole('button', { name: 'Enviar', exact: true });
  readonly stop: Locator = this.page.getByRole('button', { name: 'Detener', exact: true });
  readonly answers: Locator = this.page.getByRole('article', { name: 'Respuesta' });
  readonly questions: Locator = this.page.getByRole('article', { name: 'Tu pregunta' });
  readonly panel: Locator = this.page.getByRole('complementary', { name: 'Pasaje' });

  async ask(text: string): Promise<void> {
    await this.question.fill(text);
    await this.send.click();
  }

  /** The last answer, once it is whole. */
  async answer(): Promise<Locator> {
    const last = this.answers.last();
    await expect(last).toBeVisible({ timeout: 20_000 });
    await expect(this.page.locator('article[aria-busy=true]')).toHaveCount(0, { timeout: 30_000 });
    return this.answers.last();
  }

  /** The mark of a source in the last answer's text. */
  citation(number: number): Locator {
    return this.answers.last().locator('.prose a.cite').filter({ hasText: String(number) }).first();
  }

  async rename(title: string): Promise<void> {
    await this.page.getByLabel('Opciones del chat').click();
    await this.page.getByRole('textbox', { name: 'Título' }).fill(title);
    await this.page.getByRole('button', { name: 'Renombrar' }).click();
  }

  async delete(): Promise<void> {
    await this.page.getByLabel('Opciones del chat').click();
    const sure = this.page.locator('.danger-zone');
    await sure.getByText('Eliminar', { exact: true }).click();
    await sure.getByRole('button', { name: 'Eliminar para siempre' }).click();
  }
}
