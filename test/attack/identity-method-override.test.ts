// DESIGN 1.9: a field that asks a server to take one method for another gets a DELETE past whoever allowed a GET.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();

test.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'x-http-METHOD-override'])(
  '%s is refused, whatever it says',
  async (name) => {
    for (const method of ['DELETE', 'GET', '']) {
      await world.refuses({ target: '/reports/key', headers: { [name]: method } }, { reason: 'request_malformed' });
      await world.refuses(
        { service: 'search', target: '/notes/_search', headers: { [name]: method } },
        { reason: 'request_malformed' },
      );
    }
  },
);

test('so is a method in the query', async () => {
  for (const target of ['/reports/key?_method=DELETE', '/reports/key?X-HTTP-Method-Override=DELETE']) {
    await world.refuses({ target }, { reason: 'operation_not_permitted' });
  }
  await world.refuses(
    { service: 'search', target: '/notes/_search?_method=DELETE' },
    { reason: 'operation_not_permitted' },
  );
});
