// PROTOCOLS, leak table "OpenSearch", row "Remote seeds": one PUT of `cluster.remote.us.seeds` joins the cluster with one of
// another region, and every later search may cross.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const seeds = `127.0.0.1:${world.search('us-east').port}`;

test.each([
  ['PUT', '/_cluster/settings', { persistent: { cluster: { remote: { us: { seeds: [seeds] } } } } }],
  ['PUT', '/_cluster/settings', { transient: { 'cluster.remote.us.proxy_address': seeds } }],
  ['PUT', '/_cluster/settings?flat_settings=true', {}],
  ['PUT', '/%5Fcluster/settings', {}],
  ['POST', '/_cluster/reroute', {}],
  ['PUT', '/_nodes/reload_secure_settings', {}],
])('%s %s is refused', async (method, target, body) => {
  await world.refuses(
    {
      service: 'search',
      method,
      target,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    },
    { reason: 'operation_not_permitted' },
  );
});

test('what tells of the joined clusters is refused too', async () => {
  for (const target of ['/_cluster/settings?include_defaults=true', '/_remote/info', '/_cluster/state', '/_nodes']) {
    await world.refuses({ service: 'search', target }, { reason: 'operation_not_permitted' });
  }
});

test('asking after the health of the cluster goes through', async () => {
  await world.forwards(
    { service: 'search', target: '/_cluster/health' },
    { region: 'eu-west', reason: 'in_residency' },
  );
});
