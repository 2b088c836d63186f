// DESIGN 1.9: CONNECT asks for a tunnel to a host of the client's choice, in which nothing would be decided any more.
import { test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();
const elsewhere = `127.0.0.1:${world.storage('us-east').port}`;

test.each([
  ['to another region', `CONNECT ${elsewhere} HTTP/1.1`],
  ['to a path', 'CONNECT /reports/key HTTP/1.1'],
])('a tunnel %s is refused, and what would go through it is not read', async (_, first) => {
  const through = 'PUT /reports/key HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n';
  for (const service of ['storage', 'search'] as const) {
    await world.refusesBytes(service, headWith('', first) + through, { reason: 'operation_not_permitted' });
  }
});
