// The certificate is proof, its text is not: a name must be a URI of the one form, be alone in that, and not be made of pieces of
// another name (CVE-2021-44532). Headers may agree with it and may not speak against it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { fieldOf, parseAnswers } from './answers.ts';
import { Authority, dnsName, mailbox, selfSigned, type Certificate } from './certificate.ts';
import { startWorld } from './world.ts';

const authority = new Authority('clients');
const server = selfSigned('127.0.0.1');
const folder = mkdtempSync(join(tmpdir(), 'domicile-mtls-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const write = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const tls = {
  cert: write('cert.pem', server.cert),
  key: write('key.pem', server.key),
  client_ca: write('ca.pem', authority.cert),
};
const listeners = { storage: { listen: '127.0.0.1:0', tls } };
const mtls = { uri: 'spiffe://trust/tenant/{tenant}' };
const certificates = await startWorld({ settings: { listeners, identity: { sources: ['mtls'], mtls } } });
const both = await startWorld({ settings: { listeners, identity: { sources: ['mtls', 'headers'], mtls } } });

const CLASS = 'X-Data-Classification: identity\r\n';
const ACME = 'spiffe://trust/tenant/acme';

async function send(world: typeof both, { cert, key }: Certificate, lines = CLASS) {
  const socket = connect({ host: '127.0.0.1', port: world.port('storage'), ca: server.cert, cert, key });
  socket.end(`GET /reports/key HTTP/1.1\r\nHost: x\r\n${lines}\r\n`);
  const [answer] = parseAnswers(Buffer.concat(await socket.toArray()), ['GET']);
  return { reason: fieldOf(answer!, 'x-residency-reason'), region: fieldOf(answer!, 'x-residency-region') };
}

/** Not a byte leaves for any region. */
async function refuses(world: typeof both, certificate: Certificate, reason: string, lines = CLASS): Promise<void> {
  const before = world.bytes();
  expect(await send(world, certificate, lines)).toEqual({ reason, region: null });
  await world.rig.metrics();
  expect(world.bytes() - before).toBe(0);
}

test('the tenant of the certificate decides', async () => {
  expect(await send(certificates, authority.client([ACME]))).toEqual({ reason: 'in_residency', region: 'eu-west' });
  await refuses(certificates, authority.client(['spiffe://trust/tenant/globex']), 'cross_border_restricted');
});

test('over HTTP/2 too', async () => {
  for (const [uri, reason] of [
    [ACME, 'in_residency'],
    ['spiffe://trust/tenant/globex', 'cross_border_restricted'],
    ['spiffe://trust/user/acme', 'identity_unauthenticated'],
  ] as const) {
    const { cert, key } = authority.client([uri]);
    const client = http2.connect(`https://127.0.0.1:${certificates.port('storage')}`, { ca: server.cert, cert, key });
    const stream = client.request({ ':path': '/reports/key', 'x-data-classification': 'identity' });
    const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.on('response', resolve));
    expect(headers['x-residency-reason']).toBe(reason);
    stream.resume();
    client.close();
  }
});

test.each([
  ['of another trust domain', 'spiffe://other/tenant/acme'],
  ['of a trust domain that only begins so', 'spiffe://trust.other/tenant/acme'],
  ['of another scheme', 'https://trust/tenant/acme'],
  ['with more behind it', `${ACME}/x`],
  ['with a query', `${ACME}?x`],
  ['that is encoded', 'spiffe://trust/tenant/%61cme'],
  ['in which another one is quoted', `spiffe://trust/x, URI:${ACME}`],
  ['in which another one is quoted twice', `spiffe://trust/x", URI:"${ACME}`],
  ['in which another one follows a line end', `spiffe://trust/x\nURI:${ACME}`],
  ['cut short by a NUL', `${ACME}\0x`],
])('a certificate with a URI %s is nobody’s', async (_, uri) => {
  await refuses(certificates, authority.client([uri]), 'identity_unauthenticated');
});

test('names of other kinds are no URIs, whatever they say', async () => {
  const others = [dnsName(`x, URI:${ACME}`), mailbox(`x", URI:"${ACME}`), dnsName(ACME)];
  await refuses(certificates, authority.client([], others), 'identity_unauthenticated');
  await refuses(certificates, authority.client([]), 'identity_unauthenticated');
});

test('two URIs of the form are one too many, though headers would have done', async () => {
  const lines = `X-Tenant-ID: acme\r\n${CLASS}`;
  for (const uris of [
    [ACME, 'spiffe://trust/tenant/globex'],
    [ACME, ACME],
  ]) {
    await refuses(certificates, authority.client(uris), 'identity_unauthenticated');
    await refuses(both, authority.client(uris), 'identity_unauthenticated', lines);
  }
});

test('a header that speaks against the certificate is refused, where headers are a source too', async () => {
  for (const world of [certificates, both])
    await refuses(world, authority.client([ACME]), 'header_conflict', `X-Tenant-ID: globex\r\n${CLASS}`);
});

test('a certificate with a tenant that is none is refused as such', async () => {
  await refuses(certificates, authority.client(['spiffe://trust/tenant/a,b']), 'tenant_invalid');
  await refuses(certificates, authority.client(['spiffe://trust/tenant/..']), 'tenant_invalid');
});

test('a stranger’s certificate, an expired one, and none at all open no connection', async () => {
  const before = certificates.bytes();
  const { cert, key } = new Authority('clients').client([ACME]);
  await expect(send(certificates, { cert, key })).rejects.toThrow(/.+/);
  await expect(send(certificates, authority.client([ACME], [], Date.now() - 1000))).rejects.toThrow(/.+/);
  await expect(send(certificates, { cert: '', key: '' })).rejects.toThrow(/.+/);
  expect(certificates.bytes()).toBe(before);
});
