import type { FromClient, FromServer } from './protocol.ts';
import type { GrantCount } from './source.ts';

/** Milliseconds that the control plane has to answer. */
const PATIENCE = 1000;

/** @param counts uses of each grant asked for, after it; none where there was no answer */
export type Taken = (taken: boolean, counts: readonly GrantCount[]) => void;

interface Waiting {
  readonly done: Taken;
  readonly timer: NodeJS.Timeout;
}

/** Uses of grants that are asked for. What is not known to be taken is not; an answer that comes too late is lost. */
export class Takes {
  readonly #send: (message: FromClient) => boolean;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  /** @param send false: there is nobody to send it to */
  constructor(send: (message: FromClient) => boolean) {
    this.#send = send;
  }

  take(grants: readonly string[], done: Taken): void {
    const id = ++this.#asked;
    if (!this.#send({ type: 'take', id, grants: [...grants] })) return done(false, []);
    const timer = setTimeout(() => this.#settle(id, false, []), PATIENCE);
    this.#waiting.set(id, { done, timer });
  }

  answered({ id, taken, counts }: Extract<FromServer, { type: 'taken' }>): void {
    this.#settle(id, taken, counts);
  }

  /** The server is gone. */
  fail(): void {
    for (const id of this.#waiting.keys()) this.#settle(id, false, []);
  }

  #settle(id: number, taken: boolean, counts: readonly GrantCount[]): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.done(taken, counts);
  }
}
