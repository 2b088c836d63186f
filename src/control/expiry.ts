import { setTimeout as sleep } from 'node:timers/promises';
import { newRequestId } from '../core/ids.ts';
import { approvalsOf } from '../store/approvals.ts';
import { endGrant, endedGrants, usedGrants, type GrantRow } from '../store/grants.ts';
import {
  changeOverride,
  endedOverrides,
  unreviewedOverrides,
  usedOverrides,
  type OverrideRow,
} from '../store/overrides.ts';
import { closeRequest, lapsedRequests } from '../store/requests.ts';
import type { Change, Db, Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { tellGrant } from './approval/access.ts';
import { endOf, REVIEW_WITHIN, tell } from './approval/override.ts';
import { requestView } from './approval/views.ts';
import type { ApprovalSettings } from './context.ts';

/** Milliseconds between two looks. */
const EACH = 1000;

/**
 * Marks what time has ended or made due, by the store's clock: requests that nobody decided on, grants and overrides that
 * are over, first and last uses, reviews. The proxies end a widening by themselves: this is for the record, and for those
 * who are told. Several replicas may look at once: each thing is marked once.
 */
export class Expiry {
  readonly #store: Store;
  readonly #settings: ApprovalSettings;
  readonly #log: Log;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** Told once, until it goes on. */
  #failing = false;

  constructor(store: Store, settings: ApprovalSettings, log: Log) {
    this.#store = store;
    this.#settings = settings;
    this.#log = log;
  }

  /** Looks at once, and each second from then on. */
  start(): void {
    this.#running = this.#run();
  }

  /** Resolves once the look under way is over. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** One look, at everything that there is to mark now. */
  async sweep(): Promise<void> {
    for (;;) {
      const found = await dueAt(this.#store.db, await this.#store.now());
      if (countOf(found) === 0) return;
      const who = { actor: 'domicile', requestId: newRequestId() };
      // Looked up once more: what another replica has marked meanwhile is marked.
      const marked = await this.#store.change(who, async (change) =>
        this.#mark(change, await dueAt(change.db, change.now)),
      );
      if (marked === 0) return;
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.sweep();
        this.#failing = false;
      } catch (error) {
        if (!this.#failing) this.#log.error('what is over cannot be marked; trying again until it can', { error });
        this.#failing = true;
      }
      await sleep(EACH, undefined, { signal, ref: false }).catch(() => {}); // it was stopped
    }
  }

  /** Returns how much it marked. */
  async #mark(change: Change, due: Due): Promise<number> {
    const { now } = change;
    let marked = 0;
    for (const row of due.requests) {
      const after = await closeRequest(change, row, 'expired', null);
      if (after === null) continue;
      marked++;
      const words = await approvalsOf(change.db, 'request', [row.id]);
      await change.event('access.expired', row.tenant, row.id, requestView(after, words, now, this.#settings));
    }
    for (const action of ['used', 'exhausted'] as const) {
      for (const row of due.grants[action]) {
        marked++;
        await change.history('grant', row.id, row.tenant, action, row);
        await tellGrant(change, 'grant.used', row);
      }
    }
    for (const row of due.grants.ended) {
      const after = await endGrant(change, row, null);
      if (after === null) continue;
      marked++;
      await tellGrant(change, 'grant.expired', after);
    }
    // A use is marked before the end of the same override: the end then finds the review already due.
    const current = new Map<string, OverrideRow>();
    for (const { last_at, ...row } of due.overrides.used) {
      const review_due_at = Math.min(row.review_due_at ?? Infinity, last_at + REVIEW_WITHIN);
      const after = await changeOverride(change, row, { review_due_at }, 'used');
      if (after === null) continue;
      marked++;
      current.set(row.id, after);
      await this.#tell(change, 'override.used', after);
    }
    for (const found of due.overrides.ended) {
      const row = current.get(found.id) ?? found;
      const after = await changeOverride(change, row, { state: 'expired', ...endOf(row, now) }, 'expired');
      if (after === null) continue;
      marked++;
      await this.#tell(change, 'override.expired', after);
    }
    for (const row of due.overrides.unreviewed) {
      marked++;
      await change.history('override', row.id, row.tenant, 'review_overdue', row);
      await this.#tell(change, 'override.review_overdue', row);
    }
    return marked;
  }

  async #tell(change: Change, kind: string, row: OverrideRow): Promise<void> {
    const words = await approvalsOf(change.db, 'override', [row.id]);
    await tell(change, kind, { row, words }, this.#settings);
  }
}

type Due = Awaited<ReturnType<typeof dueAt>>;

async function dueAt(db: Db, now: number) {
  const [requests, used, exhausted, ended] = [
    await lapsedRequests(db, now),
    await usedGrants(db, 'used', now),
    await usedGrants(db, 'exhausted', now),
    await endedGrants(db, now),
  ];
  const grants: Record<'used' | 'exhausted' | 'ended', GrantRow[]> = { used, exhausted, ended };
  const overrides = {
    used: await usedOverrides(db),
    ended: await endedOverrides(db, now),
    unreviewed: await unreviewedOverrides(db, now),
  };
  return { requests, grants, overrides };
}

function countOf({ requests, grants, overrides }: Due): number {
  return [requests, ...Object.values(grants), ...Object.values(overrides)].reduce((sum, { length }) => sum + length, 0);
}
