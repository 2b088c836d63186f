// A grant of one use, and many requests that are decided while it is unused: each has its body still to come, and leaves only then.
// Counted when they leave, but looked at only when they begin, one use would carry any number of them over the border.
import { expect, test } from 'vitest';
import { Wire } from '../rig/upstream.ts';
import { headWith, startWorld } from './world.ts';

const GRANT = {
  tenant_id: 'acme',
  subjects: [],
  user_id: 'support-1',
  classifications: ['identity'],
  resource: '*',
  from_region: 'eu-west',
  to_region: 'us-east',
  not_before: '2020-01-01T00:00:00Z',
  not_after: '2100-01-01T00:00:00Z',
  reason: 'case 4711',
  approved_by: ['dpo'],
};
const world = await startWorld({
  grants: [
    { ...GRANT, id: 'once', verbs: ['access'], max_uses: 1 },
    { ...GRANT, id: 'twice', verbs: ['store'], max_uses: 2 },
  ],
  silent: ['eu-central'],
});

const REASON = /x-residency-reason: (\S+)/;

/** Three requests for Virginia that are begun together, and end one after the other. */
async function reasonsOf(target: string, lines: string, body: string): Promise<(string | undefined)[]> {
  const head = headWith(
    `X-User-ID: support-1\r\nX-Requested-Region: us-east\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n${lines}`,
    `POST ${target} HTTP/1.1`,
  );
  const wires = await Promise.all([1, 2, 3].map(() => Wire.open(world.rig.search)));
  for (const wire of wires) wire.write(head);
  // To be told to go on is to have been allowed.
  await Promise.all(wires.map((wire) => wire.until(/100 Continue/)));
  const reasons: (string | undefined)[] = [];
  for (const wire of wires) {
    wire.write(body);
    reasons.push(REASON.exec(await wire.until(REASON))?.[1]);
    wire.socket.destroy();
  }
  return reasons;
}

test('a grant of one use carries one search', async () => {
  const before = world.search('us-east').requests;
  const reasons = await reasonsOf('/reports/_search', 'Content-Type: application/json\r\n', '{}');
  expect(reasons).toEqual(['grant', 'region_not_allowed', 'region_not_allowed']);
  await world.rig.metrics(); // a round trip: what had left would be there by now
  expect(world.search('us-east').requests).toBe(before + 1);
});

test('a grant of two uses carries two bulks', async () => {
  const before = world.search('us-east').requests;
  const body = '{"index":{"_index":"reports","_id":"1"}}\n{"a":1}\n';
  const reasons = await reasonsOf('/_bulk', 'Content-Type: application/x-ndjson\r\n', body);
  expect(reasons).toEqual(['grant', 'grant', 'region_not_allowed']);
  await world.rig.metrics();
  expect(world.search('us-east').requests).toBe(before + 2);
});
