// RFC 8725: whoever holds no private key of the issuer makes no token, whatever the header of the token says of itself. A bad token is
// refused also where headers would have been believed: who shows a false paper is not taken at his word.
import { createHmac, createPublicKey } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { base64url, CompactSign, exportJWK, SignJWT, type JWK } from 'jose';
import { assemble, TokenIssuer } from './issuer.ts';
import { startWorld } from './world.ts';

const issuer = await TokenIssuer.make('RS256');
const mallory = await TokenIssuer.make('RS256');
const { jwt, done } = issuer.settings();
afterAll(done);
const tokens = await startWorld({ settings: { identity: { sources: ['jwt'], jwt } } });
const both = await startWorld({ settings: { identity: { sources: ['jwt', 'headers'], jwt } } });

const claims = TokenIssuer.claims();
const publicJwk = issuer.jwks.keys[0] as JWK;
const publicKey = createPublicKey({ key: publicJwk as never, format: 'jwk' });
const [header64, claims64, signature64] = (await issuer.token()).split('.') as [string, string, string];

/** HMAC with what everybody knows of the issuer. */
function confused(alg: string, key: string | Buffer): string {
  const signed = assemble({ alg, kid: issuer.kid }, claims, '').slice(0, -1);
  return `${signed}.${createHmac(`sha${alg.slice(2)}`, key)
    .update(signed)
    .digest('base64url')}`;
}

const signedByMallory = (header: Record<string, unknown>) =>
  new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader(header as never).sign(mallory.privateKey);

const forged: Record<string, string> = {
  'alg none': assemble({ alg: 'none' }, claims, ''),
  'alg None': assemble({ alg: 'None', kid: issuer.kid }, claims, ''),
  'alg NONE with a signature': assemble({ alg: 'NONE', kid: issuer.kid }, claims, signature64),
  'no alg': assemble({ kid: issuer.kid }, claims, signature64),
  'HS256 with the public key, PEM': confused('HS256', publicKey.export({ type: 'spki', format: 'pem' })),
  'HS256 with the public key, DER': confused('HS256', publicKey.export({ type: 'spki', format: 'der' })),
  'HS256 with the public key, JWK': confused('HS256', JSON.stringify(publicJwk)),
  'HS384 with the modulus': confused('HS384', Buffer.from(publicJwk.n!, 'base64url')),
  'HS512 with nothing': confused('HS512', ''),
  'another algorithm of the same key': await new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', kid: issuer.kid })
    .sign(issuer.privateKey)
    .then((token) => token.replace(/^[^.]+/, base64url.encode(JSON.stringify({ alg: 'RS512', kid: issuer.kid })))),
  'another key of the same name': await mallory.token({}, { kid: issuer.kid }),
  'another key without a name': await signedByMallory({ alg: 'RS256' }),
  'a key that it brings along': await signedByMallory({ alg: 'RS256', jwk: await exportJWK(publicKeyOf(mallory)) }),
  'a key set that it names': await signedByMallory({ alg: 'RS256', kid: 'key-1', jku: 'http://127.0.0.1:1/jwks' }),
  'a certificate that it names': await signedByMallory({ alg: 'RS256', kid: 'key-1', x5u: 'http://127.0.0.1:1/cert' }),
  'a kid that is a path': await mallory.token({}, { kid: '../../../../dev/null' }),
  'a kid that is a query': await mallory.token({}, { kid: "' UNION SELECT 'key" }),
  'a kid of everything': await mallory.token({}, { kid: '__proto__' }),
  'a kid that is nothing': await mallory.token({}, { kid: '' }),
  'changed claims': [header64, base64url.encode(JSON.stringify({ ...claims, tenant: 'globex' })), signature64].join(
    '.',
  ),
  'claims that lost their exp': [header64, claims64.slice(0, -8), signature64].join('.'),
  'no signature': `${header64}.${claims64}.`,
  'a signature of zeros': `${header64}.${claims64}.${'A'.repeat(signature64.length)}`,
  'two parts': `${header64}.${claims64}`,
  'four parts': `${header64}.${claims64}.${signature64}.x`,
  'a critical extension': assemble({ alg: 'RS256', kid: issuer.kid, crit: ['x'], x: 1 }, claims, signature64),
  'an unencoded payload': assemble({ alg: 'RS256', kid: issuer.kid, b64: false, crit: ['b64'] }, claims, signature64),
  'no JSON': `${base64url.encode('x')}.${claims64}.${signature64}`,
};

function publicKeyOf(of: TokenIssuer) {
  return createPublicKey({ key: of.jwks.keys[0] as never, format: 'jwk' });
}

test('a token in order is served', async () => {
  for (const world of [tokens, both])
    await world.forwards(
      { target: '/reports/key', headers: { Authorization: `Bearer ${await issuer.token()}` } },
      { region: 'eu-west', reason: 'in_residency' },
    );
});

test.each(Object.entries(forged))('%s is refused', async (_, token) => {
  const headers = { Authorization: `Bearer ${token}` };
  await tokens.refuses({ target: '/reports/key', headers, tenant: null }, { reason: 'identity_unauthenticated' });
  await both.refuses({ target: '/reports/key', headers }, { reason: 'identity_unauthenticated' });
});

test('a refusal says neither whose token it was nor what was wrong with it', async () => {
  const token = await issuer.token({ exp: 1, sub: 'teacher-9' });
  const { body } = await tokens.refuses(
    { target: '/reports/key', headers: { Authorization: `Bearer ${token}` } },
    { reason: 'identity_unauthenticated' },
  );
  expect(body).not.toMatch(/exp|teacher|issuer|audience/i);
  expect(JSON.stringify(tokens.rig.log)).not.toContain(token);
});
