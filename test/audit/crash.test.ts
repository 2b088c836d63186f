import { expect, it } from 'vitest';
import { killed, MODES } from './crash.ts';

it.each(MODES)(
  'a process that is killed leaves logs that verify as they lie and have all that they owe (%s)',
  async (mode) => {
    const { owed, lost, entries, faults } = await killed(mode, 10);
    expect({ lost, faults }).toEqual({ lost: 0, faults: [] });
    expect(owed).toBeGreaterThan(0);
    expect(entries).toBeGreaterThan(owed / 2);
  },
  60_000,
);
