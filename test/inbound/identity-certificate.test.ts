import { X509Certificate } from 'node:crypto';
import { connect, type ConnectionOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Refusal } from '../../src/core/refusal.ts';
import { ClientCertificate, urisOf } from '../../src/inbound/identity/certificate.ts';
import { matchUri, parseUriTemplate, type UriTemplate } from '../../src/inbound/identity/uri-template.ts';
import { Authority, dnsName, mailbox, selfSigned } from '../attack/certificate.ts';
import { IdentityHost } from './identity-host.ts';

const TENANT = parseUriTemplate('spiffe://trust/tenant/{tenant}') as UriTemplate;
const authority = new Authority('clients');
const NOBODY = { tenant: null, classification: null, subject: null, user: null };

describe('the form of the URI', () => {
  test('facts stand for one segment each, literals for themselves', () => {
    const template = parseUriTemplate(
      'spiffe://trust/t/{tenant}/c/{classification}/{subject}/{user}/end',
    ) as UriTemplate;
    expect(matchUri(template, 'spiffe://trust/t/acme/c/identity/s1/u@1/end')).toEqual({
      tenant: 'acme',
      classification: 'identity',
      subject: 's1',
      user: 'u@1',
    });
    expect(template.namesTenant).toBe(true);
    expect(parseUriTemplate('spiffe://trust/user/{user}')).toMatchObject({ namesTenant: false });
  });

  test.each([
    'spiffe://trust/tenant/',
    'spiffe://trust/tenant',
    'spiffe://trust/tenant/acme/',
    'spiffe://trust/tenant/acme/x',
    'spiffe://trust/tenant//acme',
    'spiffe://trust//tenant/acme',
    'spiffe://trust/tenants/acme',
    'spiffe://Trust/tenant/acme',
    'SPIFFE://trust/tenant/acme',
    'spiffe://trust.evil/tenant/acme',
    'spiffe://trust:443/tenant/acme',
    'spiffe://user@trust/tenant/acme',
    'https://trust/tenant/acme',
    'xspiffe://trust/tenant/acme',
    'spiffe://trust/tenant/acme?x',
    'spiffe://trust/tenant/acme#x',
    'spiffe://trust/tenant/%61cme',
    'spiffe://trust/tenant/acme%2Fx',
    'spiffe://trust/tenant/ac me',
    'spiffe://trust/tenant/ac"me',
    'spiffe://trust/tenant/ac\\me',
    'spiffe://trust/tenant/acm\u00e9',
    'spiffe://trust/tenant/acme\0',
    'spiffe://trust/tenant/acme\n',
    '',
  ])('%j is not of it', (uri) => {
    expect(matchUri(TENANT, uri)).toBeNull();
  });

  test.each([
    ['tenant/{tenant}', 'trust domain'],
    ['spiffe:/trust/{tenant}', 'trust domain'],
    ['spiffe://{tenant}/x', 'trust domain'],
    ['spiffe://{tenant}', 'trust domain'],
    ['://trust/{tenant}', 'trust domain'],
    ['spiffe://trust', 'no placeholder'],
    ['spiffe://trust/tenant/acme', 'no placeholder'],
    ['spiffe://trust/{tenant}/{tenant}', '{tenant} twice'],
    ['spiffe://trust/{region}', '{region}, which is none of {tenant}, {classification}, {subject}, {user}'],
    ['spiffe://trust/a{tenant}', '"a{tenant}"'],
    ['spiffe://trust/{tenant}/', '""'],
    ['spiffe://trust//{tenant}', '""'],
    ['spiffe://trust/{tenant}?x', '"{tenant}?x"'],
    ['spiffe://trust/%41/{tenant}', '"%41"'],
  ])('%s is no form: %s', (text, why) => {
    expect(parseUriTemplate(text)).toContain(why);
  });
});

describe('the names in a certificate', () => {
  const namesOf = (uris: readonly string[], others: readonly Buffer[] = []) =>
    urisOf(new X509Certificate(authority.client(uris, others).cert).subjectAltName ?? '');

  test('are its URIs, whatever else it is called', () => {
    expect(namesOf(['spiffe://trust/tenant/acme'], [dnsName('acme.test'), mailbox('a@acme.test')])).toEqual([
      'spiffe://trust/tenant/acme',
    ]);
    expect(namesOf([], [dnsName('acme.test')])).toEqual([]);
    expect(namesOf([])).toEqual([]);
    expect(namesOf(['a:b', 'c:d'])).toEqual(['a:b', 'c:d']);
  });

  test.each([
    ['a comma', 'spiffe://trust/tenant/globex, URI:spiffe://trust/tenant/acme'],
    ['a quote', 'spiffe://trust/x", URI:"spiffe://trust/tenant/acme'],
    ['a backslash', 'spiffe://trust/\\", URI:spiffe://trust/tenant/acme'],
    ['an escape', 'spiffe://trust/\\u0022, URI:spiffe://trust/tenant/acme'],
    ['a line end', 'spiffe://trust/x\nURI:spiffe://trust/tenant/acme'],
    ['a NUL', 'spiffe://trust/tenant/acme\0.evil'],
    ['bytes beyond ASCII', 'spiffe://trust/tenant/acm\u00e9'],
  ])('one with %s in it is one name', (_, uri) => {
    expect(namesOf([uri])).toEqual([uri]);
    expect(namesOf([uri, 'a:b'])).toEqual([uri, 'a:b']);
  });

  test('names of other kinds cannot pass for a URI', () => {
    const others = [dnsName('x, URI:spiffe://trust/tenant/acme'), mailbox('x", URI:"spiffe://trust/tenant/acme')];
    expect(namesOf([], others)).toEqual([]);
  });

  test.each(['URI:"a', 'URI:"a"b', 'URI:a"b', 'URI:"\\x"', 'URI', ', URI:a', 'URI:a,URI:b', '1:a'])(
    '%j is not taken for any',
    (text) => {
      expect(urisOf(text)).toBeNull();
    },
  );
});

