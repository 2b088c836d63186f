// The million of `soak.ts` in small, so that what is never given back shows before the long run.
import { expect, test } from 'vitest';
import { soak, tableOf } from './soak.ts';

const REQUESTS = 12_000;

test(`${REQUESTS} requests, one in ten broken off by one side or the other, leave nothing behind`, async () => {
  const soaked = await soak({ requests: REQUESTS, seed: 7, connections: 32, seconds: Infinity });
  console.log(tableOf(soaked));
  expect(soaked.faults).toEqual([]);
  expect(soaked.tally.answered.get(200)).toBeGreaterThan(REQUESTS / 2);
  expect(soaked.tally.answered.get(403)).toBeGreaterThan(REQUESTS / 20);
}, 60_000);
