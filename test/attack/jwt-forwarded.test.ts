// The token is the client's own paper for us: the upstream gets our credential, and in no field the client's.
import { afterAll, expect, test } from 'vitest';
import { TokenIssuer } from './issuer.ts';
import { startWorld } from './world.ts';

const issuer = await TokenIssuer.make();
const settings = (header: string) => {
  const { jwt, done } = issuer.settings({ header });
  afterAll(done);
  return { identity: { sources: ['jwt'], jwt } };
};
const HEADERS = ['authorization', 'x-api-key', 'x-identity-token', 'origin'];
const worlds = await Promise.all(HEADERS.map((header) => startWorld({ settings: settings(header) })));

test.each(HEADERS.map((header, i) => [header, i] as const))('a token in %s goes nowhere', async (header, i) => {
  const token = await issuer.token();
  for (const [service, target] of [
    ['storage', '/reports/key'],
    ['search', '/notes/_doc/1'],
  ] as const) {
    const value = header === 'authorization' ? `Bearer ${token}` : token;
    const { received } = await worlds[i]!.forwards(
      { service, target, tenant: null, headers: { [header]: value } },
      { region: 'eu-west', reason: 'in_residency' },
    );
    expect(JSON.stringify(received)).not.toContain(token);
  }
});
