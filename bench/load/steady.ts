import { connect, type Socket } from 'node:net';
import type { Request } from '../requests.ts';
import type { Load } from './load.ts';
import { message, readHead } from './message.ts';

/** Longest sleep between two looks at the sockets, in milliseconds: what the latencies are blurred by. */
const NAP = 0.1;

/**
 * An open loop: `rate` requests a second, evenly, whatever becomes of them. A latency counts from the moment at which
 * the request was due, so a peer that stalls is charged for what it kept waiting (G. Tene, "How NOT to measure latency").
 * @throws Error when an answer has another status, a connection ends, or not all are answered ten seconds late
 */
export async function steady(
  url: string,
  request: Request,
  connections: number,
  rate: number,
  seconds: number,
): Promise<Load> {
  const { host, hostname, port } = new URL(url);
  const bytes = message(request, host);
  const latencies = new Float64Array(Math.ceil(rate * seconds));
  let done = 0;
  let failure: Error | null = null;
  const idle: Connection[] = [];
  const all = Array.from({ length: connections }, () => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const connection = new Connection(socket, bytes, request.status, (due) => {
      latencies[done++] = performance.now() - due;
      idle.push(connection);
    });
    socket.on('connect', () => idle.push(connection));
    socket.on('error', (error) => (failure = error));
    socket.on('close', () => (failure ??= new Error(`${url} closed a connection`)));
    return connection;
  });

  const began = performance.now() + 100; // by then all are connected
  const until = began + seconds * 1000 + 10_000;
  const bell = new Int32Array(new SharedArrayBuffer(4));
  let sent = 0;
  for (let now = performance.now(); done < latencies.length && now < until; now = performance.now()) {
    if (failure !== null) throw failure;
    let due = began + (sent * 1000) / rate;
    while (due <= now && sent < latencies.length && idle.length > 0) {
      idle.shift()!.send(due);
      due = began + (++sent * 1000) / rate;
    }
    // Not a timer of the event loop: it would round to whole milliseconds and send in bursts.
    const nap = idle.length === 0 ? NAP : Math.min(NAP, due - performance.now());
    if (nap > 0) Atomics.wait(bell, 0, 0, nap);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const connection of all) connection.close();
  if (done < latencies.length) throw new Error(`${url}: ${done} of ${latencies.length} were answered at ${rate}/s`);
  const sorted = latencies.toSorted();
  const percentile = (share: number) => sorted[Math.floor(share * (done - 1))]! * 1000;
  return { requests: done, p50: percentile(0.5), p99: percentile(0.99) };
}

/** One request at a time. */
class Connection {
  readonly #socket: Socket;
  readonly #message: Buffer;
  #due = 0;
  #got: Buffer | null = null;

  constructor(socket: Socket, message: Buffer, status: number, answered: (due: number) => void) {
    this.#socket = socket;
    this.#message = message;
    socket.on('data', (chunk) => {
      this.#got = this.#got === null ? chunk : Buffer.concat([this.#got, chunk]);
      const head = readHead(this.#got);
      if (head === null || this.#got.length < head.headBytes + head.bodyBytes) return;
      this.#got = null;
      if (head.status === status) answered(this.#due);
      else socket.destroy(new Error(`${head.status} was answered, where ${status} was expected`));
    });
  }

  send(due: number): void {
    this.#due = due;
    this.#socket.write(this.#message);
  }

  close(): void {
    this.#socket.destroy();
  }
}
