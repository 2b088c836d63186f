import type { Head } from '../core/http.ts';
import { Refusal } from '../core/refusal.ts';
import type { Classification } from '../core/vocabulary.ts';
import type { Claims, IdentityRules } from '../inbound/facts.ts';
import type { Incoming, Owner } from '../inbound/incoming.ts';
import type { Catalogue } from '../region/catalogue.ts';

/** Whose data this process sends, by its own word. */
export interface OwnClaims {
  readonly tenant: string;
  readonly classification: Classification;
  /** Id or cloud region that is asked for; null: the policy chooses. */
  readonly region: string | null;
}

/** How a request of our own was answered. */
export interface OwnAnswer {
  readonly status: number;
  /** `X-Residency-Reason`; a request that was decided always has one. */
  readonly reason: string;
  /** As much of the body as tells what went wrong: its first 4096 bytes. */
  readonly body: Buffer;
}

const KEPT_BYTES = 4096;

/**
 * A request that this process makes itself: what a connection would have brought, made up in memory. It is handled as
 * any other, so that it is decided, guarded, signed and recorded; only whose data it is about it states itself. No client
 * can send one.
 *
 *   const request = new OwnRequest(head, body, claims);
 *   handle(proxy, 'storage', request);
 *   const { status, reason } = await request.answer;
 */
export class OwnRequest implements Incoming {
  readonly version = '1.1';
  readonly head: Head;
  readonly certificate = null;
  readonly expects = false;
  readonly length: number;
  complete: boolean;
  broken = false;
  answered = false;
  over = false;
  closing = false;
  owner: Owner = NOBODY;
  /** Rejects when the answer broke off, or the request was abandoned. */
  readonly answer: Promise<OwnAnswer>;
  readonly #claims: OwnClaims;
  readonly #body: Buffer;
  readonly #settle: (answer: OwnAnswer | Error) => void;
  #status = 0;
  #reason = '';
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;

  /**
   * @param head in origin form, names in lower case, without `host` and `content-length`
   * @param body not changed until the answer is there
   */
  constructor(head: Head, body: Buffer, claims: OwnClaims) {
    const framing = ['host', 'localhost', 'content-length', String(body.length)];
    this.head = { method: head.method, target: head.target, headers: [...framing, ...head.headers] };
    this.length = body.length;
    this.complete = body.length === 0;
    this.#body = body;
    this.#claims = claims;
    const { promise, resolve, reject } = Promise.withResolvers<OwnAnswer>();
    this.answer = promise;
    this.#settle = (answer) => (answer instanceof Error ? reject(answer) : resolve(answer));
  }

  /** What it says of itself, in the words of the regions that are in force. */
  claims(rules: IdentityRules, catalogue: Catalogue): Claims | Refusal {
    const { tenant, classification, region } = this.#claims;
    const requestedRegion = region === null ? -1 : (catalogue.find(region)?.index ?? -1);
    if (region !== null && requestedRegion < 0)
      return new Refusal('region_unknown', 'The region asked for is not a known region.');
    return {
      tenant,
      classification,
      subject: null,
      user: null,
      requestedRegion,
      callerRegion: rules.selfRegion,
      grant: null,
      target: this.head.target,
    };
  }

  /** Gives it up, as a client that goes away. */
  abandon(): void {
    if (!this.complete) this.broken = true;
    this.#end(new Error('given up'));
  }

  receive(): void {
    if (this.over || this.complete) return;
    this.complete = true;
    this.owner.bodyData(this.#body, 0, this.#body.length);
    this.owner.bodyEnd([]);
  }

  pause(): void {}

  whole(): Buffer | null {
    if (this.over || this.complete) return null;
    this.complete = true;
    return this.#body;
  }

  writeContinue(): void {}

  writeInformation(): void {}

  writeHead(status: number, _phrase: string, headers: readonly string[]): void {
    this.answered = true;
    this.#status = status;
    for (let i = 0; i < headers.length; i += 2)
      if (headers[i] === 'x-residency-reason') this.#reason = headers[i + 1] as string;
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    const kept = Math.min(to - from, KEPT_BYTES - this.#keptBytes);
    if (kept > 0) {
      this.#kept.push(Buffer.from(bytes.subarray(from, from + kept)));
      this.#keptBytes += kept;
    }
    return true;
  }

  flush(): void {}

  end(): void {
    this.#end({ status: this.#status, reason: this.#reason, body: Buffer.concat(this.#kept) });
  }

  cut(): void {
    this.#end(new Error(`the answer broke off (${this.#reason || 'before its head'})`));
  }

  #end(answer: OwnAnswer | Error): void {
    if (this.over) return;
    this.over = true;
    this.owner.closed();
    this.#settle(answer);
  }
}

/** Until the proxy has taken it over. */
const NOBODY: Owner = {
  bodyData() {},
  bodyEnd() {},
  bodyFailed() {},
  drained() {},
  closed() {},
};
