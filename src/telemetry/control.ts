import type { Registry } from 'prom-client';
import type { AuditCounts } from './audit.ts';
import { registerCounter, registerGauge } from './scrape.ts';

/** What becomes of an emergency override. */
type OverrideStatus = 'pending' | 'active' | 'denied' | 'revoked' | 'expired';

/** Requests of the control API that were alike. */
export interface ControlRequests {
  readonly method: string;
  /** As it is declared, such as `/api/v1/policies/{policy_id}`; `none`: the path is none of those. */
  readonly route: string;
  readonly status: number;
  readonly count: number;
}

/** Values of the control plane of this process, asked for at each scrape. None may block. */
export interface ControlSources {
  /** Policies in force, of files and store. */
  policies(): number;
  /** Overrides that ever came to each status. */
  overrides(): Readonly<Record<OverrideStatus, number>>;
  /** Clients that are connected, what they have all been told of, and by how much the slowest is behind. */
  feed(): { readonly clients: number; readonly revision: number; readonly lagSeconds: number };
  readonly audit: AuditCounts;
  /** Logs of evidence that cannot be read or indexed as things stand. */
  indexProblems(): number;
  storeUp(): boolean;
  /** Since the start. */
  requests(): Iterable<ControlRequests>;
}

export const POLICIES = 'residency_policies_total';

/** Adds the number of policies in force. */
export function registerPolicies(registry: Registry, read: () => number): void {
  const policies = registerGauge(registry, POLICIES, 'Policies in force.', [], 'min', (emit) => emit(read()));
  // It goes up and down, so it is no counter; but its name, which dashboards know, says `_total`, and the naming rules
  // allow that of no gauge. `untyped` is both true and allowed.
  Object.assign(policies, { type: 'untyped' });
}

/**
 * Adds what became of overrides.
 * @param used requests that went through one here; null: none could
 * @param control null: what else became of them is known elsewhere
 */
export function registerOverrides(
  registry: Registry,
  used: (() => number) | null,
  control: ControlSources | null,
): void {
  registerCounter(
    registry,
    'emergency_overrides_total',
    'Requests that used an emergency override; by any other status overrides, of the whole store.',
    ['status'],
    (emit) => {
      if (used !== null) emit(used(), { status: 'used' });
      if (control !== null) for (const [status, count] of Object.entries(control.overrides())) emit(count, { status });
    },
  );
}

/** Adds what only a process with a control plane has to tell. */
export function registerControl(registry: Registry, sources: ControlSources): void {
  registerGauge(registry, 'domicile_feed_clients', 'Sidecars and workers that are fed.', [], 'sum', (emit) =>
    emit(sources.feed().clients),
  );
  registerGauge(registry, 'domicile_feed_revision', 'Everything up to it has been announced.', [], 'max', (emit) =>
    emit(sources.feed().revision),
  );
  registerGauge(registry, 'domicile_feed_lag_seconds', 'By which the slowest client is behind.', [], 'max', (emit) =>
    emit(sources.feed().lagSeconds),
  );
  registerGauge(
    registry,
    'domicile_audit_index_problems',
    'Logs of evidence that cannot be read or indexed.',
    [],
    'sum',
    (emit) => emit(sources.indexProblems()),
  );
  registerGauge(registry, 'domicile_store_up', 'Whether the store answers.', [], 'min', (emit) =>
    emit(sources.storeUp() ? 1 : 0),
  );
  registerCounter(
    registry,
    'domicile_control_requests_total',
    'Requests of the control API.',
    ['method', 'route', 'status'],
    (emit) => {
      for (const { method, route, status, count } of sources.requests())
        emit(count, { method, route, status: String(status) });
    },
  );
}
