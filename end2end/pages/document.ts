import type { Locator } from '@playwright/test';
import { PageObject } from './page';

/** One document: its text with the cited passage, or its chunks. */
export class DocumentPage extends PageObject {
  readonly title: Locator = this.page.getByRole('main').getByRole('heading', { level: 1 });
  readonly text: Locator = this.page.locator('.document-text');
  readonly passage: Locator = this.page.locator('mark#passage');
  /** What of the passage the answer quotes. */
  readonly quote: Locator = this.page.locator('mark#quote');
  readonly chunksTab: Locator = this.page.getByRole('link', { name: 'Fragmentos' });
}
