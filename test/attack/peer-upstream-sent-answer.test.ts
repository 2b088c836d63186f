// PEERS, "Strip first, then set", the other way round, and PROTOCOLS, "`x-should-retry: true` makes even 403 retry, so strip it from
// upstream": an upstream that states a decision, or asks the SDK to go on trying, is not believed.
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { startWorld } from './world.ts';

let status = 200;
const standIn = await startStandIn((request, response) => {
  request.resume();
  response.writeEarlyHints({ link: '</x>; rel=preload' });
  response.writeHead(status, {
    'X-Residency-Decision': 'audit',
    'X-Residency-Reason': 'emergency_override',
    'x-residency-region': 'us-east',
    'x-residency-policy': 'globex-us@1',
    'x-residency-anything': '1',
    'X-Should-Retry': 'true',
    'X-Request-ID': 'of-the-upstream',
    Trailer: 'x-residency-reason',
  });
  response.addTrailers({ 'x-residency-reason': 'grant', 'x-residency-region': 'us-east' });
  response.end('{}');
});
const world = await startWorld({ replace: { 'eu-west': { storage: standIn, search: standIn } } });

test.each([
  ['storage', '/reports/key', 200],
  ['storage', '/reports/key', 403],
  ['search', '/notes/_search', 200],
  ['search', '/notes/_search', 429],
] as const)('%s: what the upstream says of the decision is not passed on (%s, %d)', async (service, target, says) => {
  status = says;
  const { answer } = await world.forwards({ service, target }, { region: 'eu-west', reason: 'in_residency' });
  expect(answer.status).toBe(says);
  const text = JSON.stringify(answer);
  expect(text).not.toMatch(/emergency_override|us-east|globex|of-the-upstream|"grant"|x-residency-anything/);
  expect(text).not.toContain('x-should-retry');
  expect(text).not.toContain('x-residency-reason"},"body');
  expect(answer.headers.filter((name) => name === 'x-residency-reason')).toHaveLength(1);
  expect(answer.headers.filter((name) => name === 'x-request-id')).toHaveLength(1);
});
