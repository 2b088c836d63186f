import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:http2';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startRig, type Rig } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { startUpstream, Wire, type Upstream } from '../rig/upstream.ts';

let upstream: Upstream;
let rig: Rig;
const ok = (_: IncomingMessage, response: ServerResponse) => void response.end('ok');
const IDENTITY = 'Host: x\r\nX-Tenant-ID: acme\r\nX-Data-Classification: content\r\n';
const headers = { 'x-tenant-id': 'acme', 'x-data-classification': 'content' };

beforeAll(async () => {
  upstream = await startUpstream();
  rig = await startRig({
    regions: [regionAt('eu-west', { storage: upstream.url }), regionAt('us-east', {})],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
    settings: { credentials: SETTINGS_CREDENTIALS, timeouts: { response_head_ms: 1500 } },
    env: ENV,
  });
});

beforeEach(() => {
  upstream.respond = ok;
  upstream.requests.length = 0;
});

afterAll(async () => {
  await rig.stop();
  await upstream.close();
});

test('one connection serves request after request', async () => {
  const wire = await Wire.open(rig.storage);
  wire.write(`GET /bkt/1 HTTP/1.1\r\n${IDENTITY}\r\n`);
  await wire.until(/ok$/);
  wire.write(`GET /bkt/2 HTTP/1.1\r\n${IDENTITY}Connection: close\r\n\r\n`);
  const all = await wire.closed();
  expect(all.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
});

test('pipelined requests are answered in order', async () => {
  upstream.respond = (request, response) => response.end(`[${request.url}]`);
  const wire = await Wire.open(rig.storage);
  wire.write([1, 2, 3].map((n) => `GET /bkt/${n} HTTP/1.1\r\n${IDENTITY}\r\n`).join(''));
  const all = await wire.until(/\[\/bkt-eu-west-1\/3\]/);
  expect(all.match(/\[[^\]]*\]/g)).toEqual(['[/bkt-eu-west-1/1]', '[/bkt-eu-west-1/2]', '[/bkt-eu-west-1/3]']);
  wire.socket.destroy();
});

test('100 Continue comes only after an allow, and a refusal has read no byte of the body', async () => {
  const allowed = await Wire.open(rig.storage);
  allowed.write(`PUT /bkt/k HTTP/1.1\r\n${IDENTITY}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`);
  await allowed.until(/100 Continue/);
  allowed.write('hello');
  await allowed.until(/200 OK[^]*ok$/);
  allowed.socket.destroy();

  const refused = await Wire.open(rig.storage);
  refused.write(
    `PUT /bkt/k HTTP/1.1\r\n${IDENTITY}X-Requested-Region: us-east\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n`,
  );
  const answer = await refused.until(/<\/Error>/);
  expect(answer).toMatch(/^HTTP\/1\.1 403/);
  expect(answer).not.toContain('100 Continue');
  expect(answer).toContain('x-residency-reason: region_not_allowed');
  refused.socket.destroy();
});

test('HEAD, 204 and 304 have no body and keep the connection in step', async () => {
  const wire = await Wire.open(rig.storage);
  upstream.respond = (_, response) => response.writeHead(200, { 'content-length': 1000 }).end();
  wire.write(`HEAD /bkt/k HTTP/1.1\r\n${IDENTITY}\r\n`);
  await wire.until(/content-length: 1000[^]*\r\n\r\n$/);
  upstream.respond = (_, response) => response.writeHead(204).end();
  wire.write(`DELETE /bkt/k HTTP/1.1\r\n${IDENTITY}\r\n`);
  await wire.until(/204 No Content[^]*\r\n\r\n$/);
  upstream.respond = (_, response) => response.writeHead(304, { etag: '"1"' }).end();
  wire.write(`GET /bkt/k HTTP/1.1\r\n${IDENTITY}If-None-Match: "1"\r\n\r\n`);
  await wire.until(/304 Not Modified[^]*\r\n\r\n$/);
  wire.socket.destroy();
});

test('a client that half-closes after a whole request is answered', async () => {
  const wire = await Wire.open(rig.storage);
  wire.socket.end(`GET /bkt/k HTTP/1.1\r\n${IDENTITY}\r\n`);
  expect(await wire.closed()).toMatch(/200 OK[^]*ok$/);
});

