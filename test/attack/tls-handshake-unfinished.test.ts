// Node tells of a TLS handshake that fails or takes too long, and leaves the connection open: whoever begins handshakes and
// does not end them would hold every connection that a listener may have, and keep it from ever draining.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { startRig, type Rig } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';
import { selfSigned } from './certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'domicile-handshake-'));
const tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
const own = selfSigned('127.0.0.1');
writeFileSync(tls.cert, own.cert);
writeFileSync(tls.key, own.key);
afterAll(() => rmSync(folder, { recursive: true }));

/** @param patience milliseconds for a handshake */
function start(patience: number): Promise<Rig> {
  return startRig({
    regions: [regionAt('eu-west', {})],
    policies: [],
    settings: { listeners: { search: { listen: '127.0.0.1:0', tls } }, timeouts: { request_head_ms: patience } },
  });
}

const portOf = (rig: Rig) => Number(new URL(rig.search).port);

/** A connection that says this much of a handshake, and no more. */
async function begin(port: number, bytes: Buffer | null): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined); // that it ends is what is asserted
  socket.resume();
  await once(socket, 'connect');
  if (bytes !== null) socket.write(bytes);
  return socket;
}

/** The beginning of a record that announces 512 bytes of a ClientHello. */
const HALF_A_HELLO = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]);

test.each([
  ['nothing', null],
  ['half a hello', HALF_A_HELLO],
  ['no TLS at all', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
])('a client that says %s is cut off in time', async (_, bytes) => {
  const rig = await start(300);
  const socket = await begin(portOf(rig), bytes);
  const began = performance.now();
  await once(socket, 'close');
  expect(performance.now() - began).toBeLessThan(10_000); // by Node alone it stays open for good
  await rig.stop();
});

test('clients that leave in the middle of a handshake do not keep a listener from draining', async () => {
  const rig = await start(60_000);
  const port = portOf(rig);
  for (const bytes of [null, HALF_A_HELLO]) (await begin(port, bytes)).destroy();
  const waiting = await begin(port, HALF_A_HELLO);
  // By TLS 1.3 a client is done before its server is: it leaves before that can know.
  const hasty = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(hasty, 'secureConnect');
  hasty.destroy();
  const ended = once(waiting, 'close');
  await rig.domicile.drain(2000);
  await ended;
  await rig.stop();
});
