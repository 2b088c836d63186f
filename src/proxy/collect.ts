import { header } from '../core/http.ts';
import { Refusal } from '../core/refusal.ts';
import { Gathered } from '../wire/gathered.ts';
import type { BodyTaker, Exchange } from './exchange.ts';

/**
 * Whether the body must be read before anything leaves: a guard looks into it, or SigV4 signs its hash and the client
 * sent none (every service but S3).
 */
export function needsWholeBody(x: Exchange): boolean {
  if (x.call!.body === 'inspect') return true;
  return x.place!.endpoint.authentication.kind === 'sigv4' && x.dialect!.id !== 's3' && x.hasBody;
}

type Done = (x: Exchange, body: Buffer | Refusal) => void;

/**
 * Reads the whole body, up to `limit` bytes; past it, `body_too_large_to_inspect`, at once where Content-Length tells.
 * Calls back exactly once, unless the client goes first: then there is nobody to answer.
 */
export function collect(x: Exchange, limit: number, done: Done): void {
  const { request } = x;
  if (request.length > limit || Number(header(x.head.headers, 'content-length') ?? 0) > limit)
    return done(x, tooLarge());
  if (!x.hasBody) return done(x, EMPTY);
  const whole = request.whole();
  if (whole !== null) {
    x.bytesIn = whole.length;
    return done(x, whole);
  }
  x.body = new Collector(x, limit, done);
  if (request.expects) request.writeContinue(); // only after an allow: the client has sent no byte of its body until then
  request.receive();
}

class Collector implements BodyTaker {
  readonly #x: Exchange;
  readonly #limit: number;
  readonly #done: Done;
  readonly #body: Gathered;

  constructor(x: Exchange, limit: number, done: Done) {
    this.#x = x;
    this.#limit = limit;
    this.#done = done;
    this.#body = new Gathered(Math.max(0, x.request.length));
  }

  data(bytes: Buffer, from: number, to: number): void {
    if (this.#body.length + to - from > this.#limit) this.#finish(tooLarge());
    else this.#body.add(bytes, from, to);
  }

  end(): void {
    this.#finish(this.#body.take());
  }

  failed(why: string, status: number): void {
    this.#finish(new Refusal('request_malformed', why, '', null, status));
  }

  #finish(body: Buffer | Refusal): void {
    const x = this.#x;
    x.body = null;
    if (!x.request.over) this.#done(x, body);
  }
}

function tooLarge(): Refusal {
  return new Refusal('body_too_large_to_inspect', 'The request body is larger than can be inspected.');
}

const EMPTY = Buffer.alloc(0);
