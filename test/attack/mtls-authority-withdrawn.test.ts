// An authority is believed no longer: its key was stolen, say. A connection that its certificate opened, and that is never idle, would be
// believed for as long as its client likes. It ends with what is under way, and whoever held it has to prove himself anew.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { Authority, selfSigned } from './certificate.ts';
import { startWorld } from './world.ts';

const [authority, successor] = [new Authority('clients'), new Authority('others')];
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
const mtls = { uri: 'spiffe://trust/tenant/{tenant}' };
const listeners = { storage: { listen: '127.0.0.1:0', tls } };
const world = await startWorld({ settings: { listeners, identity: { sources: ['mtls'], mtls } } });
const shown = { ca: server.cert, ...authority.client(['spiffe://trust/tenant/acme']) };

test('connections of its certificates end, over HTTP/1 and HTTP/2, and a renewed certificate of ours alone ends none', async () => {
  const socket = connect({ host: '127.0.0.1', port: world.port('storage'), ...shown });
  const client = http2.connect(`https://127.0.0.1:${world.port('storage')}`, shown);
  const ask = async () => {
    socket.write('GET /reports/key HTTP/1.1\r\nHost: x\r\nX-Data-Classification: identity\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    const stream = client.request({ ':path': '/reports/key', 'x-data-classification': 'identity' });
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    stream.resume();
    await once(stream, 'close');
    return [/x-residency-reason: (\S+)/.exec(answer.toString())?.[1], headers['x-residency-reason']];
  };
  expect(await ask()).toEqual(['in_residency', 'in_residency']);
  const renewed = selfSigned('127.0.0.1');
  write('cert.pem', renewed.cert);
  write('key.pem', renewed.key);
  expect(await world.rig.domicile.reload('test')).toBe(true);
  expect(await ask()).toEqual(['in_residency', 'in_residency']);
  write('ca.pem', successor.cert);
  const ended = Promise.all([once(socket, 'end'), once(client, 'close')]);
  expect(await world.rig.domicile.reload('test')).toBe(true);
  await ended;
  socket.destroy();
});

test('so do those that were silent, and those in the middle of a head, which is the last', async () => {
  const open = async () => {
    const socket = connect({
      host: '127.0.0.1',
      port: world.port('storage'),
      ca: readFileSync(tls.cert),
      ...successor.client(['spiffe://trust/tenant/acme']),
    });
    await once(socket, 'session'); // the server has believed it
    await new Promise(setImmediate); // what is written within that event stays in the client
    const answers: string[] = [];
    socket.on('data', (chunk: Buffer) => answers.push(...(/HTTP\/1\.1 \d+/.exec(chunk.toString()) ?? [])));
    return { socket, answers, ended: once(socket, 'close') };
  };
  const [silent, halfway] = [await open(), await open()];
  const GET = 'GET /reports/key HTTP/1.1\r\nHost: x\r\nX-Data-Classification: identity\r\n\r\n';
  halfway.socket.write(GET.slice(0, 20));
  // The first bytes are here once an answer to bytes that were sent after them is.
  const other = await open();
  other.socket.write(GET);
  await expect.poll(() => other.answers).toHaveLength(1);
  write('ca.pem', authority.cert);
  expect(await world.rig.domicile.reload('test')).toBe(true);
  await silent.ended;
  halfway.socket.write(GET.slice(20) + GET);
  await Promise.all([halfway.ended, other.ended]);
  expect([silent.answers, halfway.answers]).toEqual([[], ['HTTP/1.1 404']]);
});
