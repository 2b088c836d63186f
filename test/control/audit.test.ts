import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evidenceFolder } from '../../src/audit/names.ts';
import type { Entry } from '../../src/audit/entry.ts';
import { EvidenceIndex } from '../../src/control/evidence/evidence-index.ts';
import { Log } from '../../src/telemetry/log.ts';
import { WrittenLog } from '../audit/written-log.ts';
import { MemoryJournal } from './journal.ts';
import { ControlRig, type Got } from './rig.ts';

type Item = Entry['value'] & { readonly log: string; readonly seq: number; readonly time: string };

const PLAIN = {
  subject: 'student-1',
  user: 'ann',
  service: 'storage',
  verb: 'access',
  classification: 'identity',
  caller_region: 'eu-west',
  target_region: 'eu-west',
  effect: 'allow',
  reason: 'in_residency',
  status: 200,
  bytes_in: 1,
  bytes_out: 10,
};
const DENIED = {
  ...PLAIN,
  user: 'ben',
  target_region: 'us-east',
  effect: 'deny',
  reason: 'region_not_allowed',
  status: 403,
};
const BEGIN = Date.parse('2026-11-01T00:00:00Z');
const time = (minutes: number) => new Date(BEGIN + minutes * 60_000).toISOString();

let folder: string;
let rig: ControlRig;
const journal = new MemoryJournal();
/** Everything that is in the logs. */
const all: Item[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'domicile-audit-api-'));
  const state = join(folder, 'state');
  const logs = ['1', '2', 'control'].map((name) => new WrittenLog(state, { name }));
  const add = (log: number, minutes: number, fields: object) => {
    const told = { tenant: 'acme', time: time(minutes), ...fields };
    const seq = logs[log]!.add(told);
    all.push({ kind: 'decision', log: `domicile/s1/${logs[log]!.name}`, seq, ...told } as unknown as Item);
  };
  for (let i = 0; i < 9000; i++)
    add(i % 2, i, i % 50 === 7 ? DENIED : i % 3 === 0 ? { ...PLAIN, tenant: 'other' } : PLAIN);
  const use = {
    ...PLAIN,
    mode: 'strict',
    caller_region: 'us-east',
    reason: 'grant',
    grant: 'g1',
    approved_by: ['dpo'],
  };
  add(0, 9001, use);
  add(1, 9002, { ...PLAIN, target_region: 'us-east', effect: 'audit', reason: 'advisory' });
  add(1, 9003, { ...PLAIN, caller_region: 'us-east', classification: 'operational', reason: 'cross_border_logged' });
  const data = { from_region: 'eu-west', to_region: 'us-east', requester: 'ann', legal_basis: 'SCC', request_id: 'q1' };
  const control = { kind: 'control', classification: null, actor: 'dpo', outcome: 'done' };
  add(2, 8000, { ...control, action: 'request.requested', object: 'request', object_id: 'q1', data });
  add(2, 8010, { ...control, action: 'request.approved', object: 'request', object_id: 'q1', data });
  add(2, 8010, { ...control, action: 'grant.granted', object: 'grant', object_id: 'g1', data });
  add(2, 8500, { ...control, action: 'policy.updated', object: 'policy', object_id: 'p1', data: {} });
  add(2, 8501, { ...control, tenant: '', action: 'login.failed', object: 'login', object_id: null, data: {} });
  for (const log of logs) log.commit();
  rig = await ControlRig.start({ evidence: evidenceFolder(state), journal, now: () => BEGIN + 9100 * 60_000 });
  await rig.context.index.look();
});
afterAll(async () => {
  await rig.stop();
  rmSync(folder, { recursive: true });
});

const auditor = (tenant: string | null = null) => rig.token('auditor', tenant);
const get = async (path: string, tenant: string | null = null): Promise<Got> =>
  rig.send('GET', path, { token: await auditor(tenant) });

async function everyPage(path: string, limit = 200): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const { status, body, text } = await get(
      `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor && `&cursor=${cursor}`}`,
    );
    expect(status, text).toBe(200);
    expect(body.items.length).toBeLessThanOrEqual(limit);
    items.push(...body.items);
    cursor = body.next_cursor;
  }
  return items;
}

const names = (items: readonly Item[]) => items.map(({ log, seq }) => `${log} ${seq}`);
/** In the order in which they are answered. */
function expected(of: (item: Item) => boolean): string[] {
  const found = all.filter(of);
  found.sort((a, b) =>
    a.time !== b.time ? (a.time < b.time ? 1 : -1) : a.log !== b.log ? (a.log < b.log ? 1 : -1) : b.seq - a.seq,
  );
  return names(found);
}

