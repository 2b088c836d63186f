import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { presignSignature } from '../../src/core/presign.ts';
import type { IdentityRules } from '../../src/inbound/facts.ts';
import { JwtSource, type JwtSettings } from '../../src/inbound/identity/jwt.ts';
import { parseUriTemplate, type UriTemplate } from '../../src/inbound/identity/uri-template.ts';
import { Authority, selfSigned } from '../attack/certificate.ts';
import { TokenIssuer } from '../attack/issuer.ts';
import { IdentityHost, type Asked, type HostOptions } from '../inbound/identity-host.ts';

const issuer = await TokenIssuer.make();
const stranger = await TokenIssuer.make();
const authority = new Authority('clients');
const server = selfSigned('127.0.0.1');
const TLS = { ...server, clientCa: authority.cert };
const KEY = Buffer.alloc(32, 7);

const jwt = (more: Partial<JwtSettings> = {}) =>
  new JwtSource({
    issuer: TokenIssuer.ISSUER,
    audience: TokenIssuer.AUDIENCE,
    algorithms: ['ES256'],
    header: 'authorization',
    keys: { jwks: issuer.jwks },
    claims: { tenant: 'tenant', classification: 'class', subject: 'subject', user: 'sub' },
    ...more,
  });
const mtls = parseUriTemplate('spiffe://trust/tenant/{tenant}') as UriTemplate;

const hosts: IdentityHost[] = [];
async function start(rules: Partial<IdentityRules>, options: HostOptions = {}): Promise<IdentityHost> {
  const host = await IdentityHost.start(rules, options);
  hosts.push(host);
  return host;
}
afterAll(() => Promise.all(hosts.map((host) => host.stop())));

const bearer = (token: string) => ['authorization', `Bearer ${token}`];
const ACME = ['x-tenant-id', 'acme', 'x-data-classification', 'content'];
const CONTENT = ['x-data-classification', 'content'];
const UNPROVEN = { status: 401, reason: 'identity_unauthenticated', claims: null };

const tokens = await start({ jwt: jwt() });
const tokensOrHeaders = await start({ jwt: jwt(), headers: true });

test('a valid token is known by whose it is, at first sight and from then on', async () => {
  const headers = [...CONTENT, ...bearer(await issuer.token())];
  for (let i = 0; i < 3; i++)
    expect(await tokens.ask({ headers })).toMatchObject({
      status: 200,
      claims: { tenant: 'acme', user: 'teacher-1', classification: 'content' },
    });
});

test('without a token nobody is served, unless headers are a source too', async () => {
  for (const headers of [
    ACME,
    [...ACME, 'authorization', 'Basic eDp5'],
    [...ACME, 'authorization', 'AWS4-HMAC-SHA256 x'],
  ]) {
    expect(await tokens.ask({ headers })).toMatchObject(UNPROVEN);
    expect(await tokensOrHeaders.ask({ headers })).toMatchObject({ status: 200, claims: { tenant: 'acme' } });
  }
});

test('a bad token is refused, though headers would have done', async () => {
  const bad = [
    await stranger.token(),
    await issuer.token({ exp: 1 }),
    await issuer.token({ aud: 'other' }),
    'no-token',
    '',
    '..',
    'a.b.c.d.e',
    'sk-live-1234',
  ];
  for (const token of bad)
    for (const host of [tokens, tokensOrHeaders])
      expect(await host.ask({ headers: [...ACME, ...bearer(token)] })).toMatchObject(UNPROVEN);
});

test('a bad token is told before anything else is', async () => {
  const headers = ['x-tenant-id', 'acme', 'x-tenant-id', 'globex', ...bearer('no-token')];
  expect(await tokensOrHeaders.ask({ headers })).toMatchObject(UNPROVEN);
});

test('a token that names no tenant does not let its holder name one, unless anybody may', async () => {
  const headers = [...ACME, ...bearer(await issuer.token({ tenant: undefined }))];
  expect(await tokens.ask({ headers })).toMatchObject(UNPROVEN);
  expect(await tokensOrHeaders.ask({ headers })).toMatchObject({ status: 200, claims: { tenant: 'acme' } });
  const people = await start({
    jwt: jwt({ claims: { tenant: null, classification: null, subject: null, user: 'sub' } }),
  });
  expect(await people.ask({ headers })).toMatchObject({ status: 200, claims: { tenant: 'acme', user: 'teacher-1' } });
});

