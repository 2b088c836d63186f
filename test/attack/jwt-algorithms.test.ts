// RFC 8725 §2.1, §3.1: which algorithms are believed is said by us, and none of them is `none` or shares its secret with the verifier.
import { expect, test } from 'vitest';
import { TokenIssuer } from './issuer.ts';
import { startWorld } from './world.ts';

const issuer = await TokenIssuer.make();

test.each([[['none']], [['HS256']], [['RS256', 'HS256']], [['ES256', 'none']], [['rs256']], [[]]])(
  'algorithms %j are refused at start',
  async (algorithms) => {
    const { jwt, done } = issuer.settings({ algorithms });
    try {
      await expect(startWorld({ settings: { identity: { sources: ['jwt'], jwt } } })).rejects.toThrow(/algorithms/);
    } finally {
      done();
    }
  },
);

test.each([
  ['a token where identity stands', { header: 'X-Tenant-ID' }, /header/],
  ['no keys', { jwks_file: null }, /jwks/],
  ['keys over plain HTTP', { jwks_file: null, jwks_url: 'http://issuer.test/jwks' }, /https/],
])('%s is refused at start', async (_, more, why) => {
  const { jwt, done } = issuer.settings(more);
  try {
    await expect(startWorld({ settings: { identity: { sources: ['jwt'], jwt } } })).rejects.toThrow(why);
  } finally {
    done();
  }
});
