import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Refusal } from '../../src/core/refusal.ts';
import { readJwks, type IssuerKeys } from '../../src/inbound/identity/issuer.ts';
import { JwtSource, type JwtSettings } from '../../src/inbound/identity/jwt.ts';
import type { Verified } from '../../src/inbound/identity/verified.ts';
import { TokenIssuer } from '../attack/issuer.ts';

const issuer = await TokenIssuer.make();
const CLAIMS = { tenant: 'tenant', classification: 'data.class', subject: 'subject', user: 'sub' };

function source(keys: IssuerKeys = { jwks: issuer.jwks }, more: Partial<JwtSettings> = {}): JwtSource {
  return new JwtSource({
    issuer: TokenIssuer.ISSUER,
    audience: TokenIssuer.AUDIENCE,
    algorithms: ['ES256'],
    header: 'authorization',
    keys,
    claims: CLAIMS,
    ...more,
  });
}

function verify(jwt: JwtSource, token: string, now = Date.now()): Promise<Verified | Refusal> {
  return new Promise((resolve) => jwt.verify(token, now, resolve));
}

async function refusal(jwt: JwtSource, token: string, now?: number): Promise<string> {
  const outcome = await verify(jwt, token, now);
  if (!(outcome instanceof Refusal)) throw new Error(`believed: ${JSON.stringify(outcome)}`);
  return `${outcome.reason}: ${outcome.detail}`;
}

const cleanups: (() => unknown)[] = [];
afterAll(() => Promise.all(cleanups.map((clean) => clean())));

