import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { base64url, exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT, type JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JwtVerifier } from '../../src/control/auth/jwt.ts';
import type { JwtSettings } from '../../src/control/context.ts';
import { ControlRig } from './rig.ts';

const ISSUER = 'https://login.example';
const AUDIENCE = 'domicile';
const PATH = '/api/v1/policies';

const rsa = await generateKeyPair('RS256', { extractable: true });
const ec = await generateKeyPair('ES256', { extractable: true });
const stranger = await generateKeyPair('RS256', { extractable: true });
const rsaJwk = { ...(await exportJWK(rsa.publicKey)), kid: 'rsa-1', alg: 'RS256', use: 'sig' };
const ecJwk = { ...(await exportJWK(ec.publicKey)), kid: 'ec-1', alg: 'ES256', use: 'sig' };

const SETTINGS: JwtSettings = {
  issuer: ISSUER,
  audience: AUDIENCE,
  keys: { jwks: { keys: [rsaJwk, ecJwk] } },
  algorithms: ['RS256', 'ES256'],
  claims: { role: 'role', tenant: 'tenant', subject: 'sub' },
};

const CLAIMS = { role: 'viewer', tenant: 'acme', sub: 'ann' };
const now = () => Math.floor(Date.now() / 1000);

interface Making {
  readonly claims?: JWTPayload;
  readonly header?: Record<string, unknown>;
  readonly key?: Parameters<SignJWT['sign']>[0];
  /** Seconds from now. */
  readonly expires?: number | null;
}

function make({ claims = {}, header = {}, key = rsa.privateKey, expires = 300 }: Making = {}): Promise<string> {
  const payload = {
    iss: ISSUER,
    aud: AUDIENCE,
    ...CLAIMS,
    ...(expires === null ? {} : { exp: now() + expires }),
    ...claims,
  };
  return new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid: 'rsa-1', ...header }).sign(key);
}

/** A token without a signature, or with one made elsewhere. */
function forge(header: object, claims: object, signature = ''): string {
  const part = (value: object) => base64url.encode(JSON.stringify(value));
  return `${part(header)}.${part({ iss: ISSUER, aud: AUDIENCE, exp: now() + 300, ...CLAIMS, ...claims })}.${signature}`;
}

let rig: ControlRig;
beforeAll(async () => {
  rig = await ControlRig.start({ settings: { jwt: SETTINGS } });
});
afterAll(() => rig.stop());

const ask = (token: string, method = 'GET', path = PATH) => rig.send(method, path, { token });

async function refused(token: string): Promise<string> {
  const { status, body, headers } = await ask(token);
  expect(status).toBe(401);
  expect(headers['www-authenticate']).toBe('Bearer realm="domicile"');
  return body.detail;
}

describe('a token of the issuer', () => {
  it('proves who it is, in which role, for which tenant', async () => {
    expect((await ask(await make())).status).toBe(200);
    const post = (token: string, tenant_id: string) =>
      rig.send('POST', PATH, { token, body: { tenant_id, primary_region: 'eu-west' } });
    expect((await post(await make(), 'acme')).status, 'a viewer writes nothing').toBe(403);
    const operator = await make({ claims: { role: 'operator' } });
    expect((await post(operator, 'other')).status, 'another tenant does not exist for it').toBe(404);
    expect((await post(operator, 'acme')).status).toBe(201);
  });

  it('may be signed by each of the pinned algorithms', async () => {
    const token = await make({ key: ec.privateKey, header: { alg: 'ES256', kid: 'ec-1' } });
    expect((await ask(token)).status).toBe(200);
  });

  it('may be off by 30 seconds, and not by more', async () => {
    expect((await ask(await make({ expires: -25 }))).status).toBe(200);
    expect(await refused(await make({ expires: -35 }))).toContain('exp');
    expect((await ask(await make({ claims: { nbf: now() + 25 } }))).status).toBe(200);
    expect(await refused(await make({ claims: { nbf: now() + 35 } }))).toContain('nbf');
  });
});

