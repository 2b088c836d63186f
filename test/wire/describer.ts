import { STATUS_CODES } from 'node:http';
import { header } from '../../src/core/http.ts';
import type { Refusal } from '../../src/core/refusal.ts';
import { checkFraming, type HeadLimits } from '../../src/inbound/framing.ts';
import type { Incoming, Owner, RequestHandler } from '../../src/inbound/incoming.ts';
import type { Seen } from './reference.ts';

/** How the handler goes about it. */
export interface Temper {
  /**
   * When it acts: within the call that tells it something, or on a later turn of the event loop; `early`: it answers
   * the head, within the call, and never reads the body.
   */
  readonly when: 'at once' | 'later' | 'early';
  /** It holds the body back after each piece, for a turn. */
  readonly fitful: boolean;
}

const NOTHING: readonly string[] = [];
const BODY = Buffer.from('seen\n');
/** The field of an answer that tells what the request was. */
export const SEEN = 'x-seen';

/**
 * Stands where the proxy stands: refuses what the framing check refuses, reads the body, and answers with what it was
 * given.
 */
export function describer(
  limits: HeadLimits,
  temper: Temper,
  told: (seen: Seen) => void = () => undefined,
): RequestHandler {
  return (request) => {
    const reader = new Reader(request, temper, told);
    request.owner = reader;
    const refusal = checkFraming(request.head, request.version, limits);
    if (refusal !== null) reader.refuse(refusal);
    else reader.begin();
  };
}

class Reader implements Owner {
  readonly #request: Incoming;
  readonly #temper: Temper;
  readonly #told: (seen: Seen) => void;
  readonly #body: Buffer[] = [];
  #ended = false;
  #closed = false;

  constructor(request: Incoming, temper: Temper, told: (seen: Seen) => void) {
    this.#request = request;
    this.#temper = temper;
    this.#told = told;
  }

  begin(): void {
    if (this.#temper.when === 'early') this.#end(NOTHING);
    else this.#act(() => this.#read());
  }

  #read(): void {
    const request = this.#request;
    const whole = request.whole();
    if (whole !== null) {
      if (!request.complete) throw new Error('a whole body is not complete');
      this.bodyData(whole, 0, whole.length);
    } else if (request.expects) request.writeContinue();
    if (request.complete) this.bodyEnd(NOTHING);
    else request.receive();
  }

  #act(then: () => void): void {
    if (this.#temper.when === 'later') setImmediate(then);
    else then();
  }

  refuse({ status, reason }: Pick<Refusal, 'status' | 'reason'>): void {
    const request = this.#request;
    if (request.answered || request.over) return;
    request.closing = true;
    request.writeHead(status, STATUS_CODES[status]!, ['x-residency-reason', reason, 'content-length', '0'], 0);
    request.end(NOTHING);
  }

  bodyData(bytes: Buffer, from: number, to: number): void {
    this.#mustBeOpen();
    this.#body.push(Buffer.from(bytes.subarray(from, to)));
    if (!this.#temper.fitful || this.#request.complete) return;
    this.#request.pause();
    setImmediate(() => this.#request.receive());
  }

  bodyEnd(trailers: readonly string[]): void {
    this.#mustBeOpen();
    this.#end(trailers);
  }

  bodyFailed(_why: string, status: number): void {
    this.#mustBeOpen();
    this.#ended = true;
    this.#act(() => this.refuse({ status, reason: 'request_malformed' }));
  }

  drained(): void {}

  closed(): void {
    if (this.#closed) throw new Error('closed was told twice');
    this.#closed = true;
  }

  #end(trailers: readonly string[]): void {
    this.#ended = true;
    const { version, head } = this.#request;
    const body = Buffer.concat(this.#body).toString('latin1');
    const seen: Seen = { version, ...head, headers: [...head.headers], body, trailers: [...trailers] };
    this.#told(seen);
    this.#act(() => this.#answer(seen));
  }

  #answer(seen: Seen): void {
    const request = this.#request;
    // JSON leaves no line end as it is.
    const fields = [SEEN, JSON.stringify(seen), 'content-length', String(BODY.length)];
    request.writeHead(200, 'OK', fields, BODY.length);
    request.write(BODY, 0, BODY.length);
    request.end(NOTHING);
  }

  #mustBeOpen(): void {
    if (this.#ended || this.#closed) throw new Error('the body went on after its end');
    const told = header(this.#request.head.headers, 'content-length');
    if (told === null || this.#request.length === Number(told)) return;
    throw new Error(`the engine takes ${told} for ${this.#request.length} bytes`);
  }
}
