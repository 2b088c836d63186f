// Issue 3, section 4, and PROTOCOLS, leak table "S3", row "301/307/400 redirects", for inference: an upstream that answers with another
// address sends the prompt there, by whoever follows it: the proxy, or the client, which then goes past the proxy. A
// redirect is neither followed nor handed on, whatever its status and its method; nor is `Alt-Svc` (RFC 7838), which sends
// the client elsewhere from its next request on.
import { afterAll, expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { fieldOf, type Answer } from './answers.ts';
import { ask } from './inference-asks.ts';
import { DIALECTS, expectRefusal, startInferenceWorld, type InferenceAttack, type Wire } from './inference-world.ts';

let said: { status: number; headers: Record<string, string> };
const home = await startStandIn(async (request, response) => {
  await request.resume().toArray();
  response.writeHead(said.status, said.headers).end('{"secret":"of the upstream"}');
});
const elsewhere = await startStandIn((_, response) => response.end('{}'));
const world = await startInferenceWorld({ home });
afterAll(() => elsewhere.close());

async function refused(attack: InferenceAttack, wire: Wire): Promise<Answer> {
  const { requests } = home;
  const answer = await world.send(attack, wire);
  expectRefusal(answer, { reason: 'upstream_region_mismatch' }, attack);
  expect(fieldOf(answer, 'location')).toBeNull();
  expect(JSON.stringify(answer)).not.toMatch(new RegExp(`secret|${elsewhere.port}`));
  expect(home.requests, 'tried once').toBe(requests + 1);
  expect(elsewhere.bytes, 'bytes that followed the redirect').toBe(0);
  expect(world.bytes('abroad')).toBe(0);
  return answer;
}

test.each([301, 302, 303, 307, 308])(
  'a %d is refused, in every provider’s words and over both versions',
  async (status) => {
    said = { status, headers: { location: `${elsewhere.url}/v1/x`, 'x-should-retry': 'true' } };
    for (const dialect of DIALECTS)
      for (const wire of [1, 2] as const) {
        await refused(ask(dialect), wire);
        await refused(ask(dialect, { classification: 'content' }), wire);
      }
  },
);

test('one without a Location, and one of a GET, are refused too', async () => {
  said = { status: 307, headers: {} };
  for (const dialect of DIALECTS) await refused(ask(dialect), 1);
  said = { status: 301, headers: { location: `${elsewhere.url}/v1/models` } };
  await refused({ dialect: 'openai', method: 'GET', target: '/v1/models' }, 1);
});

test('it is counted, and the log has where it pointed, for the alarm', async () => {
  said = { status: 308, headers: { location: `${elsewhere.url}/v1/x` } };
  const label = 'reason="upstream_region_mismatch"';
  const before = await world.counter('domicile_requests_total{', label);
  await refused(ask('openai'), 1);
  expect(await world.counter('domicile_requests_total{', label)).toBe(before + 1);
  expect(world.rig.log.at(-1)).toMatchObject({
    detail: `308 ${elsewhere.url}`,
    reason: 'upstream_region_mismatch',
  });
});

test('an answer that names another service for what comes next is handed on without that', async () => {
  said = {
    status: 429,
    headers: { 'alt-svc': `h3="127.0.0.1:${elsewhere.port}"; ma=86400`, 'x-should-retry': 'true' },
  };
  for (const dialect of DIALECTS) {
    const answer = await world.send(ask(dialect));
    expect({ status: answer.status, alternative: fieldOf(answer, 'alt-svc') }).toEqual({
      status: 429,
      alternative: null,
    });
    expect(fieldOf(answer, 'x-should-retry')).toBeNull();
  }
});
