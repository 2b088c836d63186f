// Connections cost memory before they have said anything: over `limits.connections` they are closed unserved, and counted, and
// whoever is served goes on.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const LIMIT = 5;
const world = await startWorld({ settings: { limits: { connections: LIMIT } } });

test('one more than the limit is closed at once, counted, and takes nothing from the others', async () => {
  const open = async () => {
    const socket = connect(world.port('storage'), '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  };
  const sockets: Socket[] = [];
  for (let i = 0; i < LIMIT; i++) sockets.push(await open());
  const metrics = async () => world.rig.metrics();
  await expect.poll(metrics).toContain(`domicile_client_connections{service="storage"} ${LIMIT}`);
  const over = await open();
  over.resume();
  await once(over, 'close');
  expect(await metrics()).toContain('domicile_client_connections_refused_total{service="storage",cause="limit"} 1');
  sockets[0]!.write(
    'GET /reports/key HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: acme\r\nX-Data-Classification: identity\r\n\r\n',
  );
  expect(String((await once(sockets[0]!, 'data'))[0])).toContain('x-residency-reason: in_residency');
  for (const socket of sockets) socket.destroy();
  await expect.poll(metrics).toContain('domicile_client_connections{service="storage"} 0');
});