test('hop-by-hop and connection-named fields go neither way', async () => {
  upstream.respond = (_, response) =>
    response
      .writeHead(200, { connection: 'x-hop', 'x-hop': '1', 'proxy-authenticate': 'Basic', 'x-kept': '1' })
      .end('ok');
  const wire = await Wire.open(rig.storage);
  wire.write(
    `GET /bkt/k HTTP/1.1\r\n${IDENTITY}Connection: x-mine\r\nX-Mine: 1\r\nTE: trailers\r\nKeep-Alive: 1\r\n\r\n`,
  );
  const answer = await wire.until(/ok/);
  expect(answer).not.toMatch(/x-hop|proxy-authenticate/i);
  expect(answer).toContain('x-kept: 1');
  const sent = upstream.requests[0]!.headers;
  expect(sent).not.toHaveProperty('x-mine');
  expect(sent).not.toHaveProperty('te');
  expect(Object.keys(sent).filter((name) => name.startsWith('x-tenant') || name.startsWith('x-data'))).toEqual([]);
  wire.socket.destroy();
});

test('when the client goes, the upstream request is aborted', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  upstream.respond = (request, response) => {
    response.write('begin');
    request.on('close', () => resolve());
    response.on('close', () => resolve());
  };
  const wire = await Wire.open(rig.storage);
  wire.write(`GET /bkt/k HTTP/1.1\r\n${IDENTITY}\r\n`);
  await wire.until(/begin/);
  wire.socket.resetAndDestroy();
  await promise;
});

test('a client that only closed its side is found gone at the next byte, and the upstream request is aborted', async () => {
  const gone = Promise.withResolvers<void>();
  let more: () => void = () => undefined;
  upstream.respond = (_, response) => {
    response.write('begin');
    more = () => response.write('more');
    response.on('close', () => gone.resolve());
  };
  const wire = await Wire.open(rig.storage);
  wire.write(`GET /bkt/k HTTP/1.1\r\n${IDENTITY}\r\n`);
  await wire.until(/begin/);
  wire.socket.destroy();
  const writing = setInterval(() => more(), 20);
  await gone.promise;
  clearInterval(writing);
});

test('an upstream that breaks off in its body resets the client: never a short success', async () => {
  upstream.respond = (_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('half', () => response.destroy());
  };
  const failed = fetch(`${rig.storage}/bkt/k`, { headers }).then((response) => response.text());
  await expect(failed).rejects.toThrow();
});

test('an upstream that breaks off before its head is 502 upstream_reset', async () => {
  upstream.respond = (_, response) => void response.destroy();
  const response = await fetch(`${rig.storage}/bkt/k`, { headers });
  expect(response.status).toBe(502);
  expect(response.headers.get('x-residency-reason')).toBe('upstream_reset');
  // No decision failed, so the one that let the request go is told, with its policy and region.
  expect(response.headers.get('x-residency-decision')).toBe('allow');
  expect(response.headers.get('x-residency-region')).toBe('eu-west');
  expect(response.headers.get('x-residency-policy')).toMatch(/^acme-eu@\d+$/);
});

test('a refusal by a policy names that policy, and no region', async () => {
  const response = await fetch(`${rig.storage}/bkt/k`, { headers: { ...headers, 'x-requested-region': 'us-east' } });
  expect(response.headers.get('x-residency-reason')).toBe('region_not_allowed');
  expect(response.headers.get('x-residency-policy')).toMatch(/^acme-eu@\d+$/);
  expect(response.headers.get('x-residency-region')).toBeNull();
});

test('an upstream that does not answer is 504 upstream_timeout', async () => {
  upstream.respond = () => undefined;
  const response = await fetch(`${rig.storage}/bkt/k`, { headers });
  expect(response.status).toBe(504);
  expect(response.headers.get('x-residency-reason')).toBe('upstream_timeout');
});

test('an early answer to an unfinished upload is relayed and ends the connection', async () => {
  upstream.respond = (_, response) => response.writeHead(200).end('early');
  const wire = await Wire.open(rig.storage);
  wire.write(`PUT /bkt/k HTTP/1.1\r\n${IDENTITY}Content-Length: 1000000\r\n\r\nsome`);
  const answer = await wire.closed();
  expect(answer).toMatch(/^HTTP\/1\.1 200[^]*connection: close[^]*early/i);
});

