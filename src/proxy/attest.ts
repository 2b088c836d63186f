import type { Refusal } from '../core/refusal.ts';
import type { Exchange } from './exchange.ts';
import type { Departure } from './grants.ts';
import { rescue } from './rescue.ts';
import { takeConfirmation } from './steps.ts';

/**
 * Has the use of a grant or an override on record, durably, before a byte leaves. That may take a while, in which it may
 * be revoked: it is looked at once more. Calls `next` once, within the call for whatever rests on neither; not at all when
 * the client goes meanwhile.
 */
export function attest(x: Exchange, body: Buffer | null, refusal: Refusal | null, next: Departure): void {
  const { evidence } = x.proxy;
  if (refusal !== null || !evidence.mustBeDurable(x, null)) return next(x, body, refusal);
  evidence.secure(x, (_, failed) => {
    if (failed !== null) return next(x, body, failed);
    try {
      takeConfirmation(x, (_, gone) => next(x, body, gone));
    } catch (error) {
      rescue(x, error);
    }
  });
}
