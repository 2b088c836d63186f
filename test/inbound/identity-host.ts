import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { Service } from '../../src/core/vocabulary.ts';
import type { Claims, IdentityRules } from '../../src/inbound/facts.ts';
import type { Incoming } from '../../src/inbound/incoming.ts';
import { Listener } from '../../src/inbound/listener.ts';
import type { TlsTexts } from '../../src/inbound/tls.ts';
import { Exchange } from '../../src/proxy/exchange.ts';
import { identify } from '../../src/proxy/identity.ts';
import type { Proxy } from '../../src/proxy/proxy.ts';
import { Catalogue, type Region } from '../../src/region/catalogue.ts';
import { Wheel } from '../../src/wire/wheel.ts';
import type { Certificate } from '../attack/certificate.ts';

const region = (index: number, id: string, cloudRegion: string) => ({ index, id, cloudRegion }) as Region;
export const CATALOGUE = new Catalogue([region(0, 'eu-west', 'eu-west-1'), region(1, 'us-east', 'us-east-1')]);

/** No source at all: a test names its own. */
export const RULES: IdentityRules = {
  headers: false,
  path: false,
  jwt: null,
  mtls: null,
  presignKey: null,
  trustRegionHeader: false,
  defaultClassification: null,
  aliases: new Map([['educational', 'identity']]),
  selfRegion: 0,
};

/** What became of a request: it was told who it is from, or refused. */
export interface Found {
  readonly status: number;
  readonly reason: string | null;
  readonly detail: string;
  readonly claims: Claims | null;
  /** As the dialect would see them. */
  readonly target: string;
  readonly headers: readonly string[];
  /** The connection ends with the answer. */
  readonly closing: boolean;
}

export interface Asked {
  readonly method?: string;
  readonly target?: string;
  /** Flat, beside Host. */
  readonly headers?: readonly string[];
  readonly body?: string;
  /** TLS: what the client shows. */
  readonly certificate?: Certificate;
  /** HTTP/2 over TLS. */
  readonly http2?: boolean;
}

export interface HostOptions {
  readonly tls?: TlsTexts;
  readonly service?: Service;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** A listener of which each request is identified, and told what was found. */
export class IdentityHost {
  rules: IdentityRules;
  readonly requests: Incoming[] = [];
  readonly #listener: Listener;
  readonly #wheel = new Wheel();
  readonly #tls: TlsTexts | null;
  #onRequest: (() => void) | null = null;

  private constructor(rules: IdentityRules, options: HostOptions) {
    this.rules = rules;
    this.#tls = options.tls ?? null;
    const { service = 'storage', now = Date.now } = options;
    this.#listener = new Listener(
      {
        name: 'listeners.storage',
        address: { host: '127.0.0.1', port: 0 },
        tls: this.#tls,
        connections: 100,
        wheel: this.#wheel,
        requestHeadTimeout: 10_000,
        idleTimeout: 10_000,
        keepAliveTimeout: 10_000,
        headBytes: 65_536,
        targetBytes: 8192,
        headers: 100,
      },
      (request) => {
        this.requests.push(request);
        const proxy = {
          snapshot: { rules: this.rules, catalogue: CATALOGUE },
          now,
          log: {
            error: (_: string, { error }: { error: unknown }) => {
              throw error;
            },
          },
        };
        const x = new Exchange(proxy as unknown as Proxy, service, request);
        identify(x, (x, refusal) => {
          const found: Found = {
            status: refusal?.status ?? 200,
            reason: refusal?.reason ?? null,
            detail: refusal?.detail ?? '',
            claims: x.claims,
            target: x.head.target,
            headers: x.head.headers,
            closing: request.closing,
          };
          const body = Buffer.from(JSON.stringify(found));
          request.writeHead(found.status, '', ['content-length', String(body.length)], body.length);
          request.write(body, 0, body.length);
          request.end([]);
        });
        this.#onRequest?.();
      },
      () => undefined,
      () => undefined,
    );
  }

  static async start(rules: Partial<IdentityRules>, options: HostOptions = {}): Promise<IdentityHost> {
    const host = new IdentityHost({ ...RULES, ...rules }, options);
    await host.#listener.listen();
    return host;
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Resolves when the next request has come in. */
  arrival(): Promise<void> {
    return new Promise((resolve) => (this.#onRequest = resolve));
  }

  async ask(asked: Asked): Promise<Found> {
    return asked.http2 === true ? this.#askHttp2(asked) : this.#askHttp1(asked);
  }

  async #askHttp1({ method = 'GET', target = '/bucket/key', headers = [], body, certificate }: Asked) {
    const options = {
      host: '127.0.0.1',
      port: this.port,
      method,
      path: target,
      headers: ['host', 'domicile', ...headers] as unknown as http.OutgoingHttpHeaders,
    };
    const request =
      this.#tls === null
        ? http.request({ ...options, agent: false })
        : https.request({ ...options, ...this.#shown(certificate), agent: false });
    if (body !== undefined) request.write(body);
    request.end();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    if (method === 'HEAD') return { status: response.statusCode } as Found;
    return JSON.parse(Buffer.concat(await response.toArray()).toString()) as Found;
  }

  async #askHttp2({ method = 'GET', target = '/bucket/key', headers = [], certificate }: Asked): Promise<Found> {
    const client = http2.connect(`https://127.0.0.1:${this.port}`, this.#shown(certificate));
    try {
      const fields: Record<string, string[]> = {};
      for (let i = 0; i < headers.length; i += 2) (fields[headers[i]!] ??= []).push(headers[i + 1]!);
      const flat = Object.fromEntries(
        Object.entries(fields).map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
      );
      const stream = client.request({ ...flat, ':method': method, ':path': target }, { endStream: true });
      return JSON.parse(Buffer.concat(await stream.toArray()).toString()) as Found;
    } finally {
      client.close();
    }
  }

  #shown(certificate: Certificate | undefined) {
    return { ca: this.#tls!.cert, ...(certificate && { cert: certificate.cert, key: certificate.key }) };
  }

  async stop(): Promise<void> {
    await this.#listener.close(0);
    this.#wheel.close();
  }
}