/** Serves key sets, and counts how often it is asked. */
async function keyServer(respond: RequestListener): Promise<{ url: URL; asked: () => number }> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked++;
    respond(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`), asked: () => asked };
}

test('claims become facts by their configured names, dots leading into maps', async () => {
  const token = await issuer.token({ data: { class: 'content' }, subject: 's1' });
  expect(await verify(source(), token)).toEqual({
    tenant: 'acme',
    classification: 'content',
    subject: 's1',
    user: 'teacher-1',
  });
});

test('a claim whose own name has dots comes before the map that they would lead into', async () => {
  const claims = { ...CLAIMS, tenant: 'https://acme.test/tenant', classification: 'data.class' };
  const token = await issuer.token({
    'https://acme.test/tenant': 'acme',
    'data.class': 'identity',
    data: { class: 'content' },
  });
  expect(await verify(source(undefined, { claims }), token)).toMatchObject({
    tenant: 'acme',
    classification: 'identity',
  });
});

test('what a token does not claim, or claims to be empty or null, it does not say', async () => {
  const token = await issuer.token({ tenant: undefined, data: null, subject: '' });
  expect(await verify(source(), token)).toEqual({
    tenant: null,
    classification: null,
    subject: null,
    user: 'teacher-1',
  });
  const claims = { tenant: 'constructor', classification: 'data.toString', subject: '__proto__', user: null };
  expect(await verify(source(undefined, { claims }), await issuer.token({ data: {} }))).toEqual({
    tenant: null,
    classification: null,
    subject: null,
    user: null,
  });
});

test.each([
  ['a list', ['acme', 'globex']],
  ['a number', 7],
  ['a map', { id: 'acme' }],
  ['true', true],
])('a claim that is %s is refused, not guessed at', async (_, tenant) => {
  expect(await refusal(source(), await issuer.token({ tenant }))).toBe('identity_unauthenticated: claim not a text');
});

test('a token is known once it was verified, and until then it is not', async () => {
  const jwt = source();
  const token = await issuer.token();
  const now = Date.now();
  expect(jwt.known(token, now)).toBeNull();
  const verified = await verify(jwt, token, now);
  expect(jwt.known(token, now)).toBe(verified);
  expect(jwt.known(`${token}x`, now)).toBeNull();
  expect(jwt.known(token.slice(0, -1), now)).toBeNull();
});

test('it is known until it expires, and for five minutes at most', async () => {
  const jwt = source();
  const now = 1_900_000_000_000;
  const short = await issuer.token({ exp: now / 1000 + 60 });
  const long = await issuer.token({ exp: now / 1000 + 86_400 });
  await verify(jwt, short, now);
  await verify(jwt, long, now);
  expect([jwt.known(short, now + 59_999) !== null, jwt.known(short, now + 60_000)]).toEqual([true, null]);
  expect([jwt.known(long, now + 299_999) !== null, jwt.known(long, now + 300_000)]).toEqual([true, null]);
});

test('clocks may differ by thirty seconds; within them nothing is remembered', async () => {
  const jwt = source();
  const now = 1_900_000_000_000;
  const expired = await issuer.token({ exp: now / 1000 });
  expect(await verify(jwt, expired, now + 29_000)).toMatchObject({ tenant: 'acme' });
  expect(jwt.known(expired, now + 29_000)).toBeNull();
  expect(await refusal(jwt, expired, now + 30_000)).toBe('identity_unauthenticated: ERR_JWT_EXPIRED');
  const early = await issuer.token({ exp: now / 1000 + 600, nbf: now / 1000 });
  expect(await verify(jwt, early, now - 30_000)).toMatchObject({ tenant: 'acme' });
  expect(await refusal(jwt, early, now - 31_000)).toBe('identity_unauthenticated: ERR_JWT_CLAIM_VALIDATION_FAILED');
});

test.each([
  ['without exp', { exp: undefined }],
  ['without sub', { sub: undefined }],
  ['with an exp that is a text', { exp: '2099-01-01' }],
  ['of another issuer', { iss: 'https://other.test/' }],
  ['without an issuer', { iss: undefined }],
  ['for another audience', { aud: 'other' }],
  ['for nobody in particular', { aud: undefined }],
  ['for other audiences', { aud: ['other', 'domicile2'] }],
])('a token %s is refused', async (_, claims) => {
  expect(await refusal(source(), await issuer.token(claims))).toBe(
    'identity_unauthenticated: ERR_JWT_CLAIM_VALIDATION_FAILED',
  );
});

test('a token with an empty sub, or one that is no text, is nobody’s', async () => {
  expect(await refusal(source(), await issuer.token({ sub: '' }))).toMatch(/^identity_unauthenticated/);
  expect(await refusal(source(), await issuer.token({ sub: 7 }))).toMatch(/^identity_unauthenticated/);
});

test('one audience among several is enough', async () => {
  expect(await verify(source(), await issuer.token({ aud: ['other', 'domicile'] }))).toMatchObject({ tenant: 'acme' });
});

test('what failed is not remembered', async () => {
  const jwt = source();
  const other = await TokenIssuer.make();
  const token = await other.token();
  expect(await refusal(jwt, token)).toBe('identity_unauthenticated: ERR_JWS_SIGNATURE_VERIFICATION_FAILED');
  expect(jwt.known(token, Date.now())).toBeNull();
});

test('the token is what stands behind Bearer in authorization, or alone in another header', () => {
  const bearer = source();
  const alone = source(undefined, { header: 'x-identity-token' });
  expect(bearer.tokenOf(['authorization', 'Bearer a.b.c'])).toBe('a.b.c');
  expect(bearer.tokenOf(['authorization', 'bearer   a.b.c'])).toBe('a.b.c');
  expect(bearer.tokenOf(['authorization', 'Bearer'])).toBe('');
  expect(bearer.tokenOf(['authorization', 'Bearerx a.b.c'])).toBeNull();
  expect(bearer.tokenOf(['authorization', 'AWS4-HMAC-SHA256 Credential=x'])).toBeNull();
  expect(bearer.tokenOf(['authorization', 'Basic eDp5'])).toBeNull();
  expect(bearer.tokenOf(['x-identity-token', 'a.b.c'])).toBeNull();
  expect(alone.tokenOf(['authorization', 'Bearer a.b.c', 'x-identity-token', 'd.e.f'])).toBe('d.e.f');
  expect(alone.tokenOf(['x-identity-token', 'Bearer d.e.f'])).toBe('Bearer d.e.f');
  expect(alone.tokenOf(['x-identity-token', ''])).toBeNull();
});

test('a token that is sent twice is a conflict, and one that Connection names is malformed', () => {
  const jwt = source();
  const twice = jwt.tokenOf(['authorization', 'Bearer a', 'x-a', 'b', 'authorization', 'Basic a']);
  expect(twice).toMatchObject({ reason: 'header_conflict', status: 400 });
  const dropped = jwt.tokenOf(['connection', 'close, Authorization', 'authorization', 'Bearer a']);
  expect(dropped).toMatchObject({ reason: 'request_malformed', status: 400 });
});

test('a token in a header that would travel is taken out, one in authorization goes anyway', () => {
  const headers = ['a', '1', 'x-identity-token', 't', 'authorization', 'Bearer t'];
  expect(source().without(headers)).toBe(headers);
  expect(source(undefined, { header: 'x-identity-token' }).without(headers)).toEqual([
    'a',
    '1',
    'authorization',
    'Bearer t',
  ]);
});

test('keys are fetched once, and again for an unknown key id only after a while', async () => {
  const second = await TokenIssuer.make('ES256', 'key-2');
  const server = await keyServer((_, response) => response.end(JSON.stringify(issuer.jwks)));
  const jwt = source({ url: server.url });
  expect(server.asked()).toBe(0);
  await Promise.all([issuer.token(), issuer.token({ subject: 's' })].map(async (token) => verify(jwt, await token)));
  expect(server.asked()).toBe(1);
  const unknown = await second.token();
  for (let i = 0; i < 5; i++)
    expect(await refusal(jwt, unknown)).toBe('identity_unauthenticated: ERR_JWKS_NO_MATCHING_KEY');
  expect(server.asked()).toBe(1);
});

test.each<[string, RequestListener]>([
  ['an error', (_, response) => response.writeHead(500).end()],
  ['no JSON', (_, response) => response.end('<html>')],
  ['no key set', (_, response) => response.end('{"keys": 7}')],
  ['a redirect', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
  ['nothing', (request) => request.socket.destroy()],
])('when %s is all that the key server gives, that is no fault of the token', async (_, respond) => {
  const server = await keyServer(respond);
  const jwt = source({ url: server.url });
  const token = await issuer.token();
  const outcome = await verify(jwt, token);
  expect(outcome).toMatchObject({ reason: 'policy_unavailable', status: 503 });
});

test('a key server that fails is not asked again by every token', async () => {
  let failing = true;
  const server = await keyServer((_, response) => {
    if (failing) response.writeHead(503).end();
    else response.end(JSON.stringify(issuer.jwks));
  });
  const jwt = source({ url: server.url });
  const token = await issuer.token();
  for (let i = 0; i < 5; i++) expect(await verify(jwt, token)).toMatchObject({ reason: 'policy_unavailable' });
  expect(server.asked()).toBe(1);
  failing = false;
  const start = performance.now();
  let outcome = await verify(jwt, token);
  while (outcome instanceof Refusal && performance.now() - start < 10_000) {
    await new Promise((resolve) => setTimeout(resolve, 100)); // a pause of two seconds is what is looked at
    outcome = await verify(jwt, token);
  }
  expect(outcome).toMatchObject({ tenant: 'acme' });
  expect(server.asked()).toBe(2);
});

test('a key set is read from a file, and what is none is told in one line', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'domicile-jwks-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'jwks.json');
  const read = (content: unknown) => {
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return readJwks(file);
  };
  expect(read(issuer.jwks)).toEqual(issuer.jwks);
  expect(() => read('{')).toThrow(`${file} is not JSON`);
  expect(() => read(null)).toThrow(`${file} is not a JWK set: it has no keys`);
  expect(() => read({ keys: [] })).toThrow('it has no keys');
  expect(() => read({ keys: [issuer.jwks.keys[0], { kty: 'oct', k: 'c2VjcmV0' }] })).toThrow('no public key, the 2.');
  expect(() => read({ keys: [{ ...issuer.jwks.keys[0], d: 'x' }] })).toThrow('holds a private key, the 1.');
  expect(() => readJwks(join(folder, 'none.json'))).toThrow('ENOENT');
});
