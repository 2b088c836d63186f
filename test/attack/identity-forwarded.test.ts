// DESIGN 1.3: every identity field is stripped before signing and forwarding. The upstream is another party: it learns neither the
// tenant nor the person, and can be told nothing by a field that we did not decide on.
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const IDENTITY = {
  'X-Subject-ID': 'student-1',
  'X-User-ID': 'teacher-1',
  'X-Requested-Region': 'eu-west',
  'X-Region': 'eu-west',
  'X-Residency-Grant': 'g1',
  Cookie: 'session=1',
  Authorization: 'Bearer of-the-client',
  'Proxy-Authorization': 'Basic b2Y6dGhl',
  'X-Api-Key': 'of-the-client',
};

test.each([
  ['storage', 'PUT', '/reports/key', {}],
  ['search', 'PUT', '/notes/_doc/1', { 'Content-Type': 'application/json' }],
] as const)('nothing of it reaches %s', async (service, method, target, more) => {
  const { received } = await world.forwards(
    {
      service,
      method,
      target,
      headers: { ...IDENTITY, ...more, traceparent: TRACE, 'X-Request-ID': 'req-1' },
      body: '{}',
    },
    { region: 'eu-west', reason: 'in_residency' },
  );
  const text = JSON.stringify(received);
  expect(text).not.toMatch(
    /acme|student-1|teacher-1|of-the-client|session=1|b2Y6dGhl|x-(tenant|data|subject|user|region|residency)/i,
  );
  expect(received.headers).toMatchObject({ 'x-request-id': 'req-1', traceparent: TRACE });
  expect(received.headers.cookie).toBeUndefined();
  expect(received.headers['proxy-authorization']).toBeUndefined();
  const signed = /SignedHeaders=([^,]+)/.exec(received.headers.authorization ?? '')?.[1] ?? '';
  expect(signed).not.toMatch(/x-request-id|traceparent/);
});

test('an alias of the person is stripped too', async () => {
  const { received } = await world.forwards(
    { target: '/reports/key', headers: { 'X-Learner-ID': 'student-1' } },
    { region: 'eu-west', reason: 'in_residency' },
  );
  expect(JSON.stringify(received)).not.toMatch(/learner|student-1/i);
});
