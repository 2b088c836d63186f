import { expect, test } from 'vitest';
import { worstHealth } from '../../src/app/region-health.ts';
import type { RegionHealth } from '../../src/ops/state.ts';

const judged = (id: string, ...services: [string, boolean][]) =>
  ({ id, status: 'active', services: services.map(([service, up]) => ({ service, up })) }) as unknown as RegionHealth;

test('what one worker holds to be down is down, and the rest is as the first says', () => {
  const one = [judged('eu-west', ['storage', true], ['search', true]), judged('us-east', ['storage', false])];
  const other = [judged('eu-west', ['storage', true], ['search', false]), judged('us-east', ['storage', true])];
  expect(worstHealth([one, other])).toEqual([
    judged('eu-west', ['storage', true], ['search', false]),
    judged('us-east', ['storage', false]),
  ]);
});

test('a worker that does not know a region, or a service of it, has nothing against it', () => {
  const known = [judged('eu-west', ['storage', true]), judged('us-east', ['storage', true])];
  expect(worstHealth([known, [judged('eu-west')]])).toEqual(known);
});
