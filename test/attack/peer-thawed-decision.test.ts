// PEERS, "Decide once; freeze the decision through retries": between the decision and the last byte of a body the policies may
// change, or the upstream fail, and a proxy that asks again sends the second half, or the second try, elsewhere.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { Wire } from '../rig/upstream.ts';
import { fieldOf } from './answers.ts';
import { headWith, startWorld } from './world.ts';

let answers: 'whole' | 'reset' | 503 = 'whole';
let onBegun = () => {};
const received: string[] = [];
const storage = await startStandIn(async (request, response) => {
  if (answers === 'reset') return void request.socket.resetAndDestroy();
  onBegun();
  let body = '';
  for await (const chunk of request as AsyncIterable<Buffer>) body += chunk.toString();
  received.push(body);
  response.writeHead(answers === 503 ? 503 : 200, { 'retry-after': '0' }).end();
});
const world = await startWorld({
  replace: { 'eu-west': { storage } },
  policies: [
    {
      id: 'acme-eu',
      tenant_id: 'acme',
      mode: 'client-owned',
      primary_region: 'eu-west',
      allowed_regions: ['eu-central'],
      allow_cross_region_failover: true,
    },
  ],
});

test.each([
  ['an upstream that breaks off', 'reset', 502],
  ['an upstream that asks to try again', 503, 503],
] as const)('%s is not tried again, here or elsewhere', async (_, how, status) => {
  answers = how;
  const before = storage.requests;
  const answer = await world.send({ method: 'PUT', target: '/reports/key', body: 'bytes' });
  expect(answer.status).toBe(status);
  if (how === 'reset') expect(fieldOf(answer, 'x-residency-reason')).toBe('upstream_reset');
  expect(storage.requests).toBe(before + 1);
  expect(world.bytes(['eu-central', 'us-east'])).toBe(0);
  answers = 'whole';
});

test('a policy that changes in the middle of an upload moves the next one, not this one', async () => {
  received.length = 0;
  const begun = Promise.withResolvers<void>();
  onBegun = begun.resolve;
  const wire = await Wire.open(world.rig.storage);
  wire.write(`${headWith('Content-Length: 10\r\nConnection: close\r\n', 'PUT /reports/key HTTP/1.1')}hello`);
  await begun.promise;
  writeFileSync(
    join(world.rig.folder, 'policies', 'policies.yaml'),
    JSON.stringify({
      policies: [{ id: 'acme-us', tenant_id: 'acme', mode: 'client-owned', primary_region: 'us-east' }],
    }),
  );
  expect(await world.rig.domicile.reload('test')).toBe(true);
  wire.write('world');
  const said = await wire.closed();
  expect(said).toMatch(/^HTTP\/1\.1 200 /);
  expect(said.toLowerCase()).toContain('x-residency-region: eu-west\r\n');
  expect(received).toEqual(['helloworld']);
  expect(world.bytes(['eu-central', 'us-east'])).toBe(0);
  await world.refuses({ target: '/reports/key' }, { reason: 'cross_border_restricted' });
});
