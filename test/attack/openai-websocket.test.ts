// PROTOCOLS, leak table "Other inference", row "OpenAI WebSocket": Realtime and Responses can be spoken over a WebSocket, where a
// proxy that has let the handshake through sees frames and no requests: whatever they name is past every guard. An upgrade of
// any kind is refused before a byte leaves, and the connection ends with it.
import { once } from 'node:events';
import { connect } from 'node:http2';
import { expect, test } from 'vitest';
import { fieldOf } from './answers.ts';
import { startInferenceWorld, type InferenceAttack } from './inference-world.ts';
import { raw } from './world.ts';

const world = await startInferenceWorld();
const upgrade = (target: string, headers: Record<string, string>): InferenceAttack => ({
  dialect: 'openai',
  method: 'GET',
  target,
  headers: { connection: 'Upgrade', ...headers },
});
const SOCKET = { upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };

test.each([
  ['/v1/realtime?model=gpt-realtime', SOCKET],
  ['/v1/responses', SOCKET],
  ['/v1/models', SOCKET],
  ['/v1/models', { ...SOCKET, upgrade: 'WebSocket' }],
  ['/v1/models', { ...SOCKET, upgrade: 'h3, websocket' }],
  ['/v1/models', { ...SOCKET, connection: 'keep-alive' }],
  ['/v1/models', { upgrade: 'h2c', connection: 'Upgrade, HTTP2-Settings', 'http2-settings': 'AAMAAABkAAQAAP__' }],
  ['/v1/models', { upgrade: 'TLS/1.2' }],
] as const)('an upgrade of %s with %j is refused, and the connection ends', async (target, headers) => {
  const answer = await world.refuses(upgrade(target, headers), { reason: 'operation_not_permitted' });
  expect(fieldOf(answer, 'connection')).toBe('close');
  expect(fieldOf(answer, 'upgrade')).toBeNull();
});

test('what comes behind the handshake is not another request', async () => {
  const head = 'Host: x\r\nX-Tenant-ID: acme\r\nX-Data-Classification: content\r\n';
  const second = `GET /v1/models HTTP/1.1\r\n${head}\r\n`;
  const answers = await world.silently({ reason: 'operation_not_permitted' }, 'openai', () =>
    raw(world.port, `GET /v1/realtime HTTP/1.1\r\n${head}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n${second}`),
  );
  expect(answers.map(({ status }) => status)).toEqual([403]);
});

test('a tunnel is refused, and the connection ends', async () => {
  const before = world.bytes('all');
  const answers = await raw(
    world.port,
    'CONNECT us.api.openai.com:443 HTTP/1.1\r\nHost: us.api.openai.com:443\r\n\r\n',
  );
  expect(answers.map((answer) => [answer.status, fieldOf(answer, 'x-residency-reason')])).toEqual([
    [403, 'operation_not_permitted'],
  ]);
  expect(fieldOf(answers[0]!, 'connection')).toBe('close');
  expect(world.bytes('all')).toBe(before);
});

test('HTTP/2 does not offer to start a WebSocket', async () => {
  const session = connect(world.rig.inference);
  await once(session, 'remoteSettings');
  expect(session.remoteSettings.enableConnectProtocol).toBe(false);
  session.destroy();
});
