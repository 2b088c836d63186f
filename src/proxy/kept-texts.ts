import { quoted } from '../audit/ascii.ts';
import { keptText } from '../audit/entry-text.ts';
import type { Effect, Reason } from '../core/reasons.ts';
import type { Classification, DialectId, Service, Verb } from '../core/vocabulary.ts';
import type { Policy, TransferEvidence } from '../policy/model.ts';
import type { AuditMode } from '../telemetry/audit.ts';
import type { Exchange } from './exchange.ts';
import { listWithin } from './within.ts';

/** What of a record is the same for many requests. */
interface Kept {
  readonly mode: AuditMode;
  readonly service: Service;
  readonly dialect: DialectId | null;
  readonly verb: Verb | null;
  readonly classification: Classification | null;
  readonly caller: string | null;
  readonly target: string | null;
  readonly effect: Effect;
  readonly reason: Reason;
  readonly status: number;
  readonly upstreamStatus: number;
  /** Milliseconds since the epoch: before it this is so, for then transfer evidence ends. */
  readonly until: number;
  readonly text: Uint8Array;
}

/** Texts kept of one operation under one policy: classes, regions and reasons are few. More are made each time. */
const AT_MOST = 64;

const FRAMEWORKS_BYTES = 1024;
const BASES_BYTES = 4096;

/** Stands for the policy of requests that none was found for. */
const NONE = {};

/** The part of a record that says what was decided on what, by policy and operation. It goes when its policy does. */
export class KeptTexts {
  readonly #byPolicy = new WeakMap<Policy | typeof NONE, Map<string, Kept[]>>();

  of(x: Exchange, mode: AuditMode, reason: Reason, effect: Effect): Uint8Array {
    const policy = x.decision?.policy ?? null;
    const { service, claims, call, status, upstreamStatus } = x;
    const dialect = x.dialect === null ? null : x.dialect.id;
    const operation = call === null ? '' : call.operation;
    const verb = call === null ? null : call.verb;
    const classification = claims === null ? null : claims.classification;
    const caller = claims === null ? null : (x.snapshot.catalogue.regions[claims.callerRegion]?.id ?? null);
    const target = x.place === null ? null : x.place.region.id;
    const known = this.#known(policy ?? NONE, operation);
    for (let i = 0; i < known.length; i++) {
      const kept = known[i] as Kept;
      if (
        kept.reason === reason &&
        kept.status === status &&
        kept.upstreamStatus === upstreamStatus &&
        kept.classification === classification &&
        kept.target === target &&
        kept.caller === caller &&
        kept.effect === effect &&
        kept.verb === verb &&
        kept.mode === mode &&
        kept.dialect === dialect &&
        kept.service === service &&
        x.now < kept.until
      )
        return kept.text;
    }
    let text = `,"service":"${service}"`;
    if (dialect !== null) text += `,"dialect":"${dialect}"`;
    if (verb !== null) text += `,"verb":"${verb}","operation":${quoted(operation)}`;
    if (classification !== null) text += `,"classification":"${classification}"`;
    if (caller !== null) text += `,"caller_region":"${caller}"`;
    if (target !== null) text += `,"target_region":"${target}"`;
    text += `,"effect":"${effect}","reason":"${reason}"`;
    if (mode !== 'batch') text += `,"mode":"${mode}"`;
    const relied = policy === null || !isTransfer(x) ? [] : inForce(policy, x.now);
    if (policy !== null) text += policyText(policy, relied);
    text += statusText(x);
    const said = { mode, service, dialect, verb, classification, caller, target, effect, reason };
    const until = Math.min(...relied.map(({ validUntil }) => validUntil ?? Infinity));
    const kept = { ...said, status, upstreamStatus, until, text: keptText(text) };
    if (known.length < AT_MOST) known.push(kept);
    return kept.text;
  }

  #known(policy: Policy | typeof NONE, operation: string): Kept[] {
    let operations = this.#byPolicy.get(policy);
    if (operations === undefined) this.#byPolicy.set(policy, (operations = new Map()));
    let known = operations.get(operation);
    if (known === undefined) operations.set(operation, (known = []));
    return known;
  }
}

/** What was answered, here and, where that differs, by the upstream; and the key of what comes next. */
export function statusText({ status, upstreamStatus }: Exchange): string {
  const ours = status === 0 ? '' : `,"status":${status}`;
  const differs = upstreamStatus !== 0 && upstreamStatus !== status;
  return `${ours}${differs ? `,"upstream_status":${upstreamStatus}` : ''},"bytes_out":`;
}

/** Transfer evidence of a policy that is not past. */
function inForce({ transferEvidence }: Policy, now: number): readonly TransferEvidence[] {
  return transferEvidence.filter(({ validUntil }) => validUntil === null || now < validUntil);
}

function policyText(policy: Policy, relied: readonly TransferEvidence[]): string {
  const { complianceFrameworks, dataRetentionDays } = policy;
  let text = `,"policy":${quoted(policy.id)},"policy_revision":${policy.revision}`;
  if (complianceFrameworks.length > 0) text += `,"frameworks":${listWithin(complianceFrameworks, FRAMEWORKS_BYTES)}`;
  if (dataRetentionDays !== null) text += `,"retention_days":${dataRetentionDays}`;
  if (relied.length > 0) {
    const bases = relied.map(({ regime, mechanism, reference }) => `${regime}: ${mechanism} ${reference}`.trimEnd());
    text += `,"legal_basis":${listWithin(bases, BASES_BYTES)}`;
  }
  return text;
}

/** Whether data goes from one country to another. */
function isTransfer({ claims, place, snapshot }: Exchange): boolean {
  if (claims === null || place === null) return false;
  return snapshot.catalogue.regions[claims.callerRegion]?.country !== place.region.country;
}
