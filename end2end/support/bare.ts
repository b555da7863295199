import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { chromium } from '@playwright/test';
import { launchOptions } from './browser';

type Answer = { id?: number; result?: Record<string, unknown>; error?: { message: string } };

/**
 * A Chromium that nobody watches. Playwright follows what a page loads, for which the page's process keeps it all: its memory
 * would be the tool's. This one is asked over the protocol's pipe, and for nothing but what is said.
 */
export class BareBrowser {
  private readonly waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  private asked = 0;

  private constructor(
    private readonly browser: ChildProcess,
    profile: string,
  ) {
    let text = '';
    (browser.stdio[4] as Readable).setEncoding('utf8').on('data', (piece: string) => {
      const messages = (text + piece).split('\0');
      text = messages.pop() ?? '';
      for (const message of messages) this.hear(JSON.parse(message) as Answer);
    });
    browser.once('exit', () => {
      for (const { reject } of this.waiting.values()) reject(new Error('the browser is gone'));
      rmSync(profile, { recursive: true, force: true });
    });
  }

  static start(): BareBrowser {
    const profile = mkdtempSync(join(tmpdir(), 'bare-'));
    const options = ['--headless', '--remote-debugging-pipe', `--user-data-dir=${profile}`, '--window-size=1280,800', 'about:blank'];
    const path = launchOptions.executablePath ?? chromium.executablePath();
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] as const;
    return new BareBrowser(spawn(path, [...(launchOptions.args ?? []), ...options], { stdio: [...stdio] }), profile);
  }

  private hear({ id, result, error }: Answer): void {
    const waits = this.waiting.get(id ?? -1);
    if (!waits) return;
    this.waiting.delete(id ?? -1);
    if (error) waits.reject(new Error(error.message));
    else waits.resolve(result as never);
  }

  /** A command of the DevTools protocol: of the browser, or of one page. */
  send<Result>(method: string, params: object = {}, sessionId?: string): Promise<Result> {
    const id = ++this.asked;
    (this.browser.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  /** Opens an address with a cookie in a new tab. */
  async open(url: string, cookie: string): Promise<BarePage> {
    const [name, ...value] = cookie.split('=');
    await this.send('Storage.setCookies', { cookies: [{ name, value: value.join('='), url }] });
    const { targetId } = await this.send<{ targetId: string }>('Target.createTarget', { url });
    const attached = await this.send<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true });
    return new BarePage(this, attached.sessionId);
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.browser.once('exit', resolve));
    await this.send('Browser.close');
    await gone;
  }
}

/** A tab of it. */
export class BarePage {
  constructor(
    readonly browser: BareBrowser,
    private readonly session: string,
  ) {}

  send<Result>(method: string, params: object = {}): Promise<Result> {
    return this.browser.send<Result>(method, params, this.session);
  }

  /** What an expression of the page comes to. */
  async evaluate<Value>(expression: string): Promise<Value> {
    const told = await this.send<{ result: { value: Value }; exceptionDetails?: { text: string } }>('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (told.exceptionDetails) throw new Error(told.exceptionDetails.text);
    return told.result.value;
  }

  /** Waits until an expression holds, for at most a minute; in a page that is just being loaded none does. */
  async until(expression: string): Promise<void> {
    for (let turn = 0; turn < 600; turn++) {
      if (await this.evaluate<boolean>(`Boolean(${expression})`).catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`never came to be: ${expression}`);
  }
}
