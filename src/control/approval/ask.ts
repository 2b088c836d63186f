import type { Classification, Verb } from '../../core/vocabulary.ts';
import { sha256 } from './ids.ts';

/** What an access request asks for, as it was asked: the `body` of its row. Moments in milliseconds since the epoch. */
export interface AccessAsk {
  readonly tenantId: string;
  readonly requester: string;
  /** Who would use the grant. */
  readonly userId: string;
  /** Empty: all. So too for classifications. */
  readonly subjects: readonly string[];
  readonly classifications: readonly Classification[];
  readonly verbs: readonly Verb[];
  /** Glob; null: all. */
  readonly resource: string | null;
  readonly fromRegion: string;
  readonly toRegion: string;
  readonly notBefore: number | null;
  readonly notAfter: number | null;
  readonly durationMinutes: number | null;
  readonly maxUses: number | null;
  readonly legalBasis: string | null;
  readonly reason: string;
  readonly ticket: string | null;
  /** Of the store, when it was asked. */
  readonly policyRevision: number;
}

/** What an emergency override asks for. */
export interface OverrideAsk {
  readonly tenantId: string;
  readonly requester: string;
  /** Empty: all. */
  readonly subjects: readonly string[];
  readonly sourceRegion: string;
  readonly targetRegion: string;
  /** How long it lasts once it is in force, in milliseconds. */
  readonly durationMs: number;
  readonly reason: string;
  readonly ticket: string | null;
  readonly policyRevision: number;
}

/** The `body` of an override's row: what is asked for, and by whom it holds. */
export interface OverrideBody extends OverrideAsk {
  readonly approvedBy: readonly string[];
}

export function accessAskOf(body: string): AccessAsk {
  return JSON.parse(body) as AccessAsk;
}

export function overrideBodyOf(body: string): OverrideBody {
  return JSON.parse(body) as OverrideBody;
}

/** What approvals of an override bind: all of it but who approved. */
export function overrideHash(body: OverrideBody): string {
  const { approvedBy: _, ...asked } = body;
  return sha256(JSON.stringify(asked));
}
