import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong at the provider. */
export type Trouble = 'none' | 'down' | 'other-nonce' | 'other-issuer' | 'used-code';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * A certified OpenID Connect server (npm's oidc-provider) on loopback. People sign in there by typing a name: `ana` has the
 * verified address ana@example.org, and the address of whoever begins with `unverified` is not verified.
 */
export class OpenIdServer {
  trouble: Trouble = 'none';
  private handler: Handler | undefined;
  private appUrl = '';

  private constructor(
    private readonly server: Server,
    readonly issuer: string,
  ) {}

  static async start(): Promise<OpenIdServer> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const started = new OpenIdServer(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => started.answer(request, response));
    return started;
  }

  /** What the product is told. */
  get env(): Record<string, string> {
    return { OIDC_ISSUER: this.issuer, OIDC_CLIENT_ID: 'cjhirashi', OIDC_CLIENT_SECRET: 'a secret of the provider', OIDC_NAME: 'Casa' };
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.trouble === 'down' || !this.handler) {
      response.writeHead(503).end();
      return;
    }
    const url = new URL(request.url ?? '/', this.issuer);
    if (this.trouble === 'other-nonce' && url.searchParams.has('nonce')) {
      url.searchParams.set('nonce', 'of another sign-in');
      request.url = url.pathname + url.search;
    }
    if (this.trouble === 'used-code' || this.trouble === 'other-issuer') {
      const set = response.setHeader.bind(response);
      response.setHeader = (name, value) => {
        const back = name.toLowerCase() === 'location' && String(value).includes('/callback?');
        if (!back) return set(name, value);
        const url = new URL(String(value));
        if (this.trouble === 'used-code') url.searchParams.set('code', 'used-up');
        else url.searchParams.set('iss', 'https://evil.example');
        return set(name, url.href);
      };
    }
    this.handler(request, response);
  }

  /** Knows the product from here on, and signs with new keys: those of before are gone. */
  async serve(appUrl = this.appUrl): Promise<void> {
    this.appUrl = appUrl;
    const { default: Provider } = await import('oidc-provider');
    const { exportJWK, generateKeyPair } = await import('jose');
    const { privateKey } = await generateKeyPair('RS256', { extractable: true });
    const key = { ...(await exportJWK(privateKey)), kid: `key-${Date.now()}`, use: 'sig', alg: 'RS256' };
    const provider = new Provider(this.issuer, {
      clients: [
        {
          client_id: 'cjhirashi',
          client_secret: 'a secret of the provider',
          redirect_uris: [`${appUrl}/sign-in/oidc/callback`],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
        },
      ],
      claims: { email: ['email', 'email_verified'], profile: ['name', 'picture'] },
      cookies: { keys: ['a key of the provider'] },
      issueRefreshToken: async () => true,
      jwks: { keys: [key] },
      findAccount: (_: unknown, id: string) => ({
        accountId: id,
        claims: async () => ({
          sub: id,
          email: `${id}@example.org`,
          email_verified: !id.startsWith('unverified'),
          name: id[0].toUpperCase() + id.slice(1),
        }),
      }),
    } as never);
    this.handler = provider.callback();
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}

/** A server that speaks GitHub's OAuth: whoever comes is `octocat`, or whom the test names. */
export class GitHubServer {
  login = 'octocat';
  verified = true;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<GitHubServer> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const started = new GitHubServer(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void started.answer(request, response));
    return started;
  }

  get env(): Record<string, string> {
    return { GITHUB_URL: this.url, GITHUB_CLIENT_ID: 'a client', GITHUB_CLIENT_SECRET: 'its secret' };
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const json = (value: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (url.pathname === '/login/oauth/authorize') {
      const back = new URL(url.searchParams.get('redirect_uri') ?? '');
      back.searchParams.set('code', 'a-code');
      back.searchParams.set('state', url.searchParams.get('state') ?? '');
      response.writeHead(302, { location: back.href }).end();
      return;
    }
    if (url.pathname === '/login/oauth/access_token') {
      let body = '';
      for await (const piece of request) body += piece;
      const fields = new URLSearchParams(body);
      const right = fields.get('code') === 'a-code' && fields.get('client_secret') === 'its secret' && fields.get('code_verifier');
      json(right ? { access_token: 'a-token', token_type: 'bearer', scope: 'read:user,user:email' } : { error: 'bad_verification_code' });
      return;
    }
    if (request.headers.authorization !== 'Bearer a-token') return void json({ message: 'Bad credentials' }, 401);
    if (url.pathname === '/api/v3/user') return void json({ id: 583231, login: this.login, name: null, avatar_url: 'https://example.org/cat.png' });
    if (url.pathname === '/api/v3/user/emails') {
      return void json([
        { email: 'other@example.org', primary: false, verified: true, visibility: null },
        { email: `${this.login}@example.org`, primary: true, verified: this.verified, visibility: 'public' },
      ]);
    }
    json({ message: 'Not Found' }, 404);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}
