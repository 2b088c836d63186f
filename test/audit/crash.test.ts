import { expect, it } from 'vitest';
import { killed, MODES } from './crash.ts';

/** Milliseconds. That batches are durable within 50 is for `node test/audit/crash.ts` to show, on a machine that does nothing
 *  else: here tests of all kinds keep a thread from running for longer than that. */
const BUSY = 1000;

it.each(MODES)(
  'a process that is killed leaves logs that verify as they lie and have all that they owe (%s)',
  async (mode) => {
    const { owed, lost, latest, entries, faults } = await killed(mode, 10);
    expect(faults).toEqual([]);
    if (mode === 'strict') expect(lost).toBe(0);
    expect(latest).toBeLessThan(BUSY);
    expect(owed).toBeGreaterThan(0);
    expect(entries).toBeGreaterThan(owed / 2);
  },
  60_000,
);
