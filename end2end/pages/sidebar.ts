import type { Locator } from '@playwright/test';
import { PageObject } from './page';

/** The bar at the left: new chat, places, chats by date. */
export class SideBar extends PageObject {
  readonly bar: Locator = this.page.getByRole('navigation', { name: 'Navegación principal' });
  readonly chats: Locator = this.bar.getByRole('region', { name: 'Tus chats' });

  chat(title: string): Locator {
    return this.chats.getByRole('link', { name: title });
  }

  link(name: string): Locator {
    return this.bar.getByRole('link', { name });
  }
}
