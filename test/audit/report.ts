import { Entry } from '../../src/audit/entry.ts';
import { buildReport } from '../../src/audit/report/build.ts';
import type { Coverage, Report } from '../../src/audit/report/model.ts';

const FROM = Date.parse('2026-11-01T00:00:00Z');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Hours after the beginning of the period, as a time. */
export const hour = (hours: number) => new Date(FROM + hours * HOUR).toISOString();

/** Entries of two logs, `workers` for requests and `control` for the rest. */
export class Story {
  readonly entries: Entry[] = [];
  readonly #next = new Map<string, number>();

  add(kind: string, at: number, fields: Readonly<Record<string, unknown>>): number {
    const log = kind === 'decision' || kind === 'outcome' ? 'domicile/s1/1' : 'domicile/s1/control';
    const seq = this.#next.get(log) ?? 0;
    this.#next.set(log, seq + 1);
    const value = { v: 1, kind, seq, time: hour(at), sidecar: 's1', request_id: `r-${seq}`, tenant: 'acme', ...fields };
    this.entries.push(new Entry(log, seq, JSON.stringify(value)));
    return seq;
  }

  /** A request that stayed, unless it is told otherwise. */
  request(at: number, fields: Readonly<Record<string, unknown>> = {}): number {
    const plain = { user: 'ann', service: 'storage', verb: 'access', classification: 'identity', resource: 'a/b' };
    const regions = { caller_region: 'eu-west', target_region: 'eu-west', effect: 'allow', reason: 'in_residency' };
    return this.add('decision', at, { ...plain, ...regions, status: 200, bytes_in: 1, bytes_out: 10, ...fields });
  }

  control(at: number, action: string, id: string, actor: string, data: object = {}): void {
    const [object] = action.split('.');
    this.add('control', at, { actor, action, object, object_id: id, outcome: 'done', data });
  }

  /** Of these 30 days, asked for a minute after them. */
  report(coverage: Partial<Coverage> = {}): Promise<Report> {
    const log = {
      origin: 'domicile/s1/1',
      size: 9,
      root: 'AAAA',
      key_ids: ['0badf00d'],
      verified: true,
      problem: null,
    };
    const to = FROM + 30 * DAY;
    return buildReport(this.entries, {
      tenant: 'acme',
      from: FROM,
      to,
      now: to + 60_000,
      coverage: { verified: true, logs: [log], incomplete: [], ...coverage },
    });
  }
}
