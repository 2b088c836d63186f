// PEERS, "Telemetry leaks too: tenant ids and object keys do not belong in logs or metrics that leave the region": every name in
// these requests is a secret, and is looked for on the metrics page, in every refusal, and in the log. The log says who, in the
// fields for it, and in `detail` what a refusal was about; no object's key, no document's id, and nothing of a body.
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { startWorld, type Attack } from './world.ts';

const failing = await startStandIn((request, response) => {
  if (request.url?.includes('moved') !== true) return void request.socket.destroy();
  response.writeHead(307, { location: `http://127.0.0.1:9${request.url}` }).end();
});
const world = await startWorld({
  policies: [
    { id: 'acme-eu', tenant_id: 'tenant4711', mode: 'client-owned', primary_region: 'eu-west' },
    { id: 'fail', tenant_id: 'tenant4712', mode: 'client-owned', primary_region: 'eu-central' },
  ],
  replace: { 'eu-central': { storage: failing, search: failing } },
  silent: ['us-east'],
});
const WHO = /tenant471\d|subject-?4711|user-?4711/i;
const WHAT = /bucket4711|key4711|index4711|value4711|object4711|body4711|secret4711/i;
const NEVER = /bucket4711|object4711|body4711|secret4711/i;

const attacks: readonly (readonly [string, Attack])[] = [
  ['an object written', { method: 'PUT', target: '/bucket4711/object4711', body: 'body4711' }],
  ['an object read', { target: '/bucket4711/object4711?versionId=object4711' }],
  ['a list', { target: '/bucket4711?list-type=2&prefix=object4711' }],
  ['a parameter that is unknown', { target: '/bucket4711/object4711?key4711=value4711' }],
  ['two operations', { target: '/bucket4711/object4711?acl&tagging=key4711' }],
  ['a repeated parameter', { target: '/bucket4711?key4711&key4711' }],
  [
    'a copy source',
    {
      method: 'PUT',
      target: '/bucket4711/object4711',
      headers: { 'X-Amz-Copy-Source': 'arn:aws:s3:::bucket4711/object4711' },
    },
  ],
  [
    'a key of another region',
    {
      method: 'PUT',
      target: '/bucket4711/object4711',
      headers: { 'X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id': 'arn:aws:kms:us-east-1:1:key/key4711' },
    },
  ],
  ['an unknown field', { target: '/bucket4711/object4711', headers: { 'X-Amz-Key4711': 'value4711' } }],
  ['an ACL', { method: 'PUT', target: '/bucket4711/object4711', headers: { 'X-Amz-Acl': 'value4711' } }],
  [
    'a redirect',
    { method: 'PUT', target: '/bucket4711/object4711', headers: { 'X-Amz-Website-Redirect-Location': '/object4711' } },
  ],
  [
    'a restore',
    {
      method: 'POST',
      target: '/bucket4711/object4711?restore',
      body: '<RestoreRequest><Days>body4711</Days></RestoreRequest>',
    },
  ],
  ['no bucket', { target: '/bucket4711_/object4711' }],
  ['a class that is none', { target: '/bucket4711/object4711', classification: 'value4711' }],
  ['a region that is none', { target: '/bucket4711/object4711', headers: { 'X-Requested-Region': 'value4711' } }],
  ['a tenant that is none', { target: '/bucket4711/object4711', tenant: 'tenant4719' }],
  ['an upstream that fails', { target: '/bucket4711/object4711', tenant: 'tenant4712', classification: 'content' }],
  ['a document', { service: 'search', method: 'PUT', target: '/index4711/_doc/object4711', body: '{"body4711":1}' }],
  ['a remote cluster', { service: 'search', target: '/us:index4711/_search' }],
  ['an unknown parameter of a search', { service: 'search', target: '/index4711/_search?key4711=value4711' }],
  [
    'an unknown key of a search',
    { service: 'search', method: 'POST', target: '/index4711/_search', body: '{"key4711":1}' },
  ],
  [
    'a body that is no JSON',
    { service: 'search', method: 'POST', target: '/index4711/_search', body: '{"body4711":body4711' },
  ],
  ['a pipeline', { service: 'search', target: '/index4711/_search?search_pipeline=value4711' }],
  ['a hidden index', { service: 'search', target: '/.index4711/_search' }],
  [
    'a redirect by the upstream',
    { target: '/bucket4711/object4711/moved', tenant: 'tenant4712', classification: 'content' },
  ],
  [
    'an upstream of search that fails',
    { service: 'search', target: '/index4711/_search', tenant: 'tenant4712', classification: 'content' },
  ],
];

test.each(attacks)('%s: its refusal names nobody and nothing, and the log not what', async (_, attack) => {
  const lines = world.rig.log.length;
  const headers = {
    'X-Subject-ID': 'subject4711',
    'X-User-ID': 'user4711',
    Authorization: 'Bearer secret4711secret4711',
    ...(attack.service === 'search' ? { 'Content-Type': 'application/json' } : {}),
    ...attack.headers,
  };
  const answer = await world.send({ tenant: 'tenant4711', ...attack, headers });
  if (answer.headers.includes('deny') || answer.status >= 500) {
    expect(answer.body).not.toMatch(WHO);
    expect(answer.body).not.toMatch(WHAT);
    expect(JSON.stringify(answer.headers)).not.toMatch(WHO);
    expect(JSON.stringify(answer.headers)).not.toMatch(WHAT);
  }
  await world.rig.metrics();
  const logged = world.rig.log.slice(lines);
  expect(logged.length).toBeGreaterThan(0);
  for (const line of logged) {
    expect(JSON.stringify(line)).not.toMatch(NEVER);
    const { tenant_id, subject_id, user_id, ...rest } = line;
    expect(JSON.stringify({ ...rest, detail: null })).not.toMatch(WHAT);
    expect(JSON.stringify(rest), 'who, outside the fields that are for it').not.toMatch(WHO);
    expect([tenant_id, subject_id, user_id].join()).not.toContain('secret');
  }
});

test('after all that the metrics page names nobody and nothing', async () => {
  const page = await world.rig.metrics();
  expect(page).not.toMatch(WHO);
  expect(page).not.toMatch(WHAT);
  expect(page).toContain('domicile_leaks_blocked_total');
});