describe('a token is refused', () => {
  it('without an end', async () => {
    expect(await refused(await make({ expires: null }))).toContain('exp');
  });

  it('without a subject, or with one that is no id', async () => {
    expect(await refused(await make({ claims: { sub: undefined as never } }))).toContain('sub');
    expect(await refused(await make({ claims: { sub: 'a b' } }))).toContain('sub');
    expect(await refused(await make({ claims: { sub: '' } }))).toContain('sub');
  });

  it('without a tenant, where one is to be claimed', async () => {
    expect(await refused(await make({ claims: { tenant: undefined } }))).toBe(
      'this token is refused: "tenant" names no tenant',
    );
    for (const tenant of [null, '', ['acme'], '*', 7]) await refused(await make({ claims: { tenant } }));
  });

  it('without a role that there is', async () => {
    for (const role of [undefined, null, '', 'root', 'Admin', ['admin'], 'toString', '__proto__'])
      expect(await refused(await make({ claims: { role } }))).toContain('is no role');
  });

  it('of another issuer or for another audience', async () => {
    expect(await refused(await make({ claims: { iss: 'https://evil.example' } }))).toContain('iss');
    expect(await refused(await make({ claims: { iss: `${ISSUER}/` } }))).toContain('iss');
    expect(await refused(await make({ claims: { aud: 'another' } }))).toContain('aud');
    expect(await refused(await make({ claims: { aud: undefined as never } }))).toContain('aud');
  });

  it('that is signed by nobody', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE']) await refused(forge({ alg }, { role: 'admin' }));
    const [head, body] = (await make()).split('.');
    await refused(`${head}.${body}.`);
    await refused(`${head}.${body}`);
  });

  it('that is signed with the public key, as if it were a secret', async () => {
    const header = { alg: 'HS256', kid: 'rsa-1' };
    const secrets = [await exportSPKI(rsa.publicKey), JSON.stringify(rsaJwk), rsaJwk.n as string];
    for (const secret of secrets)
      expect(await refused(await make({ key: new TextEncoder().encode(secret), header }))).toContain('alg');
  });

  it('that is signed by another key, under the id of ours', async () => {
    expect(await refused(await make({ key: stranger.privateKey }))).toContain('signature verification failed');
  });

  it('that brings its own key along', async () => {
    const jwk = await exportJWK(stranger.publicKey);
    for (const header of [{ jwk }, { jku: 'https://evil.example/jwks' }, { jwk, kid: 'mine' }])
      await refused(await make({ key: stranger.privateKey, header }));
  });

  it('of a key that is not there', async () => {
    expect(await refused(await make({ header: { kid: 'rsa-2' } }))).toContain('no applicable key');
    await refused(await make({ header: { kid: '../../etc/passwd' } }));
  });

  it('by an algorithm that the key is not for, or that is not pinned', async () => {
    const jwk = await exportJWK(rsa.privateKey);
    for (const alg of ['RS512', 'PS256'])
      expect(await refused(await make({ key: await importJWK(jwk, alg), header: { alg } }))).toContain('"alg"');
    expect(await refused(await make({ key: ec.privateKey, header: { alg: 'ES256' } }))).toContain('no applicable key');
  });

  it('whose signature is of other claims', async () => {
    const [head, , signature] = (await make()).split('.');
    const [, body] = forge({ alg: 'RS256' }, { role: 'admin' }).split('.');
    expect(await refused(`${head}.${body}.${signature}`)).toContain('signature verification failed');
  });

  it('that says what must be understood, and is not', async () => {
    await refused(
      await make({ header: { crit: ['exp2'], exp2: 1 } }).catch(() => forge({ alg: 'RS256', crit: ['x'], x: 1 }, {})),
    );
  });

  it('that is no token at all', async () => {
    for (const text of ['a', 'a.b', 'a.b.c', 'a.b.c.d.e', '...', 'e30.e30.e30', `${'a'.repeat(8000)}.b.c`])
      await refused(text);
  });

  it('where no issuer is configured', async () => {
    const plain = await ControlRig.start();
    const { status, body } = await plain.send('GET', PATH, { token: await make() });
    expect(status).toBe(401);
    expect(body.detail).toContain('no JWT issuer is configured');
    await plain.stop();
  });
});

it('without a tenant claim configured, tokens are for all tenants', async () => {
  const claims = { ...SETTINGS.claims, tenant: null };
  const all = await ControlRig.start({ settings: { jwt: { ...SETTINGS, claims } } });
  const token = await make({ claims: { role: 'operator', tenant: 'acme' } });
  const body = { tenant_id: 'other', primary_region: 'eu-west' };
  expect((await all.send('POST', PATH, { token, body })).status).toBe(201);
  await all.stop();
});

it('algorithms by which everybody could sign are refused at the start', () => {
  for (const algorithms of [['HS256'], ['none'], ['RS256', 'HS512'], []])
    expect(() => new JwtVerifier({ ...SETTINGS, algorithms })).toThrow(/proves nothing/);
});

describe('keys that are fetched', () => {
  let server: Server;
  let keys: { readonly url: URL };
  let fetches = 0;
  let answer: { readonly status: number; readonly body: string };

  beforeAll(async () => {
    server = createServer((_, response) => {
      fetches++;
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    keys = { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`) };
  });
  afterAll(() => void server.close());

  it.each([
    [500, 'no'],
    [200, '{"keys":"none"}'],
    [200, '<html>'],
  ])('are not the fault of the token when they cannot be had: %i %s', async (code, text) => {
    answer = { status: code, body: text };
    const remote = await ControlRig.start({ settings: { jwt: { ...SETTINGS, keys } } });
    const { status, body, headers } = await remote.send('GET', PATH, { token: await make() });
    expect(status).toBe(503);
    expect(headers['retry-after']).toBe('5');
    expect(body.detail).toBe('the keys of the token issuer cannot be had: try again later');
    expect(remote.lines.join('')).toContain('a control request failed');
    await remote.stop();
  });

  it('are kept, and not fetched anew for every key id that somebody makes up', async () => {
    answer = { status: 200, body: JSON.stringify({ keys: [rsaJwk] }) };
    const remote = await ControlRig.start({ settings: { jwt: { ...SETTINGS, keys } } });
    const get = async (token: string) => (await remote.send('GET', PATH, { token })).status;
    expect(await get(await make())).toBe(200);
    const before = fetches;
    for (let i = 0; i < 5; i++) expect(await get(await make({ header: { kid: `made-up-${i}` } }))).toBe(401);
    expect(await get(await make())).toBe(200);
    expect(fetches - before, 'the cool-down holds').toBe(0);
    await remote.stop();
  });
});
