// RFC 9113, section 8.3.1, and PEERS ("Never build a hostname from a header value", Next.js GHSA-p9j2-gv94-2wf4): over HTTP/2 a
// request can name its host twice, in `:authority` and in `host`, and its path can hold a third. Two servers on one way may
// each believe another. Two that differ are refused, and none is where the request goes.
import { expect, test } from 'vitest';
import { ask } from './inference-asks.ts';
import { overHttp2 } from './inference-http2.ts';
import { DIALECTS, startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();
const home = new URL(world.home.url).host;

test.each([
  ['eu.api.openai.com', 'us.api.openai.com'],
  ['bedrock-runtime.eu-west-1.amazonaws.com', 'bedrock-runtime.us-east-1.amazonaws.com'],
  ['x:443', 'x'],
])(':authority %s with host %j is refused', async (authority, host) => {
  for (const dialect of DIALECTS)
    await world.refuses(ask(dialect, { host: authority, headers: { host } }), { reason: 'request_malformed' }, 2);
});

test.each(['//us.api.openai.com/v1/responses', '/v1/responses#x', '/v1/../v1/responses'])(
  'the path %s goes nowhere',
  async (target) => {
    const reason = target.startsWith('/') && !target.includes('#') ? 'operation_not_permitted' : 'request_malformed';
    await world.refuses(ask('openai', { target }), { reason }, 2);
  },
);

test('whichever single host is named, the request goes to the region’s own', async () => {
  for (const dialect of DIALECTS) {
    const named = { host: 'us.api.openai.com', headers: { host: 'us.api.openai.com' } };
    for (const more of [named, { host: 'bedrock-runtime.us-east-1.amazonaws.com' }]) {
      const { received } = await world.forwards(ask(dialect, more), 2);
      expect(received.headers.host).toBe(home);
    }
  }
});

test('a tunnel is refused over HTTP/2 too', async () => {
  const answer = await world.silently({ reason: 'operation_not_permitted' }, 'openai', () =>
    overHttp2(world.port, { headers: { ':method': 'CONNECT', ':authority': 'us.api.openai.com:443' } }),
  );
  expect(answer.status).toBe(403);
});
