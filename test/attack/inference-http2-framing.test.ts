// RFC 9113, sections 8.1.1 and 8.2.2: a request over HTTP/2 whose Content-Length is not what it holds, or that carries fields of
// HTTP/1 framing, becomes a smuggled one as soon as it is written out in HTTP/1.1 for an upstream. Such a stream is reset or
// refused: no region sees any of it.
import { connect, constants } from 'node:http2';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { ask } from './inference-asks.ts';
import { overHttp2 } from './inference-http2.ts';
import { startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();
const attack = ask('openai');
const body = Buffer.from(JSON.stringify(attack.body));
const headers = {
  ':method': 'POST',
  ':path': attack.target,
  'x-tenant-id': 'acme',
  'x-data-classification': 'identity',
  'content-type': 'application/json',
};
const FORM = { ...headers, ':path': '/v1/audio/transcriptions', 'content-type': 'multipart/form-data; boundary=x' };

async function isReset(ask: Parameters<typeof overHttp2>[1]): Promise<void> {
  const before = world.bytes('all');
  await expect(overHttp2(world.port, ask)).rejects.toThrow(/PROTOCOL_ERROR|reset with code|Session closed/);
  await world.rig.metrics();
  expect(world.bytes('all'), 'bytes that reached a region').toBe(before);
}

test.each([body.length - 1, body.length + 1, 0])(
  'a body of another length than announced (%d) is reset',
  async (length) => {
    await isReset({ headers: { ...headers, 'content-length': String(length) }, body });
  },
);

test('a length that is no number, or comes twice, is reset', async () => {
  await isReset({ headers: { ...headers, 'content-length': `+${body.length}` }, body });
  await isReset({ headers: { ...headers, 'content-length': `${body.length}, ${body.length}` }, body });
});

test('a form that is shorter than announced does not reach its region as a whole request', async () => {
  const before = world.home.requests;
  const answer = overHttp2(world.port, {
    headers: { ...FORM, 'content-length': '4096' },
    body: Buffer.from('--x--\r\n'),
  });
  await expect(answer).rejects.toThrow(/PROTOCOL_ERROR|reset with code|Session closed/);
  await world.rig.metrics();
  expect(world.home.lastBody()).toBeNull();
  expect(world.home.requests - before).toBeLessThanOrEqual(1);
});

test('a client that goes in the middle of its body has asked for nothing', async () => {
  const before = world.bytes('all');
  const session = connect(world.rig.inference);
  const stream = session.request({ ...headers, 'content-length': String(body.length) }, { endStream: false });
  stream.on('error', () => undefined); // its own reset
  stream.write(body.subarray(0, 10));
  await once(session, 'remoteSettings');
  stream.close(constants.NGHTTP2_CANCEL);
  await once(stream, 'close');
  session.destroy();
  await world.rig.metrics();
  expect(world.bytes('all')).toBe(before);
});
