import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unrecordable } from '../../src/proxy/evidence.ts';
import type { RecordSettings } from '../../src/proxy/recorder.ts';
import { startRig, type Rig } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream, type Upstream } from '../rig/upstream.ts';
import { recordIn, ScriptedLog } from './scripted-log.ts';

let upstream: Upstream;
let rig: Rig;
beforeAll(async () => {
  upstream = await startUpstream((_, response) => response.end('{}'));
  rig = await startRig({
    regions: [regionAt('eu-west', { search: upstream.url }), regionAt('us-east', { search: upstream.url })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
  });
});
afterAll(async () => {
  await rig?.stop();
  await upstream?.close();
});

const withLog = (more: Partial<RecordSettings> = {}): ScriptedLog => recordIn(new ScriptedLog(), rig, more);

async function ask(classification = 'identity', more: Record<string, string> = {}): Promise<string> {
  const headers = { 'x-tenant-id': 'acme', 'x-data-classification': classification, ...more };
  const answer = await fetch(`${rig.search}/orders/_search`, { headers });
  await answer.text();
  return `${answer.status} ${answer.headers.get('x-residency-reason')}`;
}

describe('a queue of records', () => {
  it('that is full refuses what would be forwarded and what would be refused alike, and takes both again when it is not', async () => {
    const log = withLog();
    const forwarded = upstream.requests.length;
    for (let i = 0; i < 3; i++) expect(await ask()).toBe('200 in_residency');
    expect(await ask()).toBe('503 audit_unavailable');
    expect(await ask('identity', { 'x-tenant-id': '' })).toBe('503 audit_unavailable');
    expect(await ask('identity', { 'x-requested-region': 'us-east' })).toBe('503 audit_unavailable');
    expect(upstream.requests.length).toBe(forwarded + 3);
    expect(log.records).toHaveLength(3);
    expect(log.refused).toBe(3);
    log.durableTo = 3;
    expect(await ask('identity', { 'x-requested-region': 'us-east' })).toBe('403 region_not_allowed');
    expect(log.records.at(-1)).toMatchObject({ reason: 'region_not_allowed', status: 403 });
  });

  it('keeps a place for each request that is under way, so that none ends without its record', async () => {
    const log = withLog();
    log.capacity = 1;
    const { promise: asked, resolve } = Promise.withResolvers<() => void>();
    upstream.respond = (_, response) => resolve(() => response.end('{}'));
    const first = ask();
    const finish = await asked;
    upstream.respond = (_, response) => response.end('{}');
    expect(log.reserved).toBe(1);
    expect(await ask()).toBe('503 audit_unavailable');
    finish();
    expect(await first).toBe('200 in_residency');
    await expect.poll(() => log.records.length).toBe(1);
    expect(log.reserved).toBe(0);
  });

  it('lets classes pass that the operator gave up, and counts what it did not keep', async () => {
    const log = withLog({ bestEffort: ['analytical'] });
    log.capacity = 0;
    expect(await ask('analytical')).toBe('200 in_residency');
    expect(await ask('content')).toBe('503 audit_unavailable');
    expect([log.records.length, log.lost, log.refused]).toEqual([0, 1, 1]);
    log.capacity = 10;
    expect(await ask('analytical')).toBe('200 in_residency');
    await expect.poll(() => log.records).toMatchObject([{ mode: 'best_effort', reason: 'in_residency' }]);
  });
});

it('what is under way when a batch is written is recorded as it stands, in time for that batch, and once only', async () => {
  const log = withLog();
  const { promise: asked, resolve } = Promise.withResolvers<() => void>();
  upstream.respond = (_, response) => resolve(() => response.end('{}'));
  const answer = ask();
  const finish = await asked;
  await expect
    .poll(() => {
      log.beforeFlush!();
      return log.records.length;
    })
    .toBe(1);
  log.beforeFlush!();
  expect(log.records).toMatchObject([{ kind: 'decision', open: true, reason: 'in_residency' }]);
  finish();
  await answer;
  await expect.poll(() => log.records.length).toBe(2);
  expect(log.records[1]).toMatchObject({ kind: 'outcome', of: 0, status: 200, bytes_out: 2 });
  upstream.respond = (_, response) => response.end('{}');
});

describe('a refusal that must be durable', () => {
  it('is answered when it is, and not before', async () => {
    const log = withLog({ strictDenials: ['identity'] });
    let answered = false;
    const answer = ask('identity', { 'x-requested-region': 'us-east' }).finally(() => (answered = true));
    await expect.poll(() => log.waiting.length).toBe(1);
    expect(log.records).toMatchObject([{ mode: 'strict', reason: 'region_not_allowed', status: 403 }]);
    expect(answered).toBe(false);
    log.waiting[0]!(null);
    expect(await answer).toBe('403 region_not_allowed');
    // Of other classes it is answered at once.
    expect(await ask('content', { 'x-requested-region': 'us-east' })).toBe('403 region_not_allowed');
  });

  it('also where its decision is on record already, for the upstream showed only then what it is', async () => {
    const log = withLog({ strictDenials: ['identity'] });
    const { promise: asked, resolve } = Promise.withResolvers<() => void>();
    upstream.respond = (_, response) =>
      resolve(() => response.writeHead(307, { location: 'https://elsewhere.example/' }).end());
    let answered = false;
    const answer = ask().finally(() => (answered = true));
    const redirect = await asked;
    upstream.respond = (_, response) => response.end('{}');
    await expect
      .poll(() => {
        log.beforeFlush!();
        return log.records.length;
      })
      .toBe(1);
    redirect();
    await expect.poll(() => log.waiting.length).toBe(1);
    expect(log.records[1]).toMatchObject({
      kind: 'outcome',
      of: 0,
      effect: 'deny',
      reason: 'upstream_region_mismatch',
      status: 403,
    });
    expect(answered).toBe(false);
    log.waiting[0]!(null);
    expect(await answer).toBe('403 upstream_region_mismatch');
    expect(log.records).toHaveLength(2);
  });

  it('is another one when it cannot be made so', async () => {
    const log = withLog({ strictDenials: ['identity'] });
    const answer = ask('identity', { 'x-requested-region': 'us-east' });
    await expect.poll(() => log.waiting.length).toBe(1);
    log.waiting[0]!(new Error('no space left on the disk'));
    expect(await answer).toBe('503 audit_unavailable');
    await expect
      .poll(() => log.records.at(-1))
      .toMatchObject({ kind: 'outcome', reason: 'audit_unavailable', status: 503 });
  });
});

it('what fails to be recorded when a batch is written keeps its place, and gives it back once', async () => {
  const log = withLog();
  const { promise: asked, resolve } = Promise.withResolvers<() => void>();
  upstream.respond = (_, response) => resolve(() => response.end('{}'));
  const answer = ask();
  const finish = await asked;
  upstream.respond = (_, response) => response.end('{}');
  log.broken = new RangeError('too long');
  const writing = () => {
    try {
      return log.beforeFlush!();
    } catch (error) {
      return (error as Error).message;
    }
  };
  // Once it is under way for long enough.
  await expect.poll(writing).toBe('too long');
  expect(log.reserved).toBe(1);
  log.broken = null;
  finish();
  await answer;
  await expect.poll(() => log.records.length).toBe(1);
  expect(log.reserved).toBe(0);
  expect(await ask()).toBe('200 in_residency');
  await expect.poll(() => [log.records.length, log.reserved]).toEqual([2, 0]);
});

it('what a client is told of it says nothing of the disk', () => {
  const { message, detail, status } = unrecordable('/var/lib/domicile: ENOSPC');
  expect(status).toBe(503);
  expect(message).not.toMatch(/ENOSPC|var/);
  expect(detail).toMatch(/ENOSPC/);
});
