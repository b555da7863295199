import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, chmod } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const root = resolve(__dirname, '../..');
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
const profile = process.env.E2E_PROFILE ?? 'debug';

/** What the scripted model provider does next; see `app/testkit/src/models/script.rs`. */
export interface Script {
  thinks?: string;
  context?: number;
  answer?: 'quote' | 'echo' | { text: string } | { when: [string, string][] };
  piece_words?: number;
  first_delay_ms?: number;
  pace_ms?: number;
  hold_after?: number;
  break_after?: number;
  break_how?: 'cut' | 'hang' | 'end' | 'garbage';
  chat_status?: number;
  embedding_status?: number;
  failures?: number;
  embedding_delay_ms?: number;
}

/** What every test begins with. Hashed words make low scores, so the threshold is low, too: percent. */
const FIRST_SETTINGS = {
  language: 'es',
  theme: 'light',
  code_theme: 'auto',
  default_model: '',
  temperature: '0.7',
  max_tokens: '4096',
  rag_enabled: 'on',
  rag_top_k: '5',
  rag_min_score: '0.05',
  shortcut_search: 'Ctrl K',
  shortcut_new_chat: 'Ctrl Shift O',
  shortcut_list: '?',
};

export interface DocumentState {
  id: string;
  title: string;
  status: 'queued' | 'processing' | 'indexed' | 'failed';
}

function program(name: string): string {
  const path = join(target, profile, name);
  if (!existsSync(path)) throw new Error(`${path} is missing: build it with "make e2e"`);
  return path;
}

/** The first line of a process's output that `find` accepts. */
function lineOf<T>(child: ChildProcess, find: (line: string) => T | undefined, what: string): Promise<T> {
  return new Promise((done, fail) => {
    const said: string[] = [];
    const note = (line: string) => {
      said.push(line);
      const found = find(line);
      if (found !== undefined) done(found);
    };
    if (child.stdout) createInterface({ input: child.stdout }).on('line', note);
    if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
    child.once('exit', (code) => fail(new Error(`${what} ended with ${code}:\n${said.slice(-40).join('\n')}`)));
    setTimeout(() => fail(new Error(`${what} is not ready:\n${said.slice(-40).join('\n')}`)), 90_000).unref();
  });
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => child.once('exit', () => done()));
}

/**
 * The real server over a database of its own in a fresh folder, with the scripted provider as its model.
 * Nothing listens outside loopback, and nothing is left when it is closed.
 */
export class Product {
  private constructor(
    readonly url: string,
    readonly modelsUrl: string,
    readonly key: string,
    /** `name=value` of the owner's session. */
    readonly cookie: string,
    private readonly folder: string,
    private readonly env: NodeJS.ProcessEnv,
    private readonly models: ChildProcess,
    private server: ChildProcess,
  ) {}

