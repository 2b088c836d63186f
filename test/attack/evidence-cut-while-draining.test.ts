// A proxy that stops cuts what has not ended by then. What had left by that time is on record all the same, whatever the
// protocol: else whoever can have a proxy restarted could have requests that leave no trace.
import { once } from 'node:events';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startRig } from '../rig/domicile.ts';
import { recordsUnder } from '../rig/evidence.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream } from '../rig/upstream.ts';

const upstream = await startUpstream();
afterAll(() => upstream.close());

test('every request that is cut when a proxy stops is on record, once, with its end where it was recorded before', async () => {
  upstream.respond = (_, response) => void response.write('{'); // and no more
  const rig = await startRig({
    regions: [regionAt('eu-west', { search: upstream.url })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
  });
  const common = { 'x-tenant-id': 'acme', 'x-data-classification': 'identity' };
  const answer = await fetch(`${rig.search}/orders/_search`, { headers: { ...common, 'x-request-id': 'h1' } });
  const first = expect(answer.text(), 'cut').rejects.toThrow();
  const session = connect(rig.search).on('error', () => undefined);
  const stream = session.request({ ':path': '/orders/_search', ...common, 'x-request-id': 'h2' });
  const second = new Promise((resolve) => stream.on('error', resolve).on('aborted', resolve));
  await once(stream.resume(), 'response');
  const state = join(rig.folder, 'state');
  await rig.domicile.drain(50);
  await Promise.all([first, second]);
  const records = await recordsUnder(state);
  for (const id of ['h1', 'h2']) {
    const own = records.filter(({ request_id }) => request_id === id);
    const ends = own.filter(({ kind, open }) => kind === 'outcome' || open !== true);
    expect(
      own.filter(({ kind }) => kind === 'decision'),
      id,
    ).toHaveLength(1);
    expect(ends, id).toMatchObject([{ reason: 'in_residency', status: 200 }]);
  }
  await rig.stop();
});
