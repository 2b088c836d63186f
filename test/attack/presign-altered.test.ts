// A URL that was signed for `via: proxy` holds for its method and path until its time is over, and for nothing else; where a token is
// needed otherwise, it is the one thing that stands in for it.
import { randomBytes } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { presignSignature } from '../../src/core/presign.ts';
import { TokenIssuer } from './issuer.ts';
import { startWorld } from './world.ts';

const issuer = await TokenIssuer.make();
const { jwt, done } = issuer.settings();
afterAll(done);
const paths = await startWorld({ settings: { identity: { sources: ['path'] } } });
const tokens = await startWorld({ settings: { identity: { sources: ['path', 'jwt'], jwt } } });
const worlds = [paths, tokens];
const keyless = await startWorld({ settings: { identity: { sources: ['path'] } } });

const nobody = { tenant: null, classification: null };
const OBJECT = '/t/acme/identity/reports/key';
const inAMinute = () => Math.floor(Date.now() / 1000) + 60;

/** As the control plane gives it to proxies. */
const KEY = randomBytes(32);
for (const { rig } of worlds) {
  const { proxy } = rig.domicile.plane;
  proxy.snapshot = { ...proxy.snapshot, rules: { ...proxy.snapshot.rules, presignKey: KEY } };
}

/** Signed as the control plane would. */
function signed(method: string, path = OBJECT, expires = inAMinute()): string {
  return `${path}?X-Domicile-Expires=${expires}&X-Domicile-Signature=${presignSignature(KEY, method, path, expires)}`;
}

test('as it was signed it is served, without a token, and nothing of it travels', async () => {
  for (const world of worlds) {
    for (const method of ['GET', 'HEAD']) {
      const { received } = await world.forwards(
        { method, target: signed('GET'), ...nobody },
        { region: 'eu-west', reason: 'in_residency' },
      );
      expect(received.target).toBe('/reports-eu-west-1/key');
      expect(JSON.stringify(received)).not.toMatch(/x-domicile/i);
    }
    await world.forwards(
      { method: 'PUT', target: signed('PUT'), ...nobody, body: 'x' },
      { region: 'eu-west', reason: 'in_residency' },
    );
  }
});

test('it is decided anew: what the policy refuses, no signature opens', async () => {
  const target = signed('GET', '/t/globex/identity/reports/key');
  for (const world of worlds) await world.refuses({ target, ...nobody }, { reason: 'cross_border_restricted' });
});

test.each<[string, () => { method?: string; target: string; headers?: Record<string, string> }]>([
  ['for another method', () => ({ method: 'DELETE', target: signed('GET') })],
  ['for PUT as GET', () => ({ target: signed('PUT') })],
  ['for GET as PUT', () => ({ method: 'PUT', target: signed('GET') })],
  ['for another tenant', () => ({ target: signed('GET').replace('acme', 'globex') })],
  ['for a lower class', () => ({ target: signed('GET').replace('identity', 'content') })],
  ['for another object', () => ({ target: signed('GET').replace('/key', '/other') })],
  ['for the whole bucket', () => ({ target: signed('GET').replace('/key', '/') })],
  ['in another spelling', () => ({ target: signed('GET').replace('/key', '/%6bey') })],
  ['with a step back', () => ({ target: signed('GET').replace('/key', '/x/../key') })],
  ['too late', () => ({ target: signed('GET', OBJECT, inAMinute() - 61) })],
  [
    'with its time put off',
    () => ({ target: signed('GET').replace(/\d{10}/, (seconds) => `${Number(seconds) + 3600}`) }),
  ],
  ['with another operation', () => ({ target: `${signed('GET')}&acl` })],
  ['with another version', () => ({ target: `${signed('GET')}&versionId=1` })],
  ['with its signature twice', () => ({ target: `${signed('GET')}&X-Domicile-Signature=00` })],
  ['without its signature', () => ({ target: signed('GET').replace(/&.*/, '') })],
  ['without its time', () => ({ target: signed('GET').replace(/\?.*&/, '?') })],
  ['with a name spelled otherwise', () => ({ target: signed('GET').replace('X-D', 'x-d') })],
  ['with a name encoded', () => ({ target: signed('GET').replace('X-D', '%58-D') })],
  [
    'as a copy of another object',
    () => ({ method: 'PUT', target: signed('PUT'), headers: { 'x-amz-copy-source': '/reports/other' } }),
  ],
  ['with another header of S3', () => ({ method: 'PUT', target: signed('PUT'), headers: { 'x-amz-tagging': 'a=b' } })],
])('%s it is refused', async (_, attack) => {
  for (const world of worlds) await world.refuses({ ...attack(), ...nobody }, { reason: 'identity_unauthenticated' });
});

test('what was signed for storage opens no index of the same name', async () => {
  for (const world of worlds)
    await world.refuses(
      { service: 'search', target: signed('GET', '/t/acme/identity/notes/_search'), ...nobody },
      { reason: 'identity_unauthenticated' },
    );
});

test('a header or a token that speaks against it is refused', async () => {
  for (const world of worlds)
    await world.refuses(
      { target: signed('GET'), tenant: 'globex', classification: null },
      { reason: 'header_conflict' },
    );
  const token = await issuer.token({ tenant: 'globex' });
  await tokens.refuses(
    { target: signed('GET'), ...nobody, headers: { Authorization: `Bearer ${token}` } },
    { reason: 'header_conflict' },
  );
});

test('where no control plane has given a key, none is valid', async () => {
  await keyless.refuses({ target: signed('GET'), ...nobody }, { reason: 'identity_unauthenticated' });
  await keyless.forwards({ target: OBJECT, ...nobody }, { region: 'eu-west', reason: 'in_residency' });
});
