import type { Transform } from 'node:stream';
import type { Call } from '../outbound/call.ts';
import { copied } from '../wire/copied.ts';
import type { BodyTaker, Exchange } from './exchange.ts';
import { passable } from './trailers.ts';

/**
 * The client's body on its way upstream as it comes, with backpressure: when the upstream is slow the client is not read.
 * It begins when the upstream's connection is there, so that a client that waits for 100 Continue is not asked before.
 */
export class Upload implements BodyTaker {
  readonly #x: Exchange;
  readonly #filter: Transform | null;
  #call: Call | null = null;

  /** @param filter what the body goes through, where the dialect frames it anew */
  constructor(x: Exchange, filter: Transform | null) {
    this.#x = x;
    this.#filter = filter;
    if (filter !== null) this.#pipe(filter);
  }

  /** The upstream takes the body from now on. */
  begin(call: Call): void {
    this.#call = call;
    const { request } = this.#x;
    if (request.expects) request.writeContinue();
    request.receive();
  }

  data(bytes: Buffer, from: number, to: number): void {
    const taken =
      this.#filter === null ? this.#call!.write(bytes, from, to) : this.#filter.write(copied(bytes, from, to));
    if (!taken) this.#x.request.pause();
  }

  /** The upstream has taken what it was given. */
  drained(): void {
    if (this.#filter === null) this.#x.request.receive();
    else this.#filter.resume();
  }

  end(trailers: readonly string[]): void {
    if (this.#filter === null) this.#call!.end(passable(trailers));
    else this.#filter.end();
  }

  /** A body that breaks off, or whose framing is wrong, must not look whole to the upstream. */
  failed(why: string, status: number): void {
    this.#x.answer?.bodyFailed(why, status);
  }

  /** Nobody wants the rest. */
  stop(): void {
    this.#x.body = null;
    this.#filter?.destroy();
  }

  #pipe(filter: Transform): void {
    filter.on('data', (chunk: Buffer) => {
      if (!this.#call!.write(chunk, 0, chunk.length)) filter.pause();
    });
    filter.on('drain', () => this.#x.request.receive());
    filter.on('end', () => this.#call!.end([]));
    filter.on('error', (error) => this.failed(error.message, 400));
  }
}
