import type { LookupAddress, LookupOptions } from 'node:dns';
import type { Wheel } from '../../wire/wheel.ts';
import type { Lookup, LookupCallback } from '../egress.ts';

/** Milliseconds that a failed look-up is remembered. */
const FAILURE_TTL = 1000;

/**
 * The addresses of one name, remembered for a while: `lookup` is what `net.connect` takes. However many ask, one look-up
 * is under way at a time.
 */
export class Resolver {
  readonly #ask: Lookup;
  readonly #wheel: Wheel;
  readonly #ttl: number;
  readonly #waiting: [LookupOptions, LookupCallback][] = [];
  #addresses: readonly LookupAddress[] = [];
  #error: NodeJS.ErrnoException | null = null;
  #until = -Infinity;
  #turn = 0;

  /** @param ttl milliseconds */
  constructor(ask: Lookup, wheel: Wheel, ttl: number) {
    this.#ask = ask;
    this.#wheel = wheel;
    this.#ttl = ttl;
  }

  readonly lookup = (hostname: string, options: LookupOptions, callback: LookupCallback): void => {
    if (this.#wheel.now < this.#until) return this.#answer(options, callback);
    if (this.#waiting.push([options, callback]) > 1) return;
    this.#ask(hostname, { all: true }, (error, addresses) => {
      this.#addresses = error === null ? (addresses as LookupAddress[]) : [];
      this.#error = error ?? (this.#addresses.length > 0 ? null : noAddress(hostname));
      this.#until = this.#wheel.now + (this.#error === null ? this.#ttl : Math.min(this.#ttl, FAILURE_TTL));
      for (const [asked, told] of this.#waiting.splice(0)) this.#answer(asked, told);
    });
  };

  /** Who wants a single address gets them in turn, so that one that is dead does not stand for all. */
  #answer(options: LookupOptions, callback: LookupCallback): void {
    if (this.#error !== null) return callback(this.#error, '', 0);
    if (options.all === true) return callback(null, [...this.#addresses]);
    const { address, family } = this.#addresses[this.#turn++ % this.#addresses.length]!;
    callback(null, address, family);
  }
}

function noAddress(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' });
}
