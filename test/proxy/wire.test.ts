import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startRaw, type Peer, type RawUpstream } from '../outbound/upstream.ts';
import { startRig, type Rig } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { Wire } from '../rig/upstream.ts';

/** What an upstream says byte for byte, through the whole of Domicile to the bytes that a client sees. */

let upstream: RawUpstream;
let rig: Rig;
const IDENTITY = 'Host: x\r\nX-Tenant-ID: acme\r\nX-Data-Classification: content\r\n';
const GET = `GET /bkt/k HTTP/1.1\r\n${IDENTITY}\r\n`;

beforeAll(async () => {
  upstream = await startRaw(() => undefined);
  rig = await startRig({
    regions: [regionAt('eu-west', { storage: upstream.origin })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
    settings: { credentials: SETTINGS_CREDENTIALS, timeouts: { total_ms: 1000, idle_ms: 5000 } },
    env: ENV,
  });
});

beforeEach(() => {
  upstream.respond = () => undefined;
});

afterAll(async () => {
  await rig.stop();
  await upstream.close();
});

const answers = (text: string) => {
  upstream.respond = (peer) => peer.send(text);
};

test('103 is passed on, before the answer and not to HTTP/1.0', async () => {
  answers('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const wire = await Wire.open(rig.storage);
  wire.write(GET);
  expect(await wire.until(/ok$/)).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  const old = await Wire.open(rig.storage);
  old.write(GET.replace('HTTP/1.1', 'HTTP/1.0'));
  expect(await old.closed()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n[^]*ok$/);
});

test('trailers that are listed travel, both ways, and others do not', async () => {
  answers(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-amz-checksum-crc32: AAAAAA==\r\nX-Other: 1\r\n\r\n',
  );
  const wire = await Wire.open(rig.storage);
  wire.write(
    `PUT /bkt/k HTTP/1.1\r\n${IDENTITY}Transfer-Encoding: chunked\r\n\r\n2;ext=1\r\nhi\r\n0\r\nContent-Digest: x\r\nX-Tenant-ID: globex\r\n\r\n`,
  );
  const received = await wire.until(/\r\n0\r\n[^]*\r\n\r\n$/);
  expect(received).toMatch(/\r\n0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n$/);
  const peer = upstream.peers.at(-1)!;
  expect(await peer.until(/\r\n0\r\n[^]*\r\n\r\n$/)).toMatch(/\r\n2\r\nhi\r\n0\r\ncontent-digest: x\r\n\r\n$/);
  expect(peer.received).not.toMatch(/globex|ext=1/);
});

test('an answer without a length, which ends with its connection, reaches the client in chunks', async () => {
  upstream.respond = (peer) => {
    peer.send('HTTP/1.1 200 OK\r\n\r\nall of it');
    peer.socket.end();
  };
  const wire = await Wire.open(rig.storage);
  wire.write(GET);
  expect(await wire.until(/\r\n0\r\n\r\n$/)).toMatch(
    /transfer-encoding: chunked\r\n[^]*\r\n\r\n9\r\nall of it\r\n0\r\n\r\n$/,
  );
  const old = await Wire.open(rig.storage);
  old.write(GET.replace('HTTP/1.1', 'HTTP/1.0'));
  const received = await old.closed();
  expect(received).toMatch(/connection: close\r\n\r\nall of it$/);
  expect(received).not.toMatch(/content-length|transfer-encoding/);
});

test('such an answer that is broken off resets the client: nobody takes it for whole', async () => {
  upstream.respond = (peer) => {
    peer.send('HTTP/1.1 200 OK\r\n\r\nsome of it');
    setImmediate(() => peer.socket.resetAndDestroy());
  };
  const wire = await Wire.open(rig.storage);
  const broken = once(wire.socket, 'error');
  wire.write(GET);
  expect(((await broken)[0] as NodeJS.ErrnoException).code).toBe('ECONNRESET');
});

test('a chunked answer reaches an HTTP/1.0 client without chunks, until the connection closes', async () => {
  answers('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n');
  const wire = await Wire.open(rig.storage);
  wire.write(GET.replace('HTTP/1.1', 'HTTP/1.0'));
  const received = await wire.closed();
  expect(received).toMatch(/\r\n\r\nabcde$/);
  expect(received).not.toContain('transfer-encoding');
});

test.each([
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
  ['a length beside chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc'],
  ['a change of protocol', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
  ['a folded field', 'HTTP/1.1 200 OK\r\nA: b\r\n Set-Cookie: x=1\r\nContent-Length: 0\r\n\r\n'],
  ['a bare CR in a value', 'HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: x=1\r\nContent-Length: 0\r\n\r\n'],
  ['no HTTP', 'ICY 200 OK\r\n\r\n'],
])('an answer with %s is 502 upstream_reset, and nothing of it is passed on', async (_, text) => {
  answers(text);
  const wire = await Wire.open(rig.storage);
  wire.write(GET);
  const received = await wire.until(/<\/Error>$/);
  expect(received).toMatch(/^HTTP\/1\.1 502 [^]*x-residency-reason: upstream_reset\r\n/);
  expect(received).not.toMatch(/set-cookie|abc/i);
  wire.socket.destroy();
});

test('what comes behind an answer ends that connection, and reaches nobody', async () => {
  answers('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
  const before = upstream.peers.length;
  const wire = await Wire.open(rig.storage);
  wire.write(GET);
  await wire.until(/ok$/);
  wire.write(GET);
  const received = await wire.until(/ok[^]*ok$/);
  expect(received).not.toContain('evil');
  expect(upstream.peers.length).toBeGreaterThan(before + (before === 0 ? 1 : 0));
  wire.socket.destroy();
});

test.each(['guardAnswer', 'guardAnswerBody'] as const)(
  'an error of our own in %s refuses, and nothing ends with it',
  async (guard) => {
    answers('HTTP/1.1 400 Bad Request\r\nContent-Length: 6\r\n\r\nsecret');
    const { s3 } = rig.domicile.plane.proxy.dialects;
    const sound = { ...s3 };
    Object.assign(s3, {
      guardAnswer: () => ({ action: 'inspect' }),
      [guard]: () => {
        throw new Error('a mistake of ours');
      },
    });
    try {
      const wire = await Wire.open(rig.storage);
      wire.write(GET);
      const received = await wire.until(/<\/Error>$/);
      expect(received).toMatch(/^HTTP\/1\.1 503 [^]*x-residency-reason: policy_unavailable\r\n/);
      expect(received).not.toMatch(/secret|mistake/);
      const told = rig.log.filter(({ message }) => message === 'unexpected error').at(-1);
      expect(JSON.stringify(told)).toContain(guard);
      wire.socket.destroy();
    } finally {
      Object.assign(s3, sound);
    }
  },
);

test('an error of our own at the end of a watched answer is logged and recorded, and nothing ends with it', async () => {
  answers('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const { s3 } = rig.domicile.plane.proxy.dialects;
  const sound = { ...s3 };
  const watcher = {
    data: () => undefined,
    end: () => {
      throw new Error('a mistake of ours');
    },
  };
  Object.assign(s3, { guardAnswer: () => ({ action: 'watch', watcher }) });
  try {
    const wire = await Wire.open(rig.storage);
    wire.write(GET);
    await wire.until(/ok$/); // it was handed on as it came
    await expect.poll(() => rig.log.at(-1)).toMatchObject({ reason: 'policy_unavailable', status: 200 });
    wire.write(GET);
    await wire.until(/ok[^]*ok$/);
    wire.socket.destroy();
  } finally {
    Object.assign(s3, sound);
  }
});

test('a client that sends ever more ahead of its answers is not read any further', async () => {
  const asked = Promise.withResolvers<Peer>();
  upstream.respond = (peer) => asked.resolve(peer);
  const wire = await Wire.open(rig.storage);
  const ahead = GET.repeat(200);
  let sent = 0;
  for (let flows = true; flows && sent < 64 * 1024 * 1024; sent += ahead.length)
    flows = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), 300);
      wire.socket.write(ahead, 'latin1', () => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  await asked.promise;
  // What the two sockets hold between them is some megabytes; what we hold is not seen, but it ends.
  expect(sent).toBeLessThan(32 * 1024 * 1024);
  expect(upstream.heads.filter((head) => head.startsWith('GET')).length).toBeGreaterThan(0);
  wire.socket.destroy();
});

test('an exchange that takes longer than timeouts.total_ms ends as upstream_timeout', async () => {
  let peer: Peer | null = null;
  upstream.respond = (asked) => {
    peer = asked;
  };
  const wire = await Wire.open(rig.storage);
  wire.write(GET);
  expect(await wire.until(/<\/Error>$/)).toMatch(/^HTTP\/1\.1 504 [^]*x-residency-reason: upstream_timeout\r\n/);
  expect((await peer!.gone()).error).toBe('ECONNRESET');
  wire.socket.destroy();
});
