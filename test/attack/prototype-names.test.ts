// Names that every plain object of JavaScript answers to: looked up in one, `constructor` is found where nobody put it.
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { fieldOf } from './answers.ts';
import { overHttp2 } from './inference-http2.ts';
import { startWorld } from './world.ts';

const storage = await startStandIn((_, response) => {
  response.writeHead(200, { constructor: 'said', 'x-other': 'said' }).end('hi');
});
const world = await startWorld({ replace: { 'eu-west': { storage } } });

test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
  'a parameter %s is not permitted',
  async (name) => {
    const refused = { reason: 'operation_not_permitted' } as const;
    await world.refuses({ target: `/reports/key?${name}=1` }, refused);
    await world.refuses({ service: 'search', target: `/reports/_search?${name}=1` }, refused);
  },
);

test.each(['constructor', '__proto__', 'toString'])(
  'a tenant %s, as far as it is one, has no policy',
  async (tenant) => {
    const reason = tenant === '__proto__' ? 'tenant_invalid' : 'no_policy';
    await world.refuses({ target: '/reports/key', tenant }, { reason });
    await world.refuses({ target: '/reports/key', classification: tenant }, { reason: 'classification_invalid' });
  },
);

test('a field that the upstream names constructor is passed on as it is', async () => {
  const answer = await overHttp2(world.port('storage'), {
    headers: { ':path': '/reports/key', 'x-tenant-id': 'acme', 'x-data-classification': 'identity' },
  });
  expect({ constructor: fieldOf(answer, 'constructor'), other: fieldOf(answer, 'x-other') }).toEqual({
    constructor: 'said',
    other: 'said',
  });
});
