import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { ControlRig } from './rig.ts';

let rig: ControlRig;
let token: string;
const PATH = '/api/v1/policies';
let subjects = 0;

beforeAll(async () => {
  rig = await ControlRig.start();
  token = await rig.token('operator', 'acme');
});
afterAll(() => rig.stop());
afterEach(() => void vi.useRealTimers());

const post = (key: string | readonly string[], body: object, as = token, path = PATH) =>
  rig.send('POST', path, { token: as, body, headers: { 'idempotency-key': key } });
const policy = () => ({ subject_id: `s${++subjects}`, primary_region: 'eu-west' });
const count = async () => (await rig.store.db.selectFrom('policies').select('id').execute()).length;

it('the same request with the same key is done once, and answered alike', async () => {
  const body = policy();
  const first = await post('key-1', body);
  const before = await count();
  const again = await post('key-1', body);
  expect(first.status).toBe(201);
  expect(again.status).toBe(201);
  expect(again.text).toBe(first.text);
  expect(again.etag).toBe(first.etag);
  expect(again.headers['location']).toBe(first.headers['location']);
  expect(again.headers['x-request-id'], 'it is another request all the same').not.toBe(first.headers['x-request-id']);
  expect(await count()).toBe(before);
});

it('of many at once, one is done', async () => {
  const body = policy();
  const before = await count();
  const answers = await Promise.all(Array.from({ length: 8 }, () => post('key-2', body)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect(await count()).toBe(before + 1);
});

it('another body under the same key is refused', async () => {
  await post('key-3', policy());
  const { status, body } = await post('key-3', policy());
  expect(status).toBe(422);
  expect(body.detail).toContain('another body');
});

it('the key is of one principal on one path', async () => {
  const body = policy();
  const first = await post('key-4', body);
  const other = await post('key-4', body, await rig.token('operator', 'other', 'operator-acme'));
  expect(other.status).toBe(201);
  expect(other.body.tenant_id, 'the same subject in another tenant is another').toBe('other');
  expect((await post('key-4', body, await rig.token('operator', 'acme', 'bob'))).status, 'it is done anew').toBe(409);
  const path = await post('key-4', policy(), token, '/api/v1/residency/policies');
  expect(path.status).toBe(201);
  expect(path.body.id).not.toBe(first.body.id);
});

it('a refusal is not kept: what is asked for again is looked at again', async () => {
  const body = { id: 'refused-once', subject_id: 'same', primary_region: 'eu-west' };
  await rig.send('POST', PATH, { token, body: { id: 'in-the-way', subject_id: 'same', primary_region: 'eu-west' } });
  expect((await post('key-5', body)).status).toBe(409);
  await rig.send('DELETE', `${PATH}/in-the-way`, { token, headers: { 'if-match': '*' } });
  expect((await post('key-5', body)).status).toBe(201);
});

it('the answer is kept for 24 hours', async () => {
  const body = { ...policy(), id: 'kept' };
  const first = await post('key-6', body);
  const made = Date.now();
  vi.useFakeTimers({ toFake: ['Date'], now: made + 23 * 3_600_000 });
  expect((await post('key-6', body)).text).toBe(first.text);
  vi.setSystemTime(made + 25 * 3_600_000);
  expect((await post('key-6', body)).status, 'then it is done anew, and the policy is there already').toBe(409);
});

it('a key is 1 to 255 visible characters, sent once', async () => {
  for (const key of ['', 'x'.repeat(256), 'a b', ['a', 'b']]) expect((await post(key, policy())).status).toBe(400);
});

it('whose role has gone meanwhile gets no answer of before', async () => {
  const body = policy();
  await post('key-7', body);
  expect((await post('key-7', body, await rig.token('viewer', 'acme', 'operator-acme'))).status).toBe(403);
});
