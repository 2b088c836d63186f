// A key that the issuer has withdrawn opens nothing once that is known; until it is, a token verified lately is believed for five
// minutes at most. Keys that cannot be had open nothing at all.
import { writeFileSync } from 'node:fs';
import { expect, test, afterAll } from 'vitest';
import { TokenIssuer } from './issuer.ts';
import { startWorld } from './world.ts';

const issuer = await TokenIssuer.make('ES256', 'old');
const successor = await TokenIssuer.make('ES256', 'new');
const { jwt, done } = issuer.settings();
afterAll(done);
const world = await startWorld({ settings: { identity: { sources: ['jwt'], jwt } } });
const unreachable = await startWorld({
  settings: {
    identity: { sources: ['jwt', 'headers'], jwt: { ...jwt, jwks_file: null, jwks_url: 'http://127.0.0.1:1/' } },
  },
});
const attack = async (of: TokenIssuer) => ({
  target: '/reports/key',
  tenant: null,
  headers: { Authorization: `Bearer ${await of.token()}` },
});

test('with the new key set in force the old key’s tokens are refused, known ones too', async () => {
  const known = await attack(issuer);
  await world.forwards(known, { region: 'eu-west', reason: 'in_residency' });
  writeFileSync(jwt['jwks_file'] as string, JSON.stringify(successor.jwks));
  expect(await world.rig.domicile.reload('test')).toBe(true);
  await world.refuses(known, { reason: 'identity_unauthenticated' });
  await world.forwards(await attack(successor), { region: 'eu-west', reason: 'in_residency' });
});

test('a key set that is none leaves the one before in force', async () => {
  writeFileSync(jwt['jwks_file'] as string, '{"keys": []}');
  expect(await world.rig.domicile.reload('test')).toBe(false);
  await world.forwards(await attack(successor), { region: 'eu-west', reason: 'in_residency' });
});

test('while keys cannot be had no token is believed, and no header instead', async () => {
  const { headers } = await attack(issuer);
  await unreachable.refuses({ target: '/reports/key', headers }, { reason: 'policy_unavailable' });
  await unreachable.forwards({ target: '/reports/key' }, { region: 'eu-west', reason: 'in_residency' });
});