test('a header that contradicts the token is refused, known or not', async () => {
  const headers = ['x-tenant-id', 'globex', ...CONTENT, ...bearer(await issuer.token())];
  for (let i = 0; i < 2; i++)
    for (const host of [tokens, tokensOrHeaders])
      expect(await host.ask({ headers })).toMatchObject({ status: 400, reason: 'header_conflict', claims: null });
});

test('a token of one tenant opens no path of another', async () => {
  const host = await start({ jwt: jwt(), path: true });
  const headers = bearer(await issuer.token());
  const own = await host.ask({ headers, target: '/t/acme/content/b/k?list-type=2' });
  expect(own).toMatchObject({ status: 200, target: '/b/k?list-type=2', claims: { tenant: 'acme' } });
  const other = await host.ask({ headers, target: '/t/globex/content/b/k' });
  expect(other).toMatchObject({ status: 400, reason: 'header_conflict' });
  expect(await host.ask({ target: '/t/acme/content/b/k' })).toMatchObject(UNPROVEN);
});

test('a token in a header of its own does not travel', async () => {
  const host = await start({ jwt: jwt({ header: 'x-identity-token' }) });
  const token = await issuer.token();
  const found = await host.ask({ headers: [...CONTENT, 'x-identity-token', token, ...bearer('for-upstream')] });
  expect(found).toMatchObject({ status: 200, claims: { tenant: 'acme' } });
  expect(found.headers).not.toContain(token);
  expect(found.headers).toContain('Bearer for-upstream');
});

test('over HTTP/2 it is the same', async () => {
  const host = await start({ jwt: jwt() }, { tls: { ...server, clientCa: null } });
  const asked: Asked = { http2: true, headers: [...CONTENT, ...bearer(await issuer.token())] };
  expect(await host.ask(asked)).toMatchObject({ status: 200, claims: { tenant: 'acme' } });
  expect(await host.ask({ http2: true, headers: ACME })).toMatchObject(UNPROVEN);
});

test('certificate and token are both required, and agree', async () => {
  const host = await start({ jwt: jwt(), mtls }, { tls: TLS });
  const certificate = authority.client(['spiffe://trust/tenant/acme']);
  const other = authority.client(['spiffe://trust/tenant/globex']);
  const headers = [...CONTENT, ...bearer(await issuer.token())];
  expect(await host.ask({ certificate, headers })).toMatchObject({
    status: 200,
    claims: { tenant: 'acme', user: 'teacher-1' },
  });
  expect(await host.ask({ certificate: other, headers })).toMatchObject({ status: 400, reason: 'header_conflict' });
  expect(await host.ask({ certificate, headers: CONTENT })).toMatchObject(UNPROVEN);
  expect(await host.ask({ certificate: authority.client([]), headers })).toMatchObject(UNPROVEN);
});

test('where headers are a source too, a certificate of another form leaves the word to them', async () => {
  const host = await start({ mtls, headers: true }, { tls: TLS });
  const gateway = authority.client(['spiffe://trust/gateway/main']);
  expect(await host.ask({ certificate: gateway, headers: ACME })).toMatchObject({ claims: { tenant: 'acme' } });
  const two = authority.client(['spiffe://trust/tenant/acme', 'spiffe://trust/tenant/globex']);
  expect(await host.ask({ certificate: two, headers: ACME })).toMatchObject(UNPROVEN);
});

test('a certificate that expires under an open connection proves nothing more, and the connection ends', async () => {
  let now = Date.now();
  const host = await start({ mtls }, { tls: TLS, now: () => now });
  const certificate = authority.client(['spiffe://trust/tenant/acme'], [], now + 60_000);
  const { cert, key } = certificate;
  const socket = tls.connect({ host: '127.0.0.1', port: host.port, ca: server.cert, cert, key });
  const said = socket.iterator({ destroyOnReturn: false });
  const ask = async () => {
    socket.write('GET /b/k HTTP/1.1\r\nHost: x\r\nX-Data-Classification: content\r\n\r\n');
    return String((await said.next()).value);
  };
  expect(await ask()).toMatch(/^HTTP\/1.1 200 .*keep-alive.*"tenant":"acme"/s);
  now += 60_000;
  expect(await ask()).toMatch(/^HTTP\/1.1 401 .*connection: close.*"detail":"certificate expired"/s);
  expect(await said.next()).toMatchObject({ done: true });
});