describe('what a certificate says', () => {
  const certificate = (...uris: string[]) => new ClientCertificate(uris, 1000);

  test('is what the one URI of the form says', () => {
    const shown = certificate('https://acme.test/', 'spiffe://trust/tenant/acme');
    expect(shown.identity(TENANT, 999)).toEqual({ ...NOBODY, tenant: 'acme' });
    expect(shown.identity(TENANT, 999)).toBe(shown.identity(TENANT, 0));
  });

  test('is nothing where none is of the form, and is asked anew for another form', () => {
    const shown = certificate('spiffe://trust/user/u1');
    expect(shown.identity(TENANT, 0)).toBeNull();
    expect(shown.identity(parseUriTemplate('spiffe://trust/user/{user}') as UriTemplate, 0)).toMatchObject({
      user: 'u1',
    });
    expect(shown.identity(TENANT, 0)).toBeNull();
  });

  test.each([
    ['two are', certificate('spiffe://trust/tenant/acme', 'spiffe://trust/tenant/globex'), 0, 'ambiguous'],
    ['one is there twice', certificate('spiffe://trust/tenant/acme', 'spiffe://trust/tenant/acme'), 0, 'ambiguous'],
    ['its names cannot be read', new ClientCertificate(null, 1000), 0, 'unreadable'],
    ['it has expired', certificate('spiffe://trust/tenant/acme'), 1000, 'expired'],
  ])('is refused where %s', (_, shown, now, why) => {
    const refusal = shown.identity(TENANT, now);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ reason: 'identity_unauthenticated', status: 401, detail: `certificate ${why}` });
  });
});

describe('over TLS', () => {
  const server = selfSigned('127.0.0.1');
  let host: IdentityHost;
  let open: IdentityHost;
  beforeAll(async () => {
    host = await IdentityHost.start({ mtls: TENANT }, { tls: { ...server, clientCa: authority.cert } });
    open = await IdentityHost.start({ mtls: TENANT }, { tls: { ...server, clientCa: null } });
  });
  afterAll(() => Promise.all([host.stop(), open.stop()]));
  const asked = { headers: ['x-data-classification', 'content'] };

  test.each([
    ['HTTP/1', false],
    ['HTTP/2', true],
  ])('the certificate says whose request it is: %s', async (_, http2) => {
    const acme = authority.client(['spiffe://trust/tenant/acme']);
    const found = await host.ask({ ...asked, certificate: acme, http2 });
    expect(found).toMatchObject({ status: 200, claims: { tenant: 'acme', classification: 'content' } });
    const none = await host.ask({ ...asked, certificate: authority.client(['spiffe://trust/user/u1']), http2 });
    expect(none).toMatchObject({ status: 401, reason: 'identity_unauthenticated' });
  });

  test('a connection without one, or with a stranger’s, is never served', async () => {
    const before = host.requests.length;
    await expect(host.ask(asked)).rejects.toThrow(/certificate required|handshake|reset|hang up|alert/i);
    const stranger = new Authority('clients').client(['spiffe://trust/tenant/acme']);
    await expect(host.ask({ ...asked, certificate: stranger })).rejects.toThrow(/unknown ca|reset|hang up|alert/i);
    const expired = authority.client(['spiffe://trust/tenant/acme'], [], Date.now() - 1000);
    await expect(host.ask({ ...asked, certificate: expired })).rejects.toThrow(/expired|reset|hang up|alert/i);
    expect(host.requests.length).toBe(before);
  });

  test('a resumed connection is still its client’s', async () => {
    const converse = async (options: ConnectionOptions) => {
      const socket = connect({ host: '127.0.0.1', port: host.port, ca: server.cert, ...options });
      let session: Buffer | null = null;
      let resumed = false;
      socket.on('secureConnect', () => (resumed = socket.isSessionReused()));
      socket.on('session', (given: Buffer) => (session = given));
      socket.write('GET /b/k HTTP/1.1\r\nHost: x\r\nX-Data-Classification: content\r\nConnection: close\r\n\r\n');
      const answer = Buffer.concat(await socket.toArray()).toString();
      return { session: session as Buffer | null, answer, resumed };
    };
    const { cert, key } = authority.client(['spiffe://trust/tenant/acme']);
    const first = await converse({ cert, key });
    const second = await converse({ session: first.session! });
    expect([first.resumed, second.resumed]).toEqual([false, true]);
    for (const { answer } of [first, second]) expect(answer).toContain('"tenant":"acme"');
  });

  test('a listener that asks for none believes none', async () => {
    const certificate = authority.client(['spiffe://trust/tenant/acme']);
    for (const http2 of [false, true])
      expect(await open.ask({ ...asked, certificate, http2 })).toMatchObject({
        status: 401,
        reason: 'identity_unauthenticated',
      });
  });
});
