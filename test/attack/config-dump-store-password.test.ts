// The address of a database may hold its password behind the user, or as a parameter. Whoever may look at the configuration in force
// is shown neither, however it is spelled.
import { afterAll, expect, test } from 'vitest';
import { startRig } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';

const stop: (() => Promise<void>)[] = [];
afterAll(() => Promise.all(stop.map((each) => each())));

test.each([
  'postgres://domicile:hunter-2-hunter@db.test/domicile',
  'postgres://domicile:hunter%2D2-hunter@db.test/domicile',
  'postgres://db.test/domicile?user=domicile&password=hunter-2-hunter',
  'postgres://db.test/domicile?user=domicile&password=hunter%2D2-hunter&sslmode=require',
])('%s', async (url) => {
  const rig = await startRig({
    regions: [regionAt('eu-west', { search: 'http://127.0.0.1:1' })],
    policies: [],
    settings: { store: { url: '${env:STORE_URL}' } },
    env: { STORE_URL: url },
  });
  stop.push(rig.stop);
  const dump = await (await fetch(`${rig.ops}/config_dump`)).text();
  expect(dump).toContain('db.test/domicile');
  expect(dump).not.toMatch(/hunter/);
});
