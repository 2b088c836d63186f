// PEERS, "Do not self-correct a region mismatch" (Envoy AI GW): the upstream says that the bucket or the signature belongs to
// another region, and the proxy signs again for that one and tries there. A mismatch is a refusal, once, and teaches nothing.
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { fieldOf } from './answers.ts';
import { startWorld } from './world.ts';

const scopes: string[] = [];
let corrects = true;
const storage = await startStandIn((request, response) => {
  request.resume();
  scopes.push(/Credential=[^/]+\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? 'unsigned');
  if (!corrects) return void response.end('the data');
  response.writeHead(400, { 'content-type': 'application/xml', 'x-amz-bucket-region': 'us-east-1' });
  response.end(
    "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region 'eu-west-1' is wrong; expecting 'us-east-1'</Message><Region>us-east-1</Region></Error>",
  );
});
const world = await startWorld({ replace: { 'eu-west': { storage } } });

test('the region that the upstream corrects to is not tried', async () => {
  const answer = await world.send({ target: '/reports/key' });
  expect([answer.status, fieldOf(answer, 'x-residency-reason')]).toEqual([403, 'upstream_region_mismatch']);
  expect(fieldOf(answer, 'x-residency-decision')).toBe('deny');
  expect(answer.body).toContain('<Reason>upstream_region_mismatch</Reason>');
  expect(JSON.stringify(answer)).not.toContain('us-east');
  expect(scopes).toEqual(['eu-west-1']);
  expect(world.bytes(['us-east', 'eu-central'])).toBe(0);
});

test('nor is it remembered: the next request is signed for the region of the policy', async () => {
  corrects = false;
  scopes.length = 0;
  const { answer } = await world.forwards({ target: '/reports/key' }, { region: 'eu-west', reason: 'in_residency' });
  expect(answer.body).toBe('the data');
  expect(scopes).toEqual(['eu-west-1']);
});

test('asking for the region that it corrected to is refused as ever', async () => {
  for (const region of ['us-east', 'us-east-1']) {
    await world.refuses(
      { target: '/reports/key', headers: { 'X-Requested-Region': region } },
      { reason: 'region_not_allowed' },
    );
  }
});
