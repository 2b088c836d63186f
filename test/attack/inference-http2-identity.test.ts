// PEERS, "Mistakes others made": a repeated header matched an Envoy route if any of its values did, so `acme` plus `globex` was served
// as `acme`. Over HTTP/2, Node folds repeats into one value for whoever reads its friendly map of headers; what counts is
// how often a field came. And fields behind a body (trailers) are no identity.
import { expect, test } from 'vitest';
import { fieldOf } from './answers.ts';
import { ask } from './inference-asks.ts';
import { overHttp2 } from './inference-http2.ts';
import { DIALECTS, expectRefusal, startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();

test.each([
  ['x-tenant-id', ['acme', 'globex']],
  ['x-tenant-id', ['acme', 'acme']],
  ['x-data-classification', ['content', 'identity']],
  ['x-requested-region', ['eu-west', 'us-east']],
  ['x-region', ['eu-west', 'eu-west']],
  ['x-user-id', ['a', 'b']],
  ['x-subject-id', ['a', 'b']],
  ['x-residency-grant', ['g1', 'g2']],
])('%s sent as %j is a conflict', async (name, values) => {
  for (const dialect of DIALECTS)
    await world.refuses(ask(dialect, { headers: { [name]: values } }), { reason: 'header_conflict' }, 2);
});

test('a field together with its alias is a conflict, also if one of the two is empty', async () => {
  for (const value of ['pupil-1', '']) {
    const headers = { 'x-subject-id': value, 'x-learner-id': 'pupil-1' };
    await world.refuses(ask('bedrock', { headers }), { reason: 'header_conflict' }, 2);
  }
});

test('one value that looks like a list is no tenant', async () => {
  await world.refuses(ask('bedrock', { tenant: 'acme, globex' }), { reason: 'tenant_invalid' }, 2);
  await world.refuses(ask('bedrock', { classification: 'content, identity' }), { reason: 'classification_invalid' }, 2);
});

test('without identity nothing is forwarded, and what comes in trailers is none', async () => {
  await world.refuses(ask('bedrock', { tenant: null }), { reason: 'tenant_missing' }, 2);
  await world.refuses(ask('bedrock', { classification: null }), { reason: 'classification_missing' }, 2);
  const attack = ask('bedrock', { tenant: null });
  const answer = await world.silently({ reason: 'tenant_missing' }, 'bedrock', () =>
    overHttp2(world.port, {
      headers: { ':method': 'POST', ':path': attack.target, 'content-type': 'application/json' },
      trailers: { 'x-tenant-id': 'acme', 'x-data-classification': 'identity' },
    }),
  );
  expectRefusal(answer, { reason: 'tenant_missing' }, attack);
});

test('trailers change nothing of a request that has its identity', async () => {
  const attack = ask('bedrock');
  const headers = {
    ':method': 'POST',
    ':path': attack.target,
    'x-tenant-id': 'acme',
    'x-data-classification': 'identity',
    'content-type': 'application/json',
  };
  const { requests } = world.home;
  const trailers = { 'x-tenant-id': 'globex', 'x-requested-region': 'us-east' };
  const answer = await overHttp2(world.port, { headers, trailers, body: Buffer.from(JSON.stringify(attack.body)) });
  expect([answer.status, fieldOf(answer, 'x-residency-region')]).toEqual([200, 'eu-west']);
  expect(world.home.requests).toBe(requests + 1);
  expect(JSON.stringify(world.home.lastRequest)).not.toContain('globex');
});

test('an honest request is forwarded over HTTP/2 as over HTTP/1.1', async () => {
  for (const dialect of DIALECTS) for (const wire of [1, 2] as const) await world.forwards(ask(dialect), wire);
});
