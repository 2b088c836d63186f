import type { TenantDocument } from './documents.ts';
import { SERVER_LINE } from './protocol.ts';

/** Bytes of a document at most, so that with what is around it it fits in a line. */
const LONGEST = SERVER_LINE - 1024;

/** Tenants that are asked of the source at once. */
const BATCH = 500;

type Read = (tenants: readonly string[]) => Promise<readonly TenantDocument[]>;

interface Wanted {
  readonly tenant: string;
  readonly resolve: (text: string) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Documents as JSON texts, read once for all clients that ask at the same time: after a change they all do. What is asked
 * for in one turn is read as one.
 */
export class Reads {
  readonly #read: Read;
  /** Reads under way that began since the last `forget`. */
  #underWay = new Map<string, Promise<string>>();
  #wanted: Wanted[] = [];

  constructor(read: Read) {
    this.#read = read;
  }

  /** Rejects when the source does, or does not answer for this tenant. */
  text(tenant: string): Promise<string> {
    const underWay = this.#underWay.get(tenant);
    if (underWay !== undefined) return underWay;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    if (this.#wanted.length === 0) setImmediate(() => this.#begin());
    this.#wanted.push({ tenant, resolve, reject });
    const reads = this.#underWay;
    const ended = () => reads.delete(tenant);
    reads.set(tenant, promise);
    void promise.then(ended, ended);
    return promise;
  }

  /** Something has changed: what is asked for from now on is read anew. */
  forget(): void {
    this.#underWay = new Map();
  }

  #begin(): void {
    const wanted = this.#wanted;
    this.#wanted = [];
    for (let i = 0; i < wanted.length; i += BATCH) void this.#readAll(wanted.slice(i, i + BATCH));
  }

  async #readAll(wanted: readonly Wanted[]): Promise<void> {
    try {
      await this.#readSome(wanted);
    } catch (error) {
      // One tenant that cannot be read must not keep the others from being read.
      if (wanted.length === 1) return wanted[0]!.reject(error);
      for (const one of wanted) void this.#readAll([one]);
    }
  }

  async #readSome(wanted: readonly Wanted[]): Promise<void> {
    const documents = await this.#read([...new Set(wanted.map(({ tenant }) => tenant))]);
    const texts = new Map(documents.map((document) => [document.tenant, JSON.stringify(document)]));
    for (const { tenant, resolve, reject } of wanted) {
      const text = texts.get(tenant);
      if (text === undefined) reject(new Error('the source did not answer for it'));
      else if (Buffer.byteLength(text) > LONGEST) reject(new Error('its bundle is longer than the feed carries'));
      else resolve(text);
    }
  }
}
