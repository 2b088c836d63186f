// A client that reads nothing holds our side open: its end waits behind what it has not taken. A reset must not wait for that,
// nor lose the descriptor.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Link, type LinkOwner } from '../../src/wire/link.ts';

const PIECE = Buffer.alloc(20_000);
const CONNECTIONS = 10;
const QUIET: LinkOwner = { received() {}, ended() {}, blocked() {}, drained() {}, closed() {} };

test('a reset while the end waits to go out closes the connection', async () => {
  const links: Link[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const link = Link.accept(socket, QUIET);
    links.push(link);
    while (link.bytes('', PIECE, 0, PIECE.length, '')) {
      // until the system takes no more
    }
    link.end();
    server.emit('ended');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const before = readdirSync('/proc/self/fd').length;
  const clients: Socket[] = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const ended = once(server, 'ended');
    const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }).pause();
    clients.push(client.on('error', () => undefined));
    await ended;
  }
  // The end is given to the system on a turn of its own.
  await new Promise((resolve) => setImmediate(resolve));
  expect(links.every((link) => link.pending)).toBe(true);
  const closed = links.map(({ socket }) => once(socket, 'close'));
  for (const link of links) link.reset();
  await Promise.all(closed);
  for (const client of clients) client.destroy();
  await Promise.all(clients.map((client) => client.closed || once(client, 'close')));
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
  server.close();
});
