// A chunked body that goes past what is inspected, and breaks its framing behind that in the same bytes: the refusal of the
// one must not trip over the other, which would end the process for everybody.
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld({ settings: { limits: { inspect_body_bytes: 1000 } } });

test('is refused once, nothing is forwarded, and the next request is served', async () => {
  const socket = connect(world.port('search'), '127.0.0.1');
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.write(
    'POST /notes/_search HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: acme\r\nX-Data-Classification: identity\r\n' +
      'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n',
  );
  await new Promise((resolve) => setImmediate(resolve));
  socket.write(`7d0\r\n${'x'.repeat(2000)}\r\nzz\r\n`);
  await once(socket, 'close');
  expect(received).toMatch(/^HTTP\/1\.1 413 [^]*x-residency-reason: body_too_large_to_inspect\r\n/);
  expect(received.match(/HTTP\/1\.1/g)).toHaveLength(1);
  await world.forwards({ target: '/reports/key' }, { region: 'eu-west', reason: 'in_residency' });
});