describe('the access log of a tenant', () => {
  it('is everything on record of it once, the newest first, whatever the size of a page', async () => {
    const mine = expected(({ tenant }) => tenant === 'acme');
    expect(mine.length).toBeGreaterThan(6000);
    expect(names(await everyPage('/api/v1/audit/access-logs/acme'))).toEqual(mine);
  }, 60_000);

  it('is the entries as they are in the log', async () => {
    const { body } = await get('/api/v1/audit/access-logs/acme?limit=1');
    expect(body).toMatchObject({ incomplete: [], problems: [] });
    const [item] = body.items;
    expect(item).toMatchObject({
      log: 'domicile/s1/2',
      v: 1,
      kind: 'decision',
      reason: 'cross_border_logged',
      tenant: 'acme',
    });
    expect(body.next_cursor).not.toBeNull();
  });

  it.each([
    [
      'from and to',
      `from=${time(100)}&to=${time(200)}`,
      (item: Item) => item.time >= time(100) && item.time < time(200),
    ],
    ['a date', 'from=2026-11-07', (item: Item) => item.time >= '2026-11-07'],
    ['an offset', `to=2026-11-01T02:00:00%2B01:00`, (item: Item) => item.time < time(60)],
    ['a user', 'user=ben&limit=7', ({ user }: Item) => user === 'ben'],
    ['an actor', 'user=dpo', ({ actor }: Item) => actor === 'dpo'],
    [
      'a reason that stays',
      `reason=in_residency&to=${time(300)}`,
      (item: Item) => item['reason'] === 'in_residency' && item.time < time(300),
    ],
    ['a reason that refuses', 'reason=region_not_allowed', ({ reason }: Item) => reason === 'region_not_allowed'],
    ['an effect', 'effect=audit', ({ effect }: Item) => effect === 'audit'],
    [
      'a region',
      'region=us-east',
      (item: Item) =>
        ['target_region', 'caller_region'].some((key) => item[key] === 'us-east') ||
        (item['data'] as { to_region?: string })?.to_region === 'us-east',
    ],
    [
      'a cloud region',
      'region=us-east-1&effect=deny',
      (item: Item) => item['target_region'] === 'us-east' && item['effect'] === 'deny',
    ],
    ['a kind', 'kind=control', ({ kind }: Item) => kind === 'control'],
    ['a class', 'classification=operational', ({ classification }: Item) => classification === 'operational'],
    [
      'a subject',
      `subject=student-1&from=${time(8990)}`,
      (item: Item) => item['subject'] === 'student-1' && item.time >= time(8990),
    ],
    ['what nobody is', 'user=nobody', () => false],
  ])('is narrowed by %s', async (_, query, of) => {
    const found = await everyPage(`/api/v1/audit/access-logs/acme?${query.replace('&limit=7', '')}`);
    expect(names(found)).toEqual(expected((item) => item['tenant'] === 'acme' && of(item)));
  });

  it('is empty of a tenant that nothing is on record of', async () => {
    expect((await get('/api/v1/audit/access-logs/nobody')).body).toEqual({
      items: [],
      next_cursor: null,
      incomplete: [],
      problems: [],
    });
  });

  it('is another tenant’s: it does not exist', async () => {
    expect((await get('/api/v1/audit/access-logs/acme', 'other')).status).toBe(404);
    const { body } = await get('/api/v1/audit/access-logs/other', 'other');
    expect(body.items.every(({ tenant }: Item) => tenant === 'other')).toBe(true);
    expect((await get(`/api/v1/audit/access-logs/${encodeURIComponent('no tenant/of any')}`)).status).toBe(404);
  });
});

describe('violations', () => {
  it('are what policy refused or let through as advisory, of all tenants or of one', async () => {
    const isViolation = ({ effect }: Item) => effect === 'deny' || effect === 'audit';
    expect(names(await everyPage('/api/v1/audit/violations', 50))).toEqual(expected(isViolation));
    const one = await everyPage('/api/v1/audit/violations?tenant_id=acme');
    expect(names(one)).toEqual(expected((item) => isViolation(item) && item['tenant'] === 'acme'));
    expect((await get('/api/v1/audit/violations', 'other')).body.items).toEqual([]);
    expect((await get('/api/v1/audit/violations?tenant_id=acme', 'other')).status).toBe(404);
  });
});

describe('the audit of crossings', () => {
  it('has uses of grants, crossings, and who gave leave', async () => {
    const found = await everyPage('/api/v1/access/audit');
    expect(found.map((item) => item['reason'] ?? item['action'])).toEqual([
      'cross_border_logged',
      'advisory',
      'grant',
      'grant.granted',
      'request.approved',
      'request.requested',
    ]);
    expect((await get('/api/v1/access/audit?kind=decision&reason=grant')).body.items).toHaveLength(1);
  });
});

