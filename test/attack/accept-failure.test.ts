// The system may fail to hand a connection over (no memory, no right by a firewall's rule): node tells of it by an `error` of the
// server, which ends the process where nobody listens.
import net from 'node:net';
import { expect, test, vi } from 'vitest';
import { startWorld } from './world.ts';

const made: net.Server[] = [];
const { createServer } = net;
vi.spyOn(net, 'createServer').mockImplementation(((options: net.ServerOpts, handle?: (socket: net.Socket) => void) => {
  const server = createServer(options, handle);
  made.push(server);
  return server;
}) as typeof createServer);
const world = await startWorld();

test('a connection that could not be accepted is logged, and the next one served', async () => {
  const listening = made.filter((server) => {
    const address = server.address();
    return typeof address === 'object' && address?.port === world.port('storage');
  });
  expect(listening).toHaveLength(1);
  expect(listening[0]!.emit('error', Object.assign(new Error('accept'), { code: 'ENOMEM' }))).toBe(true);
  expect(world.rig.log.at(-1)).toMatchObject({ message: 'a connection was not accepted', service: 'storage' });
  await world.forwards({ target: '/reports/key' }, { region: 'eu-west', reason: 'in_residency' });
});
