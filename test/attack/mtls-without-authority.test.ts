// Where certificates say whose request it is, every data port must ask for them, by an authority that is named: else it does not start.
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

test('a port that asks for no certificates cannot have them as a source', async () => {
  const mtls = { uri: 'spiffe://trust/tenant/{tenant}' };
  await expect(startWorld({ settings: { identity: { sources: ['mtls'], mtls } } })).rejects.toThrow(/client_ca/);
});

test('a form of URIs that says nothing of a tenant is told apart from one that does', async () => {
  for (const [uri, why] of [
    ['spiffe://trust/{team}', /\{team\}/],
    ['spiffe://{tenant}/x', /trust domain/],
    ['spiffe://trust/tenant/acme', /no placeholder/],
  ] as const)
    await expect(startWorld({ settings: { identity: { sources: ['mtls'], mtls: { uri } } } })).rejects.toThrow(why);
});
