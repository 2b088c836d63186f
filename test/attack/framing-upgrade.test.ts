// DESIGN 1.9: an upgrade turns the connection into a stream that nobody decides on (WebSocket), or into HTTP/2 behind the back
// of whoever reads HTTP/1 (h2c smuggling).
import { test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();
const HIDDEN = 'GET /secrets/key HTTP/1.1\r\nHost: a\r\nX-Tenant-ID: acme\r\nX-Data-Classification: identity\r\n\r\n';

test.each([
  ['a WebSocket', 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n'],
  ['HTTP/2', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'],
  ['HTTP/2, without the settings', 'Connection: upgrade\r\nUpgrade: h2c\r\n'],
  ['TLS within', 'Connection: Upgrade\r\nUpgrade: TLS/1.3\r\n'],
  ['something, not named in Connection', 'Upgrade: websocket\r\n'],
])('an upgrade to %s is refused, and the connection ends', async (_, lines) => {
  for (const service of ['storage', 'search'] as const) {
    await world.refusesBytes(service, headWith(lines) + HIDDEN, { reason: 'operation_not_permitted' });
  }
});
