import { connect, type Socket } from 'node:net';
import { randomOf, type Random } from './mutate.ts';

/** Of all requests, so many in a hundred are broken off by the client. */
const ABORTS = 5;
/** Milliseconds after which a connection that hears nothing is given up. */
const PATIENCE = 4000;
const HEAD = 'Host: 127.0.0.1\r\nX-Data-Classification: content\r\n';
const SMALL = Buffer.alloc(300, 'p').toString();
const LARGE = Buffer.alloc(200_000, 'q').toString();
const STATUS = /HTTP\/1\.1 (\d{3}) /;

/** What became of the requests. */
export interface Tally {
  asked: number;
  /** By status. */
  readonly answered: Map<number, number>;
  /** By the client, at random. */
  aborted: number;
  /** The connection ended before the answer was whole, where the client had not broken it off. */
  cut: number;
  /** Given up: no answer in time. There should be none. */
  hung: number;
}

/**
 * Many raw clients, one request after the other on each connection, at times several at once, at times broken off at any
 * stage. Goes on until so many requests have been asked.
 */
export class Clients {
  readonly tally: Tally = { asked: 0, answered: new Map(), aborted: 0, cut: 0, hung: 0 };
  readonly #port: number;
  readonly #random: Random;
  readonly #open = new Set<Client>();
  #most = 0;
  #due = Infinity;
  #done: (() => void) | null = null;

  constructor(port: number, seed: number) {
    this.#port = port;
    this.#random = randomOf(seed);
  }

  /**
   * Asks until `requests` have been asked in all, by so many connections, which then end.
   * @param due when it stops anyhow, on the clock of `performance.now`
   */
  async ask(requests: number, connections: number, due = Infinity): Promise<void> {
    this.#most = requests;
    this.#due = due;
    const over = new Promise<void>((resolve) => (this.#done = resolve));
    for (let i = 0; i < connections; i++) this.#connect();
    await over;
  }

  gone(client: Client): void {
    this.#open.delete(client);
    if (!this.enough) this.#connect();
    else if (this.#open.size === 0) this.#done!();
  }

  get enough(): boolean {
    return this.tally.asked >= this.#most || performance.now() >= this.#due;
  }

  #connect(): void {
    this.#open.add(new Client(this, this.#port, this.#random));
  }
}

/** One connection. */
class Client {
  readonly #clients: Clients;
  readonly #socket: Socket;
  readonly #random: Random;
  #text = '';
  /** Bytes of an answer's body still to come; -1: chunks; -2: until the end; null: a head. */
  #left: number | null = null;
  /** Asked and not answered. */
  #due = 0;
  #aborted = false;
  #over = false;

  constructor(clients: Clients, port: number, random: Random) {
    this.#clients = clients;
    this.#random = random;
    const socket = (this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }));
    socket.setTimeout(PATIENCE, () => {
      clients.tally.hung++;
      this.#aborted = true;
      socket.destroy();
    });
    socket.on('connect', () => this.#ask());
    socket.on('error', () => undefined); // `close` follows
    socket.setEncoding('latin1').on('data', (piece: string) => this.#read(piece));
    socket.on('end', () => {
      if (this.#left === -2) this.#answered();
      socket.end();
    });
    socket.on('close', () => {
      if (this.#due > 0 && !this.#aborted) clients.tally.cut += this.#due;
      this.#over = true;
      clients.gone(this);
    });
  }

  #ask(): void {
    const { tally } = this.#clients;
    const random = this.#random;
    if (this.#clients.enough || random(200) === 0) return void this.#socket.end();
    const several = random(10) === 0 ? 1 + random(4) : 1;
    let bytes = '';
    for (let i = 0; i < several; i++) bytes += this.#request();
    tally.asked += several;
    this.#due += several;
    if (random(100) >= ABORTS) return void this.#socket.write(bytes, 'latin1');
    tally.aborted += several;
    this.#aborted = true;
    this.#breakOff(bytes);
  }

  /** Resets, or ends its side, before, within or behind what it asks. */
  #breakOff(bytes: string): void {
    const socket = this.#socket;
    // While it ends in order it cannot be reset: Node says so by an error, and never closes it.
    const reset = () => (socket.writableEnded ? socket.destroy() : socket.resetAndDestroy());
    switch (this.#random(6)) {
      case 0:
        return void reset();
      case 1: // within the head
        return void socket.write(bytes.slice(0, 40), 'latin1', reset);
      case 2: // anywhere, and in order
        return void socket.end(bytes.slice(0, 1 + this.#random(bytes.length)), 'latin1');
      case 3: // behind it
        return void socket.write(bytes, 'latin1', reset);
      case 4: // while the answer comes
        socket.once('data', reset);
        return void socket.write(bytes, 'latin1');
      default: // asks all, says no more, and reads the answers
        return void socket.end(bytes, 'latin1');
    }
  }

  #request(): string {
    const random = this.#random;
    const tenant = random(5) === 0 ? 'nobody' : 'acme';
    const head = `/bucket/key HTTP/1.1\r\n${HEAD}X-Tenant-ID: ${tenant}\r\n`;
    const kind = random(20);
    if (kind < 12) return `GET ${head}\r\n`;
    const body = kind === 19 ? LARGE : SMALL;
    if (kind % 2 === 0) return `PUT ${head}Content-Length: ${body.length}\r\n\r\n${body}`;
    const half = body.length >> 1;
    const size = half.toString(16);
    const chunks = `${size}\r\n${body.slice(0, half)}\r\n${size}\r\n${body.slice(half)}\r\n0\r\n\r\n`;
    return `PUT ${head}Transfer-Encoding: chunked\r\n\r\n${chunks}`;
  }

  #read(piece: string): void {
    this.#text += piece;
    while (this.#text !== '' && !this.#over) {
      if (this.#left === null && !this.#readHead()) return;
      if (this.#left === -1) {
        const end = this.#text.indexOf('\r\n0\r\n\r\n');
        if (end < 0) {
          this.#text = this.#text.slice(-8);
          return;
        }
        this.#text = this.#text.slice(end + 7);
      } else if (this.#left === -2) {
        this.#text = '';
        return;
      } else {
        const taken = Math.min(this.#left!, this.#text.length);
        this.#left! -= taken;
        this.#text = this.#text.slice(taken);
        if (this.#left! > 0) return;
      }
      this.#answered();
    }
  }

  #readHead(): boolean {
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const head = this.#text.slice(0, end + 2);
    this.#text = this.#text.slice(end + 4);
    const status = Number(STATUS.exec(head)![1]);
    const { answered } = this.#clients.tally;
    answered.set(status, (answered.get(status) ?? 0) + 1);
    const length = /\r\ncontent-length: (\d+)\r\n/.exec(head)?.[1];
    this.#left = length === undefined ? (head.includes('transfer-encoding') ? -1 : -2) : Number(length);
    return true;
  }

  #answered(): void {
    this.#left = null;
    if (--this.#due === 0 && !this.#aborted) this.#ask();
  }
}
