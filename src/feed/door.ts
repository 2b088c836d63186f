import { once } from 'node:events';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import tls from 'node:tls';
import { bindError, bracketed, type Address } from '../wire/address.ts';
import { removeDeadSocket } from '../wire/dead-socket.ts';
import type { FeedLog } from './source.ts';

export interface DoorOptions {
  readonly listen: Address;
  /** PEM texts. With `clientCa`, clients must show a certificate that it signed. Null: plain. */
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa: string | null } | null;
  /** Connections at once; one more is closed as soon as it is accepted. */
  readonly connections: number;
  /** Milliseconds for a TLS handshake. */
  readonly handshake: number;
  readonly log: FeedLog;
  accept(socket: Socket): void;
}

/** Where clients of a feed come in. */
export class Door {
  readonly #options: DoorOptions;
  readonly #server: Server;
  /** Those that are still shaking hands too. */
  readonly #sockets = new Set<Socket>();

  constructor(options: DoorOptions) {
    const { tls: texts, log } = options;
    this.#options = options;
    const accept = (socket: Socket) => options.accept(socket);
    const limits = { noDelay: true };
    this.#server =
      texts === null
        ? net.createServer(limits, accept)
        : tls.createServer(
            {
              ...limits,
              cert: texts.cert,
              key: texts.key,
              minVersion: 'TLSv1.2',
              handshakeTimeout: options.handshake,
              ...(texts.clientCa === null ? {} : { ca: texts.clientCa, requestCert: true, rejectUnauthorized: true }),
            },
            accept,
          );
    this.#server.maxConnections = options.connections;
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('tlsClientError', (error: Error, socket: Socket) => {
      log.warn('a client of the feed failed at TLS', { why: error.message, address: socket.remoteAddress });
      socket.destroy(); // Node leaves that to us
    });
  }

  /**
   * Begins to accept. A Unix socket is open to this user alone; one that a dead process left behind is removed first.
   * @returns where clients find it, as `FeedClient` takes it
   * @throws Error in one line, with what to do
   */
  async open(): Promise<string> {
    const { listen } = this.#options;
    if ('path' in listen) await removeDeadSocket(listen.path);
    await this.#bind();
    if ('path' in listen) return `unix:${listen.path}`;
    return `https://${bracketed(listen.host)}:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #bind(): Promise<void> {
    const { listen, log } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const failed = (error: NodeJS.ErrnoException) => reject(bindError('feed', listen, error));
    this.#server.once('error', failed);
    // A socket is made with the mask of this moment, and its file must never be open to others, not even for one.
    const mask = 'path' in listen ? process.umask(0o177) : null;
    try {
      this.#server.listen('path' in listen ? listen : { ...listen, backlog: 1024 }, () => resolve());
    } finally {
      if (mask !== null) process.umask(mask);
    }
    await promise;
    this.#server.off('error', failed).on('error', (error) => {
      log.error('the feed could not accept a connection', { error });
    });
  }
}
