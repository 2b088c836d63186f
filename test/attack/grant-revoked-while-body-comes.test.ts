// A grant, or an override, without a limit of uses; and a request that is decided while it holds, whose body its client keeps back
// until it is revoked, past, or unheard of. Looked at only when it begins, such a request would keep a widening open for as long
// as its client likes.
import { expect, test } from 'vitest';
import type { Grant, Override } from '../../src/policy/model.ts';
import { Wire } from '../rig/upstream.ts';
import { grant } from '../feed/source.ts';
import { startFed } from './fed-world.ts';

const fed = await startFed();
const { control, domicile } = fed;
const GRANT: Grant = { ...grant('acme', 'g-1'), fromRegion: 'eu-west', toRegion: 'us-east', maxUses: null };
const OVERRIDE: Override = {
  id: 'o-1',
  tenantId: 'acme',
  subjects: [],
  sourceRegion: 'eu-west',
  targetRegion: 'us-east',
  notBefore: 0,
  notAfter: Number.MAX_SAFE_INTEGER,
  reason: 'flood',
  approvedBy: ['bo', 'cy'],
};
const REASON = /x-residency-reason: (\S+)/;

/** A search that has been let go to Virginia, with its body still to come. */
async function begin(): Promise<Wire> {
  const wire = await Wire.open(fed.search);
  wire.write(
    'POST /reports/_search HTTP/1.1\r\nHost: search.test\r\nX-Tenant-ID: acme\r\nX-Data-Classification: content\r\n' +
      'X-User-ID: ana\r\nX-Requested-Region: us-east\r\nContent-Type: application/json\r\nContent-Length: 2\r\n' +
      'Expect: 100-continue\r\n\r\n',
  );
  await wire.until(/100 Continue/);
  return wire;
}

async function end(wire: Wire): Promise<string | undefined> {
  wire.write('{}');
  const reason = REASON.exec(await wire.until(REASON))?.[1];
  wire.socket.destroy();
  return reason;
}

/** From now on acme has these, and the proxy knows that what it had is outdated. */
async function give(widenings: { grants?: Grant[]; overrides?: Override[] }): Promise<void> {
  control.documents = () => fed.document({}, widenings);
  control.change(['acme']);
  const { revision } = control.world;
  await expect.poll(() => control.heard.some((said) => said.type === 'ack' && said.revision === revision)).toBe(true);
}

test.for([
  ['grant', { grants: [GRANT] }],
  ['emergency_override', { overrides: [OVERRIDE] }],
] as const)('%s that still holds carries the body, and revoked it does not', async ([reason, widenings]) => {
  await give(widenings as never);
  expect(await end(await begin())).toBe(reason);
  const before = fed.upstream['us-east'].requests.length;
  const wire = await begin();
  await give({});
  expect(await end(wire)).toBe('region_not_allowed');
  expect(fed.upstream['us-east'].requests.length).toBe(before);
});

test('what is past when the body is there carries nothing', async () => {
  const past = Date.now() + 1500;
  await give({ grants: [{ ...GRANT, notAfter: past }] });
  const wire = await begin();
  await expect.poll(() => domicile.plane.proxy.now() >= past, { timeout: 3000 }).toBe(true);
  expect(await end(wire)).toBe('region_not_allowed');
});

test('nor does one whose lease has lapsed', async () => {
  await give({ grants: [GRANT] });
  const wire = await begin();
  const { proxy } = domicile.plane;
  const { wideningUntil } = proxy;
  proxy.wideningUntil = () => 0;
  expect(await end(wire)).toBe('region_not_allowed');
  proxy.wideningUntil = wideningUntil;
});