test('a chunked upload keeps its bytes', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  upstream.respond = (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      resolve(body);
      response.end('ok');
    });
  };
  const wire = await Wire.open(rig.storage);
  wire.write(
    `PUT /bkt/k HTTP/1.1\r\n${IDENTITY}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\n\r\n`,
  );
  await wire.until(/ok$/);
  expect(await promise).toBe('hello world');
  wire.socket.destroy();
});

test('a chunked body that breaks its framing never looks whole to the upstream', async () => {
  const outcome = Promise.withResolvers<string>();
  const begun = Promise.withResolvers<void>();
  upstream.respond = (request) => {
    request.once('data', () => begun.resolve());
    request.on('end', () => outcome.resolve('whole'));
    request.on('error', () => outcome.resolve('reset'));
    request.on('close', () => outcome.resolve('reset'));
  };
  const wire = await Wire.open(rig.storage);
  wire.write(`PUT /bkt/k HTTP/1.1\r\n${IDENTITY}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
  await begun.promise;
  wire.write('zz\r\nworld\r\n0\r\n\r\n');
  expect(await outcome.promise).toBe('reset');
  await wire.closed();
});

test('a malformed head is refused before anything is sent on, with the reason', async () => {
  for (const [text, status] of [
    [`GET /bkt/k HTTP/1.1\r\n${IDENTITY}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
    [`PUT /bkt/k HTTP/1.1\r\n${IDENTITY}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    [`PUT /bkt/k HTTP/1.1\r\n${IDENTITY}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 400],
    [`GET /bkt/k HTTP/1.1\r\n${IDENTITY}Host: y\r\n\r\n`, 400],
    [`GET /bkt/%00 HTTP/1.1\r\n${IDENTITY}\r\n`, 400],
    [`GET /bkt/#f HTTP/1.1\r\n${IDENTITY}\r\n`, 400],
    [`GET http://other/bkt/k HTTP/1.1\r\n${IDENTITY}\r\n`, 400],
    [`GET /${'a'.repeat(9000)} HTTP/1.1\r\n${IDENTITY}\r\n`, 414],
    [`GET /bkt/k HTTP/1.1\r\n${IDENTITY}X-Long: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    [`GET /bkt/k HTTP/1.1\r\n${IDENTITY}${'X-A: 1\r\n'.repeat(200)}\r\n`, 431],
    [`NOSUCH /bkt/k HTTP/1.1\r\n${IDENTITY}\r\n`, 501],
    [`PUT /bkt/k HTTP/1.1\r\n${IDENTITY}Content-Length: 1\r\nExpect: magic\r\n\r\n`, 417],
  ] as const) {
    const wire = await Wire.open(rig.storage);
    wire.write(text);
    const answer = await wire.closed();
    expect(answer, text.slice(0, 80)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer.toLowerCase()).toContain('x-residency-reason: request_malformed');
  }
  expect(upstream.requests).toHaveLength(0);
});

test('over HTTP/2 too a head past its bound is refused, also by a client that has not heard of the bound', async () => {
  const session = connect(rig.storage);
  // The first stream of a session: it opens before the settings of the server are acknowledged.
  const stream = session.request({ ':path': '/bkt/k', ...headers, 'x-long': 'a'.repeat(20_000) });
  const [answer] = (await once(stream, 'response')) as [Record<string, unknown>];
  expect(answer).toMatchObject({ ':status': 431, 'x-residency-reason': 'request_malformed' });
  session.destroy();
  expect(upstream.requests).toHaveLength(0);
});

test('CONNECT and Upgrade are refused and the connection is closed', async () => {
  for (const text of [
    `CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET /bkt/k HTTP/1.1\r\n${IDENTITY}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  ]) {
    const wire = await Wire.open(rig.storage);
    wire.write(text);
    const answer = await wire.closed();
    expect(answer).toMatch(/^HTTP\/1\.1 403/);
    expect(answer).toContain('x-residency-reason: operation_not_permitted');
  }
  expect(upstream.requests).toHaveLength(0);
});
