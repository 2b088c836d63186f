import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { ControlRig } from './rig.ts';

let rig: ControlRig;
const services: { service: 'storage' | 'search'; up: boolean }[] = [];

beforeAll(async () => {
  rig = await ControlRig.start({
    world: { regions: () => [{ id: 'eu-west', status: 'active', services }] },
  });
});
afterAll(() => rig.stop());

it('tells its name and version to everybody', async () => {
  const { status, body } = await rig.send('GET', '/health');
  expect(status).toBe(200);
  expect(body).toEqual({ status: 'healthy', service: 'Domicile', version: '0.0.0-test' });
});

it('tells that the store answers, and how fast', async () => {
  const { status, body } = await rig.send('GET', '/health/db');
  expect(status).toBe(200);
  expect(body).toEqual({ status: 'healthy', kind: 'sqlite', latency_ms: expect.any(Number) });
});

it('tells that the store does not answer, without saying why to everybody', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'domicile-control-'));
  const store = await openStore({ url: null, folder });
  const other = await ControlRig.start({ store });
  await store.close();
  const { status, body } = await other.send('GET', '/health/db');
  expect(status).toBe(503);
  expect(body).toEqual({ status: 'unhealthy', kind: 'sqlite', latency_ms: null });
  expect(other.lines.join('')).toContain('the store does not answer');
  expect((await other.send('GET', '/health')).status, 'the process is healthy all the same').toBe(200);
  await other.stop();
});

it.each([
  ['healthy', 200, [true, true]],
  ['degraded', 200, [true, false]],
  ['unhealthy', 503, [false, false]],
] as const)('calls regions %s', async (word, code, ups) => {
  services.splice(0, services.length, { service: 'storage', up: ups[0] }, { service: 'search', up: ups[1] });
  const { status, body } = await rig.send('GET', '/health/regions');
  expect(status).toBe(code);
  expect(body).toEqual({ status: word, regions: [{ id: 'eu-west', status: 'active', services }] });
});
