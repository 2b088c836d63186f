import { createHash } from 'node:crypto';
import { quoted } from '../audit/ascii.ts';
import { keptText, type EntryText } from '../audit/entry-text.ts';
import { pseudonym } from '../audit/pseudonym.ts';
import type { Effect, Reason } from '../core/reasons.ts';
import type { Service } from '../core/vocabulary.ts';
import type { Decision, Grant } from '../policy/model.ts';
import type { AuditMode } from '../telemetry/audit.ts';
import type { Exchange } from './exchange.ts';
import { KeptTexts, statusText } from './kept-texts.ts';
import { listWithin, within } from './within.ts';

/** How people and resources are named in records. */
export interface Pseudonyms {
  readonly key: string;
  readonly subject: boolean;
  readonly resource: boolean;
}

/** Characters of a resource that a record holds, and bytes that they take; of a longer one also the SHA-256 of all of it. */
const RESOURCE_LENGTH = 2048;
const RESOURCE_BYTES = 5120;
const DETAIL_LENGTH = 512;
const DETAIL_BYTES = 1024;
const APPROVERS_BYTES = 2048;

/**
 * The text of records (docs/evidence.md), all but their common beginning: one JSON object in ASCII, in which what there is
 * none of is left out. It is written for every request, so what is the same for many is kept as bytes.
 */
export class DecisionRecords {
  readonly #beginning: Uint8Array;
  readonly #pseudonyms: Pseudonyms | null;
  readonly #kept = new KeptTexts();

  constructor(sidecar: string, pseudonyms: Pseudonyms | null) {
    this.#beginning = keptText(`"sidecar":${quoted(sidecar)},"request_id":"`);
    this.#pseudonyms = pseudonyms;
  }

  /** @param open whether the exchange is still going on: an `outcome` record follows */
  decision(
    text: EntryText,
    x: Exchange,
    mode: AuditMode,
    reason: Reason,
    effect: Effect,
    ended: number,
    open: boolean,
  ): void {
    const { claims, decision } = x;
    this.#whose(text, x.requestId, claims === null ? '' : claims.tenant);
    if (claims !== null) {
      if (claims.subject !== null) this.#subject(text, claims.tenant, claims.subject);
      if (claims.user !== null) {
        text.plain(',"user":');
        text.quoted(claims.user);
      }
      this.#resource(text, x, claims.tenant);
    }
    if (isWidened(decision) || isWidened(x.alsoDecision)) text.plain(widenings(x));
    if (claims !== null && claims.requestedRegion >= 0) {
      text.plain(',"requested_region":');
      text.quoted(x.snapshot.catalogue.regions[claims.requestedRegion]?.id ?? '');
    }
    this.#detail(text, x.detail);
    if (open) text.plain(',"open":true');
    if (x.bytesIn > 0) bytesIn(text, x.bytesIn);
    text.kept(this.#kept.of(x, mode, reason, effect));
    measures(text, x, ended);
  }

  /** Completes the decision that is at `of` in the same log. */
  outcome(text: EntryText, x: Exchange, of: number, reason: Reason, effect: Effect, ended: number): void {
    this.#whose(text, x.requestId, x.claims === null ? '' : x.claims.tenant);
    text.plain(`,"of":${of},"effect":"${effect}","reason":"${reason}"`);
    this.#detail(text, x.detail);
    if (x.bytesIn > 0) bytesIn(text, x.bytesIn);
    text.plain(statusText(x));
    measures(text, x, ended);
  }

  /** Of a request whose bytes do not parse. */
  unparsed(text: EntryText, service: Service, reason: Reason, status: number, requestId: string): void {
    this.#whose(text, requestId, '');
    text.plain(`,"service":"${service}","effect":"deny","reason":"${reason}","status":${status}`);
    text.plain(',"bytes_out":0,"duration_ms":0}');
  }

  #whose(text: EntryText, requestId: string, tenant: string): void {
    text.kept(this.#beginning);
    text.plain(requestId);
    text.plain('","tenant":"');
    text.plain(tenant);
    text.plain('"');
  }

  #subject(text: EntryText, tenant: string, subject: string): void {
    text.plain(',"subject":');
    const pseudonyms = this.#pseudonyms;
    const named = pseudonyms !== null && pseudonyms.subject;
    text.quoted(named ? pseudonym(pseudonyms.key, 'subject', tenant, subject) : subject);
  }

  #resource(text: EntryText, x: Exchange, tenant: string): void {
    const resources = (x.facts ?? x.call)?.resources;
    if (resources === undefined || resources.length === 0) return;
    const resource = resources.length === 1 ? (resources[0] as string) : resources.join(',');
    const pseudonyms = this.#pseudonyms;
    text.plain(',"resource":');
    if (pseudonyms !== null && pseudonyms.resource)
      text.quoted(pseudonym(pseudonyms.key, 'resource', tenant, resource));
    else {
      const kept = within(resource.slice(0, RESOURCE_LENGTH), RESOURCE_BYTES);
      text.quoted(kept);
      if (kept.length < resource.length)
        text.plain(`,"resource_sha256":"${createHash('sha256').update(resource).digest('hex')}"`);
    }
  }

  #detail(text: EntryText, detail: string): void {
    if (detail === '') return;
    text.plain(',"detail":');
    text.quoted(within(detail.slice(0, DETAIL_LENGTH), DETAIL_BYTES));
  }
}

function isWidened(decision: Decision | null): decision is Decision {
  return decision !== null && (decision.grant !== null || decision.override !== null);
}

/** Grants and overrides that it rests on, and who approved them. */
function widenings({ decision, alsoDecision }: Exchange): string {
  const grants: Grant[] = [];
  for (const each of [decision, alsoDecision]) {
    for (const grant of [each?.grant ?? null, each?.secondGrant ?? null])
      if (grant !== null && !grants.some(({ id }) => id === grant.id)) grants.push(grant);
  }
  const override = decision?.override ?? alsoDecision?.override ?? null;
  const [first, ...others] = grants;
  const approvers = new Set([...grants, ...(override === null ? [] : [override])].flatMap((each) => each.approvedBy));
  let text = first === undefined ? '' : `,"grant":${quoted(first.id)}`;
  if (others.length > 0) text += `,"second_grant":${quoted(others.map(({ id }) => id).join(','))}`;
  if (override !== null) text += `,"override":${quoted(override.id)}`;
  return `${text},"approved_by":${listWithin([...approvers], APPROVERS_BYTES)}`;
}

/** How much there was of the answer, and how long it took: from the value of `bytes_out` up to the closing brace. */
function measures(text: EntryText, x: Exchange, ended: number): void {
  text.integer(x.bytesOut);
  text.plain(',"duration_ms":');
  // By hand: the shortest text of a fraction is dear to find.
  const micros = Math.max(0, Math.round((ended - x.startedAt) * 1000));
  const millis = Math.floor(micros / 1000);
  text.integer(millis);
  text.plain(THOUSANDTHS[micros - millis * 1000] as string);
}

function bytesIn(text: EntryText, bytes: number): void {
  text.plain(',"bytes_in":');
  text.integer(bytes);
}

const THOUSANDTHS = Array.from({ length: 1000 }, (_, i) => `.${String(i).padStart(3, '0')}}`);
