import { connect, type Socket } from 'node:net';
import { message, readHead } from '../load/message.ts';
import { GET_DOCUMENT } from '../requests.ts';

const POLICY = /\r\nx-residency-policy: *(\S+)/i;

/** One kept connection to a proxy's search listener, on a bare socket: one question at a time, of any tenant. */
class Asker {
  readonly #socket: Socket;
  readonly #host: string;
  #got: Buffer = Buffer.alloc(0);
  #settle: PromiseWithResolvers<string | null> | null = null;

  constructor(port: number) {
    this.#host = `127.0.0.1:${port}`;
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('data', (chunk) => this.#take(chunk));
    this.#socket.on('error', (error) => this.#settle?.reject(error));
    this.#socket.on('close', () => this.#settle?.reject(new Error(`${this.#host} closed the connection`)));
  }

  /** What the answer says decided, such as `acme-eu@3`; null: it was refused. */
  async ask(tenant: string): Promise<string | null> {
    this.#settle = Promise.withResolvers();
    const headers = { ...GET_DOCUMENT.headers, 'x-tenant-id': tenant };
    this.#socket.write(message({ ...GET_DOCUMENT, headers }, this.#host));
    return this.#settle.promise;
  }

  close(): void {
    this.#settle = null;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#got = Buffer.concat([this.#got, chunk]);
    const head = readHead(this.#got);
    if (head === null || this.#got.length < head.headBytes + head.bodyBytes) return;
    const text = this.#got.toString('latin1');
    this.#got = Buffer.alloc(0);
    this.#settle?.resolve(head.status === 200 ? (POLICY.exec(text)?.[1] ?? '') : null);
  }
}

/** Asks for each tenant once, so many at a time. @returns milliseconds that each took, and what decided each, as `Asker.ask` */
export async function askAll(
  port: number,
  tenants: readonly string[],
  atOnce: number,
): Promise<{ readonly milliseconds: number[]; readonly decided: ReadonlyMap<string, string | null> }> {
  const milliseconds: number[] = [];
  const decided = new Map<string, string | null>();
  let next = 0;
  const askers = Array.from({ length: atOnce }, () => new Asker(port));
  try {
    await Promise.all(
      askers.map(async (asker) => {
        while (next < tenants.length) {
          const tenant = tenants[next++]!;
          const began = performance.now();
          decided.set(tenant, await asker.ask(tenant));
          milliseconds.push(performance.now() - began);
        }
      }),
    );
  } finally {
    for (const asker of askers) asker.close();
  }
  return { milliseconds, decided };
}
