import { expect, test } from 'vitest';
import { fuzz, summary } from './fuzz.ts';

const INPUTS = 30_000;

test(`${INPUTS} mutations of the corpus are read in one way only, and none hangs`, async () => {
  const report = await fuzz({ seed: 20_260_611, inputs: INPUTS });
  console.log(`wire fuzz: ${summary(report)}`);
  expect(report.faults).toEqual([]);
  expect(report.inputs).toBe(INPUTS);
  expect(report.sampled).toBeGreaterThan(INPUTS / 200);
  // So that nothing found says something.
  expect(report.accepted).toBeGreaterThan(INPUTS / 5);
  for (const status of [400, 403, 417, 431, 501]) expect(report.refused.get(status), String(status)).toBeGreaterThan(0);
}, 60_000);
