import { createHash } from 'node:crypto';
import type { Change, Db, Store } from '../store/store.ts';
import { answerUnder, keepAnswer, KEPT } from '../store/idempotency.ts';
import { unprocessable } from './call.ts';
import type { Principal } from './principal.ts';
import { ApiError } from './problem.ts';
import type { Answer } from './route.ts';

/** 1 to 255 visible ASCII characters. */
export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * The Idempotency-Key of a request (API.md, "Shapes"): a change that is asked for again with the same key, by the same
 * principal on the same path within 24 hours, is not done again, and gets the answer of the first. Only changes that were done are kept:
 * after a refusal the same request is looked at anew.
 */
export class Idempotency {
  readonly #slot: { readonly principal: string; readonly path: string; readonly key: string } | null;
  readonly #bodyHash: string;

  /** @param key value of the header, null without one @throws ApiError 400 for one that cannot be a key */
  constructor(key: string | null, principal: Principal | null, path: string, body: Buffer) {
    if (key !== null && !IDEMPOTENCY_KEY.test(key))
      throw new ApiError(400, 'Bad header', 'Idempotency-Key must be 1 to 255 visible ASCII characters');
    // A person of two tenants is two principals here: the answer of the one is not for the other.
    const who = principal === null ? '' : JSON.stringify([principal.subject, principal.tenant]);
    this.#slot = key === null || principal === null ? null : { principal: who, path, key };
    this.#bodyHash = createHash('sha256').update(body).digest('hex');
  }

  /** The answer that the same request got before, or null. @throws ApiError 422 when the request was another */
  async answered(store: Store): Promise<Answer | null> {
    return this.#slot === null ? null : this.#before(store.db, await store.now());
  }

  async #before(db: Db, now: number): Promise<Answer | null> {
    if (this.#slot === null) return null;
    const kept = await answerUnder(db, this.#slot, now - KEPT);
    if (kept === null) return null;
    if (kept.bodyHash !== this.#bodyHash)
      throw unprocessable('this Idempotency-Key was sent with another body: take a new key for a new request');
    return JSON.parse(kept.answer) as Answer;
  }

  /** Does the work, unless it was done; its answer is kept in the same transaction. */
  async once(change: Change, work: (change: Change) => Promise<Answer>): Promise<Answer> {
    const before = await this.#before(change.db, change.now);
    if (before !== null) return before;
    const answer = await work(change);
    if (this.#slot !== null)
      await keepAnswer(change, this.#slot, {
        bodyHash: this.#bodyHash,
        status: answer.status ?? 200,
        answer: JSON.stringify(answer),
      });
    return answer;
  }
}
