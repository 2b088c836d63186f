import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { RequestHandler } from '../../src/inbound/incoming.ts';
import { Listener } from '../../src/inbound/listener.ts';
import type { TlsTexts } from '../../src/inbound/tls.ts';
import { Wheel } from '../../src/wire/wheel.ts';
import { fieldOf, parseAnswers, type Answer } from '../attack/answers.ts';
import { SEEN } from './describer.ts';
import type { Bounds, Seen } from './reference.ts';

/** Limits as the defaults of the configuration. */
export const BOUNDS: Bounds = { headBytes: 16_384, headers: 100, targetBytes: 8192 };

export interface Engine {
  /**
   * Sends the pieces on a connection of their own, so that each is a read of its own, ends that side, and gives all that
   * was said until the other has ended too.
   */
  converse(...pieces: readonly Buffer[]): Promise<Buffer>;
  readonly port: number;
  close(): Promise<void>;
}

/** Milliseconds without a byte after which a conversation hangs. */
const PATIENCE = 5000;

/** The engine as it is served: a listener on a port of its own. */
export async function startEngine(handler: RequestHandler, tls: TlsTexts | null = null): Promise<Engine> {
  const wheel = new Wheel();
  const errors: Error[] = [];
  const listener = new Listener(
    {
      name: 'wire',
      address: { host: '127.0.0.1', port: 0 },
      tls,
      wheel,
      requestHeadTimeout: 60_000,
      idleTimeout: 60_000,
      keepAliveTimeout: 60_000,
      ...BOUNDS,
      connections: 10_000,
    },
    handler,
    () => undefined,
    (error) => errors.push(error),
  );
  await listener.listen();
  const { port } = listener;
  const open = () =>
    tls === null
      ? connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
      : connectTls({ port, host: '127.0.0.1', ca: tls.cert, allowHalfOpen: true } as object);
  return {
    port,
    converse: (...pieces) => converse(open(), tls === null ? 'connect' : 'secureConnect', pieces),
    async close() {
      await listener.close(0);
      wheel.close();
      if (errors.length > 0) throw new AggregateError(errors);
    },
  };
}

async function converse(socket: Socket, opened: string, pieces: readonly Buffer[]): Promise<Buffer> {
  const said: Buffer[] = [];
  let hangs = false;
  let closed = false;
  socket.on('data', (chunk: Buffer) => said.push(chunk));
  socket.on('error', () => undefined); // a reset ends it as well as anything: what was said is what counts
  socket.once('close', () => (closed = true));
  socket.setTimeout(PATIENCE, () => {
    hangs = true;
    socket.destroy();
  });
  await once(socket, opened);
  for (const [i, piece] of pieces.entries()) {
    if (i > 0) await turns(3);
    if (!socket.destroyed) socket.write(piece);
  }
  if (!socket.destroyed) socket.end();
  if (!closed) await once(socket, 'close');
  if (hangs) throw new Error(`no end after ${JSON.stringify(Buffer.concat(said).toString('latin1'))}`);
  return Buffer.concat(said);
}

/** Loopback: what was written has been read after a turn, or two where the connection is new. */
async function turns(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** What an engine said, understood. */
export interface Outcome {
  /** Final answers. */
  readonly answers: readonly Answer[];
  readonly accepted: readonly Seen[];
  /** The last of the accepted kept its connection. */
  readonly keptAlive: boolean;
}

/** @throws Error when that is not whole answers, or one goes on behind a refusal */
export function outcomeOf(said: Buffer): Outcome {
  const seen = (answer: Answer) => {
    const field = fieldOf(answer, SEEN);
    return field === null ? [] : [JSON.parse(field) as Seen];
  };
  // What answers a HEAD has no body, and only its own head tells.
  const methods = [...said.toString('latin1').matchAll(new RegExp(`\r\n${SEEN}: ([^\r]*)`, 'g'))].map(
    ([, field]) => (JSON.parse(field!) as Seen).method,
  );
  const answers = parseAnswers(said, methods).filter(({ status }) => status >= 200);
  const accepted = answers.flatMap(seen);
  const last = answers[accepted.length - 1];
  for (const answer of answers.slice(0, -1)) {
    if (fieldOf(answer, 'connection') === 'close') throw new Error('an answer behind one that ends the connection');
  }
  return { answers, accepted, keptAlive: last === undefined || fieldOf(last, 'connection') !== 'close' };
}

/** What was said, but for what differs from one time to the next. */
export function masked(said: Buffer): string {
  return said.toString('latin1').replaceAll(/\r\n(?:date|x-request-id): [^\r]*/g, '');
}
