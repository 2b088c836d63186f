import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { FeedClientOptions } from '../../src/feed/client.ts';
import { FeedClient } from '../../src/feed/client.ts';
import type { TenantDocument, WorldDocument } from '../../src/feed/documents.ts';
import { FeedServer, type FeedServerOptions } from '../../src/feed/server.ts';
import type { FeedSource } from '../../src/feed/source.ts';

/** Lines that were logged. */
export class Lines {
  readonly lines: { level: string; message: string; fields: Record<string, unknown> }[] = [];
  info = (message: string, fields = {}) => void this.lines.push({ level: 'info', message, fields });
  warn = (message: string, fields = {}) => void this.lines.push({ level: 'warn', message, fields });
  error = (message: string, fields = {}) => void this.lines.push({ level: 'error', message, fields });

  get text(): string {
    return JSON.stringify(this.lines, (_, value: unknown) => (value instanceof Error ? value.message : value));
  }
}

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'domicile-feed-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export interface Served {
  readonly server: FeedServer;
  readonly url: string;
  readonly log: Lines;
}

/** A server on a Unix socket, unless told otherwise; closed with the test. */
export async function serve(source: FeedSource, over: Partial<FeedServerOptions> = {}): Promise<Served> {
  const log = new Lines();
  const listen = { path: join(folder(), 'feed.sock') };
  const server = new FeedServer({ source, listen, tls: null, token: null, log, ...over });
  onTestFinished(() => server.close());
  return { server, url: await server.listen(), log };
}

/** A client that has begun, with what it was told; closed with the test. */
export class Rig {
  readonly log = new Lines();
  readonly dropped: (string | null)[] = [];
  readonly worlds: WorldDocument[] = [];
  readonly client: FeedClient;
  /** Called with what is dropped; may throw in `world`. */
  onDropped: (tenant: string | null) => void = () => {};
  onWorld: (world: WorldDocument) => void = () => {};

  constructor(url: string, over: Partial<FeedClientOptions> = {}) {
    this.client = new FeedClient({
      url,
      tls: { ca: null, cert: null, key: null },
      token: null,
      name: 'proxy-1',
      region: 'eu-west',
      version: '1.0.0',
      worker: null,
      bundles: 1000,
      negativeTtl: 60_000,
      lastGood: null,
      log: this.log,
      onDropped: (tenant) => {
        this.dropped.push(tenant);
        this.onDropped(tenant);
      },
      onWorld: (world) => {
        this.onWorld(world);
        this.worlds.push(world);
      },
      ...over,
    });
    onTestFinished(() => this.client.close());
    this.client.start();
  }

  fetch(tenant: string): Promise<TenantDocument | null> {
    const { promise, resolve, reject } = Promise.withResolvers<TenantDocument | null>();
    this.client.fetch(tenant, (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
    return promise;
  }

  take(...grants: string[]): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.client.take(grants, (taken) => resolve(taken));
    return promise;
  }

  /** Where a tenant is pinned, as far as it is known here. */
  pinned(tenant: string): string | null | undefined {
    const document = this.client.get(tenant);
    return document?.policies?.policies[0]?.primaryRegion ?? (document as null | undefined);
  }
}

export async function connected(url: string, over: Partial<FeedClientOptions> = {}): Promise<Rig> {
  const rig = new Rig(url, over);
  await until(
    () => rig.client.state().connected && rig.client.world !== null,
    () => rig.log.text,
  );
  return rig;
}

/** Looks again and again, for a bounded time. */
export async function until(holds: () => boolean, tell: () => string = () => '', bound = 10_000): Promise<void> {
  const end = performance.now() + bound;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`it did not come about in ${bound} ms: ${String(holds)} ${tell()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A relay of bytes that can be cut without a word: both ends stay connected, and nothing passes. */
export class Relay {
  readonly #server: Server;
  readonly #to: { path: string } | { host: string; port: number };
  readonly #sockets = new Set<Socket>();
  #cut = false;

  /** @param url of a feed */
  constructor(url: string) {
    this.#to = url.startsWith('unix:')
      ? { path: url.slice('unix:'.length) }
      : { host: '127.0.0.1', port: Number(new URL(url).port) };
    this.#server = createServer((near) => {
      const far = connect(this.#to);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.on('data', (chunk) => this.#cut || other.write(chunk));
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          if (!this.#cut) other.destroy();
        });
      }
    });
  }

  /** Returns where it listens: of the kind that it relays to. */
  async listen(): Promise<string> {
    const unix = 'path' in this.#to;
    const path = unix ? join(folder(), 'relay.sock') : '';
    if (unix) this.#server.listen(path);
    else this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    onTestFinished(() => this.close());
    return unix ? `unix:${path}` : `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What is sent from now on is lost. */
  cut(): void {
    this.#cut = true;
  }

  /** Connections are gone; new ones pass. */
  reset(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#cut = false;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Speaks to a feed by hand. */
export class Raw {
  readonly socket: Socket;
  #text = '';
  readonly messages: { type: string; [key: string]: unknown }[] = [];
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      const lines = (this.#text + text).split('\n');
      this.#text = lines.pop()!;
      for (const line of lines) this.messages.push(JSON.parse(line) as { type: string });
    });
    socket.on('error', () => {});
    socket.on('close', () => (this.closed = true));
    onTestFinished(() => void socket.destroy());
  }

  static to(url: string): Raw {
    return new Raw(connect({ path: url.slice('unix:'.length) }));
  }

  send(...messages: object[]): void {
    for (const message of messages) this.socket.write(`${JSON.stringify(message)}\n`);
  }

  of(type: string): { type: string; [key: string]: unknown }[] {
    return this.messages.filter((message) => message.type === type);
  }

  async next(type: string, count = 1): Promise<{ type: string; [key: string]: unknown }> {
    await until(
      () => this.of(type).length >= count || this.closed,
      () => JSON.stringify(this.messages).slice(0, 2000),
    );
    const found = this.of(type)[count - 1];
    if (found === undefined) throw new Error(`closed without ${type}: ${JSON.stringify(this.messages).slice(0, 2000)}`);
    return found;
  }
}

export const HELLO = {
  type: 'hello',
  protocol: 1,
  name: 'proxy-1',
  region: 'eu-west',
  version: '1.0.0',
  worker: null,
  token: null,
};
