// A download that breaks off must not look whole. Over HTTP/1 the connection is cut; over HTTP/2 a stream that is only destroyed
// ends with NO_ERROR, which is how a whole answer ends (RFC 9113, section 8.1).
import { connect, constants } from 'node:http2';
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { startWorld } from './world.ts';

const storage = await startStandIn((_, response) => {
  response.write('hello', () => setImmediate(() => response.socket?.resetAndDestroy()));
});
const world = await startWorld({ replace: { 'eu-west': { storage } } });

test('an answer whose upstream breaks off ends in an error', async () => {
  const session = connect(world.rig.storage);
  const stream = session.request({
    ':path': '/reports/key',
    'x-tenant-id': 'acme',
    'x-data-classification': 'identity',
  });
  let body = '';
  stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
  const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    stream.on('error', resolve);
    stream.on('close', () => resolve(null));
  });
  expect(body).toBe('hello');
  expect(error?.code).toBe('ERR_HTTP2_STREAM_ERROR');
  expect(stream.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR);
  session.destroy();
  await expect.poll(() => world.rig.log.at(-1)).toMatchObject({ reason: 'upstream_reset', status: 200 });
});
