// PROTOCOLS, leak table "Other inference", row "Anthropic", and section C: `usage.inference_geo` of an answer is the one thing that
// says where inference ran. When it names another geography than was asked for, the harm is done; but the answer is not
// handed on as if nothing were, and never goes uncounted: also not when it streams, nor when the client leaves early.
import { once } from 'node:events';
import { connect } from 'node:net';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { fieldOf } from './answers.ts';
import { ask, saying } from './inference-asks.ts';
import { EU_WEST, expectRefusal, startInferenceWorld, US_EAST } from './inference-world.ts';

let respond: (response: ServerResponse) => unknown;
const home = await startStandIn(async (request, response) => {
  await request.resume().toArray();
  return respond(response);
});
const world = await startInferenceWorld({
  regions: [US_EAST, EU_WEST],
  home,
  endpoints: { anthropic: { inference_geo: 'us', processing: null } },
});
const MISMATCH = 'domicile_requests_total{';
const LABEL = 'reason="upstream_region_mismatch",region="us-east"';

const message = (geo: unknown) =>
  JSON.stringify({ type: 'message', content: ['secret'], usage: { inference_geo: geo } });
const start = (geo: unknown) =>
  `event: message_start\ndata: ${JSON.stringify({ type: 'message_start', message: { usage: { inference_geo: geo } } })}\n\n`;
const STOP = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';

const answers = (body: string | Buffer, headers: Record<string, string> = {}) => {
  respond = (response) => response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body);
};
const streams = (...events: string[]) =>
  answers(events.join(''), { 'content-type': 'text/event-stream; charset=utf-8' });

async function mismatched(): Promise<void> {
  const before = await world.counter(MISMATCH, LABEL);
  const attack = ask('anthropic');
  const answer = await world.send(attack);
  expectRefusal(answer, { reason: 'upstream_region_mismatch' }, attack);
  expect(answer.body).not.toMatch(/secret|global|mars|inference_geo/);
  expect(await world.counter(MISMATCH, LABEL)).toBe(before + 1);
}

test.each(['global', 'mars', 'not_available', 'US', '', 7, ['us'], { us: 1 }])(
  'an answer from %j is refused and counted',
  async (geo) => {
    answers(message(geo));
    await mismatched();
    expect(world.rig.log.at(-1)).toMatchObject({
      reason: 'upstream_region_mismatch',
      tenant_id: 'acme',
      region: 'us-east',
    });
    expect(String(world.rig.log.at(-1)?.['detail'])).toContain(typeof geo === 'string' ? geo.slice(0, 32) : typeof geo);
  },
);

test('an answer that hides it from whoever does not read it as the client will is refused', async () => {
  answers(message('us').replace('"us"}', '"us","inference_geo":"global"}'));
  await mismatched();
  answers(message('us').replace('inference_geo":"us"', 'inference\\u005fgeo":"global"'));
  await mismatched();
  answers(gzipSync(message('global')), { 'content-encoding': 'gzip' });
  await mismatched();
  answers(message('global'), { 'content-type': 'text/plain' });
  await mismatched();
  respond = (response) => response.writeHead(203, { 'content-type': 'application/json' }).end(message('global'));
  await mismatched();
});

test('an answer that cannot be read is refused', async () => {
  answers('<p>secret</p>', { 'content-type': 'text/html' });
  await mismatched();
  answers(message('us'), { 'content-encoding': 'gzip' });
  await mismatched();
  answers(gzipSync(message('us')), { 'content-encoding': 'br' });
  await mismatched();
  answers(start('us'), { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
  await mismatched();
});

test('an answer longer than can be looked into is refused, and not by its status mistaken for one of the client’s', async () => {
  answers(' '.repeat((1 << 20) + 1) + message('us'));
  const attack = ask('anthropic');
  expectRefusal(await world.send(attack), { reason: 'body_too_large_to_inspect', status: 502 }, attack);
});

test.each([
  ['at its start', [start('global'), STOP]],
  ['at its end', [start('us'), 'data: {"type":"message_delta","usage":{"inference_geo":"global"}}\n\n', STOP]],
  ['in a line that is not ended', [start('us'), 'data: {"usage":{"inference_geo":"global"}}']],
  ['with line breaks of another kind', [start('global').replaceAll('\n', '\r'), STOP]],
])('a stream that says so %s is handed on, counted and logged', async (_, events) => {
  const before = await world.counter(MISMATCH, LABEL);
  streams(...events);
  const answer = await world.send(saying('anthropic', { stream: true }));
  expect(answer).toMatchObject({ status: 200, body: events.join('') });
  expect(await world.counter(MISMATCH, LABEL)).toBe(before + 1);
  expect(await world.counter(MISMATCH, `decision="deny",${LABEL}`)).toBeGreaterThan(before);
  expect(world.rig.log.at(-1)).toMatchObject({ reason: 'upstream_region_mismatch', detail: 'inference_geo global' });
});

/** Reads the first event of a stream, and goes or lets the upstream go. */
async function leaveEarly(who: 'client' | 'upstream'): Promise<void> {
  const ended = Promise.withResolvers<void>();
  respond = (response) => {
    response.on('close', () => ended.resolve());
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(start('global'));
    if (who === 'upstream') seen.promise.then(() => response.destroy(), ended.reject);
  };
  const seen = Promise.withResolvers<void>();
  const socket = connect(world.port, '127.0.0.1');
  socket.on('error', () => undefined); // that it is cut is what is waited for
  const body = JSON.stringify(saying('anthropic', { stream: true }).body);
  socket.write(
    `POST /v1/messages HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: acme\r\nX-Data-Classification: identity\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  let text = '';
  while (!text.includes('"global"')) text += String((await once(socket, 'data'))[0]);
  seen.resolve();
  if (who === 'client') socket.resetAndDestroy();
  else await new Promise((resolve) => socket.once('close', resolve)); // a reset is an error too
  await ended.promise;
}

test.each(['client', 'upstream'] as const)('a stream that its %s breaks off is counted all the same', async (who) => {
  const before = await world.counter(MISMATCH, LABEL);
  await leaveEarly(who);
  expect(await world.counter(MISMATCH, LABEL)).toBe(before + 1);
});

test('an answer and a stream from where they were asked for are handed on', async () => {
  for (const geo of ['us', null]) {
    answers(message(geo));
    expect((await world.send(ask('anthropic'))).body).toBe(message(geo));
    streams(start(geo), STOP);
    const answer = await world.send(saying('anthropic', { stream: true }));
    expect(answer.body).toBe(start(geo) + STOP);
    expect(fieldOf(answer, 'x-residency-reason')).toBe('in_residency');
  }
});
