import { REASONS, type Reason } from '../core/reasons.ts';
import type { Exchange } from './exchange.ts';
import { effectOf } from './rescue.ts';

/** Allowed reasons that are worth a line of their own. */
const NOTABLE: ReadonlySet<Reason> = new Set<Reason>([
  'failover',
  'cross_border_logged',
  'grant',
  'emergency_override',
  'advisory',
]);

/** What a closed exchange leaves behind: counters, and a line of the access log where it is due. Once, at its end. */
export function record(x: Exchange): void {
  if (x.closedOnce) return;
  x.closedOnce = true;
  const { proxy, service, claims, call, decision, place } = x;
  proxy.inflight[service]--;
  x.snapshot.door.left();
  const reason = reasonOf(x);
  const denied = REASONS[reason] !== 200;
  const effect = effectOf(reason, decision);
  const region = x.sentAt > 0 && place !== null ? place.region.id : null;
  const { metrics } = proxy;
  metrics.requests.count(
    metrics.requests.slot(
      service,
      x.dialect?.id ?? null,
      claims?.classification ?? null,
      call?.verb ?? null,
      effect,
      reason,
      region,
    ),
  );
  const row = metrics.row(service, region);
  // A request that ends with its answer ends when that does: the clock need not be asked again.
  const ended = x.upstreamEndedAt || performance.now();
  proxy.evidence.record(x, reason, effect, ended);
  metrics.requestDuration.observe(row, (ended - x.startedAt) / 1000);
  if (x.sentAt > 0) metrics.upstreamDuration.observe(row, (ended - x.sentAt) / 1000);
  if (x.bytesIn > 0) metrics.bytesIn(service, x.bytesIn);
  if (x.bytesOut > 0) metrics.bytesOut(service, x.bytesOut);
  if (claims !== null) metrics.tenantRequest(claims.tenant, effect);
  if (effect === 'audit' || (denied && decision !== null && REASONS[reason] === 403)) {
    metrics.violation(decision?.policy?.complianceFrameworks ?? []);
  }
  if (x.span !== null) proxy.tracing.end(x.span, effect, reason, region, x.status);
  if (proxy.shouldLog(!denied, NOTABLE.has(reason))) log(x, reason, denied, region);
}

/** A request that broke off before it left, or broke its framing, was decided perhaps, but never was whole. */
function reasonOf(x: Exchange): Reason {
  if (x.outcome !== null) return x.outcome;
  if (x.sentAt === 0 || x.decision === null || x.request.broken) return 'request_malformed';
  return x.decision.reason;
}

function log(x: Exchange, reason: Reason, denied: boolean, region: string | null): void {
  const { claims, decision, call } = x;
  x.proxy.log.info(denied ? 'refused' : 'forwarded', {
    tenant_id: claims?.tenant ?? null,
    subject_id: claims?.subject ?? null,
    user_id: claims?.user ?? null,
    region,
    compliance_frameworks: decision?.policy?.complianceFrameworks ?? [],
    operation_type: call?.operation ?? null,
    emergency_override: decision?.override !== null && decision?.override !== undefined,
    request_id: x.requestId,
    reason,
    policy: decision?.label ?? null,
    service: x.service,
    dialect: x.dialect?.id ?? null,
    classification: claims?.classification ?? null,
    status: x.status,
    grant: decision?.grant?.id ?? null,
    override: decision?.override?.id ?? null,
    bytes_in: x.bytesIn,
    bytes_out: x.bytesOut,
    duration_ms: Math.round((performance.now() - x.startedAt) * 1000) / 1000,
    upstream_ms:
      x.sentAt === 0 ? null : Math.round(((x.upstreamEndedAt || performance.now()) - x.sentAt) * 1000) / 1000,
    detail: x.detail === '' ? null : x.detail,
  });
}
