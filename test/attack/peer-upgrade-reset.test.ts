// PEERS, "WebSocket upgrade: an `await` before the socket's error listener is attached plus a client RST crashes Node": a client
// resets its connection at every moment at which nobody may be listening. An error without a listener would end this process, and
// vitest would tell.
import { expect, test } from 'vitest';
import { Wire } from '../rig/upstream.ts';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const SETTINGS = '\x00\x00\x00\x04\x00\x00\x00\x00\x00';

test.each([
  ['right after connecting', ''],
  ['after half a head', 'GET /reports/key HTT'],
  ['after an upgrade', headWith('Connection: Upgrade\r\nUpgrade: websocket\r\n')],
  ['after a tunnel', headWith('', 'CONNECT a:1 HTTP/1.1')],
  ['after a request', headWith('')],
  ['after half a body', `${headWith('Content-Length: 10\r\n', 'PUT /reports/key HTTP/1.1')}hello`],
  ['after a body that is looked into', headWith('Content-Length: 100000\r\n', 'PUT /reports/key?retention HTTP/1.1')],
  ['after an expectation', headWith('Expect: 100-continue\r\nContent-Length: 10\r\n', 'PUT /reports/key HTTP/1.1')],
  ['after a malformed head', headWith('Bad : x\r\n')],
  ['after a refusal', headWith('Content-Length: 10\r\n', 'PUT /reports?policy HTTP/1.1')],
  ['after the preface of HTTP/2', PREFACE],
  ['after the settings of HTTP/2', PREFACE + SETTINGS],
  ['after half a preface', 'PRI * HTTP'],
])('a reset %s does no harm', async (_, bytes) => {
  for (let i = 0; i < 8; i++) {
    const wire = await Wire.open(i % 2 === 0 ? world.rig.storage : world.rig.search);
    if (bytes !== '') wire.write(bytes);
    // At once, after the bytes are out, and a turn of the loop later.
    if (i > 1) await new Promise<void>((resolve) => wire.socket.write('', () => resolve()));
    if (i > 3) await world.rig.metrics();
    wire.socket.resetAndDestroy();
  }
  await world.forwards({ target: '/reports/key' }, { region: 'eu-west', reason: 'in_residency' });
});

test('nothing is left in flight', async () => {
  const page = await world.rig.metrics();
  expect(page).toMatch(/^domicile_inflight_requests\{service="storage"\} 0$/m);
  expect(page).toMatch(/^domicile_inflight_requests\{service="search"\} 0$/m);
});
