import type { Socket } from 'node:net';
import { Lines } from './lines.ts';
import { encoded, fromServer, ProtocolError, SERVER_LINE, type FromClient, type FromServer } from './protocol.ts';
import { open, targetOf, type ClientTls, type Target } from './target.ts';

export interface ConnectionOptions {
  readonly url: string;
  readonly tls: ClientTls;
  /** The server can be spoken to. */
  onOpen(): void;
  onMessage(message: FromServer): void;
  /** It is gone; another try is made by itself. Told once for every try. @param error in words */
  onLost(error: string): void;
}

/** Milliseconds: of the first tries to connect again, and at most between two. */
const FIRST = 50;
const LAST = 5000;
/** Milliseconds for a connection to come up, and without a word from the server: three beats that did not come. */
const CONNECT = 5000;
const QUIET = 6000;
/** Bytes that may wait to be sent: a server that does not read is left. */
const UNSENT = 8 << 20;

/** A connection to a feed, made again whenever it is lost: at once, then after longer and longer, at random. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #target: Target;
  #socket: Socket | null = null;
  #up = false;
  #tries = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  /** @throws Error in one line, where `url` is none of a feed */
  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#target = targetOf(options.url);
  }

  start(): void {
    this.#connect();
  }

  /** False: there is nobody to send it to. */
  send(message: FromClient): boolean {
    const socket = this.#socket;
    if (socket === null || !this.#up) return false;
    socket.write(encoded(message));
    if (socket.writableLength > UNSENT) this.drop('the server does not read');
    return true;
  }

  /** The server has proven to be of use: when it is lost, it is tried again at once. */
  settled(): void {
    this.#tries = 0;
  }

  /** Leaves this server, as if it had gone. */
  drop(why: string): void {
    const socket = this.#socket;
    if (socket === null) return;
    this.#socket = null;
    this.#up = false;
    socket.destroy();
    this.#options.onLost(why);
    if (!this.#closed) this.#again();
  }

  /** Sends what there is to send, and ends. Resolves within a second. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const socket = this.#socket;
    if (socket === null) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const bound = setTimeout(resolve, 1000);
    socket.end(() => resolve());
    await promise;
    clearTimeout(bound);
    this.drop('closed');
  }

  #connect(): void {
    const lines = new Lines(SERVER_LINE);
    const mine = () => this.#socket === socket;
    let heardAt = performance.now();
    const socket: Socket = open(this.#target, this.#options.tls, () => {
      if (!mine()) return;
      this.#up = true;
      // Not the socket's own timeout, which what we send puts off.
      heardAt = performance.now();
      socket.setTimeout(0);
      const watch = setInterval(() => {
        if (mine() && performance.now() - heardAt > QUIET) this.drop('nothing was heard of it');
      }, QUIET / 6);
      socket.once('close', () => clearInterval(watch));
      this.#options.onOpen();
    });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setTimeout(CONNECT);
    socket.on('timeout', () => mine() && this.drop('it does not answer'));
    socket.on('error', (error) => mine() && this.drop(error.message));
    socket.on('close', () => mine() && this.drop('it closed the connection'));
    socket.on('data', (chunk) => {
      if (!mine()) return;
      heardAt = performance.now();
      try {
        lines.take(chunk, (line) => {
          this.#options.onMessage(fromServer(line));
          return mine();
        });
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.drop(`it does not keep to the protocol: ${error.message}`);
      }
    });
  }

  #again(): void {
    const most = Math.min(LAST, FIRST * 2 ** this.#tries);
    this.#tries++;
    // Half of it at least, so that many that were lost at once do not come back at once.
    this.#timer = setTimeout(() => this.#connect(), most / 2 + (Math.random() * most) / 2);
  }
}
