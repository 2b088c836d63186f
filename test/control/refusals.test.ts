import { afterAll, beforeAll, expect, it } from 'vitest';
import { ControlRig, type Sent } from './rig.ts';

/** Refusals come in the order 401, 403, 428, 400, 404, 409, 412, 422: each request here deserves several. */
let rig: ControlRig;
let viewer: string;
let operator: string;
const ID = '/api/v1/policies/kept-in-file';

beforeAll(async () => {
  rig = await ControlRig.start({
    policies: 'policies: [{ id: kept-in-file, tenant_id: acme, subject_id: x, primary_region: eu-west }]',
  });
  viewer = await rig.token('viewer', 'acme');
  operator = await rig.token('operator', 'acme');
});
afterAll(() => rig.stop());

async function status(method: string, path: string, sent: Sent): Promise<number> {
  return (await rig.send(method, path, sent)).status;
}

const stale = { 'if-match': '"1"' };
const bad = { primary_region: 5 };
const good = { primary_region: 'eu-west' };

it('401 before everything', async () => {
  expect(await status('PUT', ID, { raw: 'no json' })).toBe(401);
  expect(await status('POST', '/api/v1/policies', { raw: 'x'.repeat(2_000_000) })).toBe(401);
});

it('403 before 428 and 400', async () => {
  expect(await status('PUT', ID, { token: viewer, body: bad })).toBe(403);
  expect(await status('PUT', ID, { token: viewer, raw: '{', headers: { 'content-type': 'text/plain' } })).toBe(403);
});

it('428 before 400', async () => {
  expect(await status('PUT', ID, { token: operator, body: bad })).toBe(428);
});

it('400 before 404', async () => {
  expect(await status('PUT', '/api/v1/policies/nothing', { token: operator, body: bad, headers: stale })).toBe(400);
});

it('404 before 409', async () => {
  const other = await rig.token('operator', 'other');
  expect(await status('PUT', ID, { token: other, body: good, headers: stale })).toBe(404);
});

it('409 before 412', async () => {
  expect(await status('PUT', ID, { token: operator, body: good, headers: stale })).toBe(409);
});

it('412 where nothing else is wrong', async () => {
  await rig.send('POST', '/api/v1/policies', { token: operator, body: { id: 'mine', ...good } });
  expect(await status('PUT', '/api/v1/policies/mine', { token: operator, body: good, headers: stale })).toBe(412);
});

it('503 with a time to come back where the store does not answer, and not a word of why', async () => {
  const own = await ControlRig.start({});
  const token = await own.token('viewer', 'acme');
  await own.store.close();
  const answer = await own.send('GET', '/api/v1/policies?tenant_id=acme', { token });
  expect(answer).toMatchObject({ status: 503, body: { title: 'Not available' } });
  expect(answer.headers['retry-after']).toBe('5');
  expect(JSON.stringify(answer.body)).not.toMatch(/sqlite|kysely|closed|destroyed/i);
  await own.stop();
});
