import type { IncomingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startRig, type Rig } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { startUpstream, Wire, type Upstream } from '../rig/upstream.ts';

/** DESIGN 1.3: X-Request-ID and traceparent are for correlation, and generated where absent or wrong. */
let upstream: Upstream;
let rig: Rig;
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

beforeAll(async () => {
  upstream = await startUpstream();
  rig = await startRig({
    regions: [regionAt('eu-west', { storage: upstream.url })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
    settings: { credentials: SETTINGS_CREDENTIALS },
    env: ENV,
  });
});

beforeEach(() => {
  upstream.requests.length = 0;
  rig.log.length = 0;
});

afterAll(async () => {
  await rig.stop();
  await upstream.close();
});

/** What the upstream got of a request with these lines in its head. */
async function received(...lines: string[]): Promise<IncomingHttpHeaders> {
  const wire = await Wire.open(rig.storage);
  const head = ['Host: x', 'X-Tenant-ID: acme', 'X-Data-Classification: content', 'Connection: close', ...lines];
  wire.write(`GET /bkt/k HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`);
  expect(await wire.closed()).toMatch(/^HTTP\/1\.1 200 /);
  return upstream.requests.at(-1)!.headers;
}

test('a trace of the client goes on, unsigned', async () => {
  const { traceparent, tracestate, authorization } = await received(`traceparent: ${TRACE}`, 'tracestate: a=b');
  expect({ traceparent, tracestate }).toEqual({ traceparent: TRACE, tracestate: 'a=b' });
  expect(authorization).not.toContain('trace');
});

test('where the client names no trace one begins, another for each request', async () => {
  const traces = [await received(), await received()].map(({ traceparent }) => traceparent);
  for (const trace of traces) expect(trace).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  expect(traces[0]).not.toBe(traces[1]);
});

test('a trace that is none is replaced, and the state that came with it goes', async () => {
  for (const wrong of [
    'traceparent: 00-xyz',
    'traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01',
    `traceparent: ${TRACE}-more`,
    `traceparent: ff${TRACE.slice(2)}`,
    `traceparent: ${TRACE}\r\ntraceparent: ${TRACE}`,
  ]) {
    const { traceparent, tracestate } = await received(wrong, 'tracestate: a=b');
    expect(traceparent, wrong).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(tracestate, wrong).toBeUndefined();
  }
});

test('a refusal by the parser carries a request id, and the log has it too', async () => {
  for (const [text, status] of [
    ['GET /bkt/k HTTP/1.1\nHost: x\n\n', 400],
    [`GET /bkt/k HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['PUT /bkt/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: magic\r\n\r\n', 417],
    ['CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n', 403],
  ] as const) {
    rig.log.length = 0;
    const wire = await Wire.open(rig.storage);
    wire.write(text);
    const answer = await wire.closed();
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    const id = /^x-request-id: ([0-9a-f]{24}-[0-9a-z]+)\r$/m.exec(answer)?.[1];
    expect(id, answer).toBeDefined();
    expect(rig.log).toEqual([expect.objectContaining({ message: 'refused', request_id: id, status })]);
  }
  expect(upstream.requests).toHaveLength(0);
});