describe('a report', () => {
  it('counts everything in the period, with approver and legal basis of what crossed', async () => {
    const { status, body } = await get(`/api/v1/audit/reports?tenant_id=acme&from=${time(0)}`);
    expect(status).toBe(200);
    const decisions = all.filter(({ kind, tenant }) => kind === 'decision' && tenant === 'acme');
    const denied = decisions.filter(({ effect }) => effect === 'deny').length;
    expect(body.summary).toMatchObject({ requests: decisions.length, refused: denied, audited: 1, crossings: 3 });
    expect(body.approvals.requests).toMatchObject({
      requested: 1,
      approved: 1,
      approval_rate: 1,
      median_decision_ms: 600_000,
    });
    expect(body.crossings[0]).toMatchObject({
      reason: 'grant',
      approved_by: ['dpo'],
      legal_basis: ['SCC'],
      from_region: 'eu-west',
      to_region: 'us-east',
    });
    expect(body.coverage).toMatchObject({ verified: null, incomplete: [] });
    expect(
      body.coverage.logs.map(({ origin, key_ids }: { origin: string; key_ids: string[] }) => [origin, key_ids.length]),
    ).toEqual([
      ['domicile/s1/1', 1],
      ['domicile/s1/2', 1],
      ['domicile/s1/control', 1],
    ]);
    expect(body.findings.map(({ code }: { code: string }) => code)).toContain('evidence_unverified');
  });

  it('is of the token’s own tenant and the last 30 days unless told', async () => {
    const { body } = await get('/api/v1/audit/reports', 'other');
    expect(body).toMatchObject({
      tenant: 'other',
      from: new Date(BEGIN + 9100 * 60_000 - 30 * 86_400_000).toISOString(),
    });
    expect(body.summary.requests).toBe(all.filter(({ tenant }) => tenant === 'other').length);
    const { status, body: problem } = await get('/api/v1/audit/reports');
    expect([status, problem.errors[0].path]).toEqual([400, '/tenant_id']);
  });
});

describe('what is asked wrongly', () => {
  it.each([
    ['from=yesterday', '/from'],
    ['from=2026-02-30', '/from'],
    ['to=2026-11-01&from=2026-11-02', '/to'],
    ['effect=maybe', '/effect'],
    ['reason=because', '/reason'],
    ['kind=rumour', '/kind'],
    ['classification=secret', '/classification'],
    ['region=a%20b', '/region'],
    ['subject=', '/subject'],
    ['limit=0', '/limit'],
    ['cursor=AAAA', '/cursor'],
    ['cursor=MTIz', '/cursor'],
    ['who=ann', '/who'],
  ])('?%s is refused by name', async (query, path) => {
    for (const base of ['/api/v1/audit/access-logs/acme', '/api/v1/audit/violations', '/api/v1/access/audit']) {
      const { status, body } = await get(`${base}?${query}`);
      expect(status, `${base}: ${JSON.stringify(body)}`).toBe(400);
      expect(body.errors.map((error: { path: string }) => error.path)).toEqual([path]);
    }
  });
});

describe('reading', () => {
  it('leaves evidence of who read what', async () => {
    const from = journal.texts.length;
    await get('/api/v1/audit/access-logs/acme', 'acme');
    await get('/api/v1/audit/reports?tenant_id=acme');
    expect(journal.told(from).filter(({ kind }) => kind === 'query')).toEqual([
      expect.objectContaining({
        kind: 'query',
        action: 'audit.read',
        actor: 'auditor-acme',
        tenant: 'acme',
        resource: '/api/v1/audit/access-logs/acme',
        status: 200,
      }),
      expect.objectContaining({
        kind: 'query',
        action: 'audit.read',
        actor: 'auditor-all',
        tenant: 'acme',
        resource: '/api/v1/audit/reports',
      }),
    ]);
  });

  it('does not answer where that cannot be recorded', async () => {
    journal.hasRoom = false;
    const { status, body } = await get('/api/v1/audit/violations');
    journal.hasRoom = true;
    expect([status, body.reason]).toEqual([503, 'audit_unavailable']);
  });
});

describe('logs that are elsewhere', () => {
  it('are answered from what the index has of them, and the answer says so', async () => {
    const state = join(folder, 'elsewhere');
    const log = new WrittenLog(state, { sidecar: 's2' });
    for (let i = 0; i < 10; i++) log.add({ ...(i % 2 === 0 ? DENIED : PLAIN), tenant: 'far', time: time(i) });
    log.commit();
    const quiet = new Log({ level: 'error', destination: { write: () => {} } });
    const other = new EvidenceIndex({ store: rig.store, log: quiet, own: evidenceFolder(state), collect: [] });
    await other.look();
    await other.close();
    const { body } = await get('/api/v1/audit/access-logs/far');
    expect(body.items).toHaveLength(5);
    expect(body.incomplete).toEqual(['domicile/s2/1']);
    const violations = await get('/api/v1/audit/violations?tenant_id=far');
    expect(violations.body.items).toHaveLength(5);
    expect(violations.body.incomplete, 'of these the index has all').toEqual([]);
    const { body: report } = await get(`/api/v1/audit/reports?tenant_id=far&from=${time(0)}`);
    expect(report.coverage.incomplete).toEqual(['domicile/s2/1']);
    expect(report.summary).toMatchObject({ requests: 5, refused: 5 });
    expect(report.findings.map(({ code }: { code: string }) => code)).toContain('evidence_incomplete');
  });
});