  /** With providers, nobody is there yet: whoever signs in first is the owner. */
  static async start(providers?: Record<string, string>): Promise<Product> {
    const folder = await mkdtemp(join(tmpdir(), 'cjhirashi-e2e-'));
    // As root the database runs as another user, who has to pass through here.
    await chmod(folder, 0o755);
    const models = spawn(program('scripted-model'), [], { stdio: ['pipe', 'pipe', 'pipe'] });
    const modelsUrl = await lineOf(models, (line) => line.match(/^http:\/\/\S+/)?.[0], 'the scripted model server');
    const env: NodeJS.ProcessEnv = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DATA_DIR: join(folder, 'data'),
      LISTEN: '127.0.0.1:0',
      LOOK_ON_LOOPBACK: 'no',
      SITE_DIR: process.env.SITE_DIR ?? join(root, 'target/site'),
      OPENAI_BASE_URL: `${modelsUrl}/v1`,
      OPENAI_API_KEY: 'scripted-key',
      CHAT_MODEL: 'openai:scripted-chat',
      TITLE_MODEL: 'off',
      EMBEDDINGS: 'openai:scripted-embedding@256',
      ...providers,
    };
    if (process.env.E2E_DATABASE_URL) env.DATABASE_URL = process.env.E2E_DATABASE_URL;
    const server = spawn(program('cjhirashi'), ['serve'], { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const url = await lineOf(server, (line) => line.match(/http:\/\/[^/\s]+/)?.[0], 'the server');
    // The commands run beside the server and must know the port that it was given.
    env.APP_URL = url;
    if (providers) return new Product(url, modelsUrl, '', '', folder, env, models, server);
    const run = async (...args: string[]) => {
      const { stdout } = await promisify(execFile)(program('cjhirashi'), args, { env, cwd: folder });
      return stdout.trim();
    };
    const key = await run('api-key', 'create', '--email', 'owner@localhost', '--name', 'end2end');
    const link = await run('sign-in-link');
    const token = link.match(/token=(\S+)/)?.[1];
    const answer = await fetch(`${url}/sign-in/link?token=${token}`, { redirect: 'manual' });
    const cookie = answer.headers.get('set-cookie')?.split(';')[0];
    if (!cookie) throw new Error(`no session: ${answer.status} ${await answer.text()}`);
    return new Product(url, modelsUrl, key, cookie, folder, env, models, server);
  }

  async close(): Promise<void> {
    this.server.kill('SIGTERM');
    const patience = setTimeout(() => this.server.kill('SIGKILL'), 20_000);
    await ended(this.server);
    clearTimeout(patience);
    this.models.stdin?.end();
    await ended(this.models);
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A fresh one-time link. */
  async signInLink(): Promise<string> {
    const { stdout } = await promisify(execFile)(program('cjhirashi'), ['sign-in-link'], { env: this.env, cwd: this.folder });
    const token = stdout.match(/token=(\S+)/)?.[1];
    return `${this.url}/sign-in/link?token=${token}`;
  }

  async script(script: Script): Promise<void> {
    const answer = await fetch(`${this.modelsUrl}/control/script`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(script),
    });
    if (!answer.ok) throw new Error(`the script is not one: ${await answer.text()}`);
  }

  /** Lets held answers go on. */
  async release(): Promise<void> {
    await fetch(`${this.modelsUrl}/control/release`, { method: 'POST' });
  }

  async modelState(): Promise<{ open_streams: number; abandoned_streams: number; pieces_sent: number }> {
    return (await fetch(`${this.modelsUrl}/control/state`)).json() as never;
  }

  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.key}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    const text = await answer.text();
    return (text ? JSON.parse(text) : undefined) as T;
  }

  /** Saves a setting of the owner as the settings page does. */
  async setting(name: string, value: string): Promise<void> {
    await this.call('save_setting', { name, value });
  }

  async call(name: string, fields: Record<string, string>): Promise<any> {
    const answer = await fetch(`${this.url}/fn/${name}`, {
      method: 'POST',
      headers: { cookie: this.cookie, origin: this.url, accept: 'application/json' },
      body: new URLSearchParams(fields),
    });
    if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async addText(title: string, content: string, more: object = {}): Promise<string> {
    const { id } = await this.api<{ id: string }>('POST', '/documents', { title, content, ...more });
    await this.settled(id);
    return id;
  }

  async addFile(name: string, bytes: Uint8Array): Promise<string> {
    const form = new FormData();
    form.append('file', new Blob([bytes as BlobPart]), name);
    const answer = await fetch(`${this.url}/api/v1/documents`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.key}` },
      body: form,
    });
    if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
    const { id } = (await answer.json()) as { id: string };
    await this.settled(id);
    return id;
  }

  /** Waits until a document is indexed or has failed. */
  async settled(id: string): Promise<DocumentState> {
    for (const end = Date.now() + 60_000; ; ) {
      const document = await this.api<DocumentState>('GET', `/documents/${id}`);
      if (document.status === 'indexed' || document.status === 'failed') return document;
      if (Date.now() > end) throw new Error(`${document.title} is still ${document.status}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** Asks and waits for the whole answer; the chat's id. */
  async ask(text: string, chat = ''): Promise<string> {
    const sent = await this.call('send_message', { text, chat });
    for (const end = Date.now() + 60_000; ; ) {
      const { messages } = await this.api<{ messages: { status: string }[] }>('GET', `/chats/${sent.chat.id}`);
      if (messages.every((message) => message.status !== 'streaming')) return sent.chat.id;
      if (Date.now() > end) throw new Error('the answer does not end');
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** Brings in a chat of these messages, in turn a person's and a model's; its id. */
  async bringIn(title: string, contents: string[]): Promise<string> {
    const at = (place: number) => new Date(Date.UTC(2026, 0, 1) + place * 1_000).toISOString();
    const chat = {
      title,
      created_at: at(0),
      current: contents.length - 1,
      messages: contents.map((content, place) => ({
        parent: place === 0 ? null : place - 1,
        role: place % 2 === 0 ? 'user' : 'assistant',
        content,
        created_at: at(place),
      })),
    };
    const form = new FormData();
    form.append('file', new Blob([JSON.stringify({ format: 'cjhirashi-chats', version: 1, chats: [chat] })]), 'chats.json');
    const answer = await fetch(`${this.url}/chats/import`, {
      method: 'POST',
      headers: { cookie: this.cookie, origin: this.url, accept: 'application/json' },
      body: form,
    });
    if (!answer.ok) throw new Error(`the chat did not come in: ${answer.status} ${await answer.text()}`);
    const { chats } = await this.api<{ chats: { id: string }[] }>('GET', '/chats?limit=1');
    return chats[0]?.id ?? '';
  }

  /** Deletes all kept questions; there is no API for them but the page's forms. */
  async forgetPrompts(): Promise<void> {
    const page = await (await fetch(`${this.url}/prompts`, { headers: { cookie: this.cookie, accept: 'text/html' } })).text();
    for (const [, id] of page.matchAll(/action="\/fn\/delete_prompt[^>]*>\s*(?:<!--[^>]*-->)*<input type="hidden" name="id" value="([^"]+)"/g)) {
      await this.call('delete_prompt', { id: id ?? '' });
    }
  }

  /** Deletes everything that a list shows, page by page. */
  private async empty(list: 'chats' | 'artifacts' | 'documents', query: string): Promise<void> {
    for (let turn = 0; turn < 100; turn++) {
      const found = (await this.api<Record<string, { id: string }[]>>('GET', `/${list}?${query}`))[list];
      if (found.length === 0) return;
      for (const { id } of found) await this.api('DELETE', `/${list}/${id}`);
    }
    throw new Error(`${list} do not get fewer`);
  }

  /** An instance without chats and documents, with the first settings and the default script. */
  async clear(): Promise<void> {
    await this.script({});
    await this.release();
    await this.empty('chats', 'limit=200');
    await this.empty('artifacts', 'limit=200');
    for (const scope of ['own', 'public']) await this.empty('documents', `scope=${scope}`);
    for (const [name, value] of Object.entries(FIRST_SETTINGS)) await this.setting(name, value);
  }
}
