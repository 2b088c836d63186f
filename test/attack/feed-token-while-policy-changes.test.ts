// Whoever can keep a token from being verified, by keys that are slow to come, must not keep alive by it the policies of that moment:
// what was announced to be outdated while a request waited does not decide it.
import { createServer, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { search, startFed } from './fed-world.ts';
import { TokenIssuer } from './issuer.ts';

const issuer = await TokenIssuer.make();
/** Null: keys come at once. */
let asking: ServerResponse[] | null = [];
const give = (response: ServerResponse) =>
  response.setHeader('content-type', 'application/json').end(JSON.stringify(issuer.jwks));
const keys = createServer((_, response) => (asking === null ? give(response) : asking.push(response)));
keys.listen(0, '127.0.0.1');
await once(keys, 'listening');
const { jwt, done } = issuer.settings();
afterAll(() => {
  keys.closeAllConnections();
  keys.close();
  done();
});
const url = `http://127.0.0.1:${(keys.address() as AddressInfo).port}/`;
const fed = await startFed({
  identity: { sources: ['headers', 'jwt'], jwt: { ...jwt, jwks_file: null, jwks_url: url } },
});
const { control, domicile } = fed;

test('policies that were replaced while keys were fetched do not decide', async () => {
  control.documents = () => fed.document();
  expect(await search(fed)).toBe('200 in_residency'); // by headers alone: its bundle is known from now on
  const answer = search(fed, { authorization: `Bearer ${await issuer.token()}` });
  await expect.poll(() => asking?.length).toBe(1);
  expect(await domicile.reload('test')).toBe(true); // another snapshot: the request holds on to the one before
  control.documents = () => fed.document({ primaryRegion: 'eu-central' });
  control.change(['acme']);
  await expect.poll(() => control.heard.some((said) => said.type === 'ack' && said.revision === 2)).toBe(true);
  const [waiting] = asking!;
  asking = null;
  give(waiting!);
  expect(await answer).toBe('200 cross_border_class');
  expect(fed.upstream['eu-west'].requests.length).toBe(1);
  expect(fed.upstream['eu-central'].requests.length).toBe(1);
});
