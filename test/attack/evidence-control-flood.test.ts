// Every refusal of the control API is on record before it is answered, and that costs a write to the disk. Somebody without a
// token must not be able to fill the disk with them: where that is full, every request of the data plane is refused.
import { afterEach, expect, test } from 'vitest';
import { MemoryJournal } from '../control/journal.ts';
import { ControlRig } from '../control/rig.ts';

let rig: ControlRig | null = null;
afterEach(async () => rig?.stop());

async function flood(method: string, path: string, headers: Record<string, string> = {}) {
  const journal = new MemoryJournal();
  const rateLimit = { perMinute: 5, failedLoginsPerMinute: 3 };
  rig = await ControlRig.start({ journal, settings: { rateLimit } });
  const from = journal.texts.length;
  const statuses: number[] = [];
  for (let i = 0; i < 10; i++) statuses.push((await rig.send(method, path, { headers, token: null })).status);
  return { statuses, left: journal.told(from).length };
}

const TOO_OFTEN = [429, 429, 429, 429, 429, 429, 429];

test('by logins that fail, whatever the method', async () => {
  const headers = { authorization: 'Bearer nothing' };
  expect(await flood('POST', '/api/v1/policies', headers)).toEqual({
    statuses: [401, 401, 401, ...TOO_OFTEN],
    left: 3,
  });
});

test('by methods and paths that there are not', async () => {
  expect(await flood('POST', '/nothing')).toEqual({ statuses: [404, 404, 404, ...TOO_OFTEN], left: 3 });
  await rig?.stop();
  expect(await flood('POST', '/health')).toEqual({ statuses: [405, 405, 405, ...TOO_OFTEN], left: 3 });
});

test('by paths that cannot be read', async () => {
  expect(await flood('POST', '/api/v1/%zz')).toEqual({ statuses: [400, 400, 400, ...TOO_OFTEN], left: 3 });
});

test('by pages of other sites', async () => {
  const headers = { origin: 'https://elsewhere.example', 'sec-fetch-site': 'cross-site' };
  expect(await flood('POST', '/api/v1/policies', headers)).toEqual({
    statuses: [403, 403, 403, ...TOO_OFTEN],
    left: 3,
  });
});

test('by somebody known, more often than anybody may ask', async () => {
  const journal = new MemoryJournal();
  rig = await ControlRig.start({ journal, settings: { rateLimit: { perMinute: 5, failedLoginsPerMinute: 100 } } });
  const token = await rig.token('viewer', 'acme', 'ann');
  const from = journal.texts.length;
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) statuses.push((await rig.send('DELETE', '/api/v1/policies/x', { token })).status);
  expect(statuses).toEqual([403, 403, 403, 403, 403, 429, 429, 429]);
  expect(journal.told(from)).toHaveLength(5);
});

test('and is not told of the disk that it tries to fill', async () => {
  const journal = new MemoryJournal();
  rig = await ControlRig.start({ journal });
  Object.assign(journal, { failing: 'evidence cannot be written to /var/lib/domicile: no space left', hasRoom: false });
  const { status, text } = await rig.send('POST', '/api/v1/policies', { headers: { authorization: 'Bearer nothing' } });
  expect(status).toBe(503);
  expect(text).toContain('audit_unavailable');
  expect(text).not.toMatch(/var|space/);
});
