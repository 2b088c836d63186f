// PROTOCOLS, leak table "OpenSearch", row "Other egress": data sources, notification channels, monitors and flows carry
// documents out by themselves, and the security API gives away who may.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();

test.each([
  ['POST', '/_plugins/_query/_datasources'],
  ['GET', '/_plugins/_query/_datasources/us'],
  ['POST', '/_plugins/_notifications/configs'],
  ['GET', '/_plugins/_notifications/feature/test/1'],
  ['POST', '/_plugins/_alerting/monitors'],
  ['POST', '/_plugins/_alerting/destinations'],
  ['POST', '/_plugins/_alerting/monitors/_search'],
  ['POST', '/_plugins/_flow_framework/workflow'],
  ['PUT', '/_plugins/_security/api/roles/all_access'],
  ['GET', '/_plugins/_security/api/internalusers'],
  ['POST', '/_plugins/_anomaly_detection/detectors'],
  ['POST', '/_plugins/_rollup/jobs/1'],
  ['PUT', '/_plugins/_transform/1'],
  ['POST', '/_plugins/_geospatial/ip2geo/datasource/1'],
  ['PUT', '/_opendistro/_security/api/roles/x'],
  ['POST', '/_opendistro/_alerting/monitors'],
  ['POST', '/_dashboards/api/saved_objects'],
  ['PUT', '/_template/t'],
  ['PUT', '/_index_template/t'],
  ['PUT', '/_component_template/t'],
  ['PUT', '/_scripts/s'],
  ['POST', '/_aliases'],
  ['PUT', '/_data_stream/d'],
  ['POST', '/_tasks/1:2/_cancel'],
  ['POST', '/_rank_eval'],
  ['POST', '/_scripts/painless/_execute'],
])('%s %s is refused', async (method, target) => {
  await world.refuses(
    {
      service: 'search',
      method,
      target,
      headers: { 'Content-Type': 'application/json' },
      ...(method === 'GET' ? {} : { body: '{}' }),
    },
    { reason: 'operation_not_permitted' },
  );
});

test('the indices in which plugins keep their connectors and users are out of reach too', async () => {
  for (const target of [
    '/.plugins-ml-connector/_search',
    '/.opendistro_security/_doc/internalusers',
    '/.kibana*/_search',
    '/notes,.plugins-ml-config/_count',
    '/%2Eopendistro-alerting-config/_doc/1',
    '/*/_search?expand_wildcards=all',
    '/*/_search?expand_wildcards=open,hidden',
  ]) {
    await world.refuses({ service: 'search', target }, { reason: 'operation_not_permitted' });
  }
});