test('a presigned URL proves its own path, and nothing else is asked for', async () => {
  const host = await start({ jwt: jwt(), path: true, presignKey: KEY });
  const path = '/t/acme/identity/reports/key';
  const expires = Math.floor(Date.now() / 1000) + 60;
  const signature = presignSignature(KEY, 'GET', path, expires);
  const target = `${path}?X-Domicile-Expires=${expires}&X-Domicile-Signature=${signature}`;
  expect(await host.ask({ target })).toMatchObject({
    status: 200,
    target: '/reports/key',
    claims: { tenant: 'acme', classification: 'identity', user: null },
  });
  expect(await host.ask({ target, method: 'HEAD' })).toMatchObject({ status: 200 });
  expect(await host.ask({ target, headers: bearer(await issuer.token()) })).toMatchObject({ status: 200 });
  const globex = bearer(await issuer.token({ tenant: 'globex' }));
  expect(await host.ask({ target, headers: globex })).toMatchObject({ status: 400, reason: 'header_conflict' });
  expect(await host.ask({ target, headers: bearer('no-token') })).toMatchObject(UNPROVEN);
  expect(await host.ask({ target, headers: ['x-tenant-id', 'globex'] })).toMatchObject({ reason: 'header_conflict' });
  expect(await host.ask({ target: target.replace('acme', 'globex') })).toMatchObject(UNPROVEN);
  expect(await host.ask({ target, method: 'DELETE' })).toMatchObject(UNPROVEN);
});

test('where the path alone is believed, a presigned URL is checked all the same', async () => {
  const host = await start({ path: true });
  expect(await host.ask({ target: '/t/acme/identity/b/k' })).toMatchObject({ status: 200 });
  expect(await host.ask({ target: '/t/acme/identity/b/k?X-Domicile-Expires=1' })).toMatchObject(UNPROVEN);
  const headersOnly = await start({ headers: true });
  const found = await headersOnly.ask({ headers: ACME, target: '/b/k?X-Domicile-Expires=1' });
  expect(found).toMatchObject({ status: 200, target: '/b/k?X-Domicile-Expires=1' });
});

/** Keys that come when they are let. */
async function heldKeys() {
  const held: ServerResponse[] = [];
  const keys = createServer((_, response) => held.push(response)).listen(0, '127.0.0.1');
  await once(keys, 'listening');
  const host = await start({
    jwt: jwt({ keys: { url: new URL(`http://127.0.0.1:${(keys.address() as AddressInfo).port}/`) } }),
  });
  return {
    host,
    /** Resolves when the keys are asked for. */
    asked: async () => {
      if (held.length === 0) await once(keys, 'request');
    },
    give: async () => {
      const response = held.shift()!;
      response.end(JSON.stringify(issuer.jwks));
      await once(response, 'close');
    },
    close: () => keys.close(),
  };
}

const POST = (token: string) =>
  `POST /b/k HTTP/1.1\r\nHost: x\r\nX-Data-Classification: content\r\nAuthorization: Bearer ${token}\r\nContent-Length: 10\r\n\r\n`;

test('a client that goes while its token is verified is let go', async () => {
  const { host, asked, give, close } = await heldKeys();
  const socket = connect(host.port, '127.0.0.1');
  socket.write(POST(await issuer.token()));
  await Promise.all([host.arrival(), asked()]);
  socket.resetAndDestroy();
  const request = host.requests[0]!;
  while (!request.over) await new Promise((resolve) => setImmediate(resolve));
  await give();
  expect(await host.ask({ headers: [...CONTENT, ...bearer(await issuer.token())] })).toMatchObject({ status: 200 });
  expect(request.answered).toBe(false);
  close();
});

test('a body that breaks off while the token is verified is not taken for one that is to come', async () => {
  const { host, asked, give, close } = await heldKeys();
  const socket = connect({ port: host.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.write(POST(await issuer.token()));
  await Promise.all([host.arrival(), asked()]);
  socket.end();
  while (!host.requests[0]!.broken) await new Promise((resolve) => setImmediate(resolve));
  await give();
  const answer = Buffer.concat(await socket.toArray()).toString();
  expect(answer).toContain('HTTP/1.1 400');
  expect(answer).toContain('"reason":"request_malformed"');
  close();
});
