import { describe, expect, it } from 'vitest';
import { rotateKey } from '../../src/audit/key.ts';
import { LogReader } from '../../src/audit/reader.ts';
import type { DurableFiles } from '../../src/audit/durable.ts';
import { diskError, FaultyFiles, HOWS, Killed, PowerlessFiles } from './faults.ts';
import { folderIn, frames, newState, verified, writerIn } from './logs.ts';
import { existsSync } from 'node:fs';

/** Sizes of commits that cross the edges of bundles. */
const COMMITS = [1, 3, 250, 1, 1, 300];

/** Writes a log. @param acknowledge told after each commit how far it came */
function write(state: string, files: DurableFiles, acknowledge: (size: number) => void): void {
  const writer = writerIn(state, files);
  acknowledge(writer.size);
  for (const count of COMMITS) {
    writer.add(frames(writer.size, count));
    writer.commit();
    acknowledge(writer.size);
  }
}

/** Looks at what is left: it verifies as it lies, and when it is opened again nothing acknowledged is missing. */
async function survives(state: string, acknowledged: number): Promise<void> {
  if (acknowledged > 0) expect((await verified(state)).size).toBeGreaterThanOrEqual(acknowledged);
  const writer = writerIn(state);
  expect(writer.size).toBeGreaterThanOrEqual(acknowledged);
  writer.add(frames(writer.size, 300));
  writer.commit();
  expect((await verified(state)).notes).toEqual([]);
  let seq = 0;
  for (const entry of LogReader.open(folderIn(state)).entries()) expect(entry.value['seq']).toBe(seq++);
  expect(seq).toBe(writer.size);
}

function operations(): number {
  const files = new FaultyFiles();
  write(newState(), files, () => undefined);
  return files.operations;
}
const OPERATIONS = operations();

describe('a process that dies in any operation of a commit', () => {
  it.each(HOWS)(
    'leaves a log that verifies as it lies and has all that was acknowledged (%s)',
    async (how) => {
      for (let at = 0; at < OPERATIONS; at++) {
        const state = newState();
        let acknowledged = 0;
        const run = () => write(state, new FaultyFiles(at, how), (size) => (acknowledged = size));
        expect(run).toThrow(Killed);
        await survives(state, acknowledged);
      }
    },
    120_000,
  );
});

describe('a machine that loses power in any operation of a commit', () => {
  it.each(['forgets all', 'forgets nothing', 'forgets some'])(
    'has all that was acknowledged, whatever it forgets of the rest (%s)',
    async (which) => {
      let random = 1;
      const isKept = () => {
        random = (random * 48_271) % 2_147_483_647;
        return which === 'forgets nothing' || (which === 'forgets some' && random % 2 === 0);
      };
      for (let at = 0; at < OPERATIONS; at++) {
        const state = newState();
        let acknowledged = 0;
        const files = new PowerlessFiles(at);
        try {
          write(state, files, (size) => (acknowledged = size));
        } catch (error) {
          expect(error).toBeInstanceOf(Killed);
        }
        files.materialise(state, isKept);
        await survives(state, acknowledged);
      }
    },
    120_000,
  );
});

describe('a disk that fails in any operation of a commit', () => {
  it.each(HOWS)(
    'loses nothing: the log verifies as it lies, and the commit is done when it can be (%s)',
    async (how) => {
      const before = new FaultyFiles();
      writerIn(newState(), before);
      for (let at = before.operations; at < OPERATIONS; at++) {
        const state = newState();
        const files = new FaultyFiles(at, how, diskError('EIO'), 3);
        const writer = writerIn(state, files);
        let failures = 0;
        for (const count of COMMITS) {
          const first = writer.size;
          writer.add(frames(first, count));
          for (;;) {
            try {
              writer.commit();
              break;
            } catch (error) {
              expect(error).toMatchObject({ code: 'EIO' });
              failures += 1;
              expect((await verified(state)).size).toBeGreaterThanOrEqual(first);
            }
          }
        }
        expect(failures).toBe(3);
        expect(await verified(state)).toMatchObject({ size: 557, notes: [] });
      }
    },
    120_000,
  );
});

describe('a hand-over that is cut short', () => {
  it('verifies at every instant, and is completed by the next start', async () => {
    const handOver = (files: DurableFiles, state = newState()) => {
      if (!existsSync(folderIn(state))) {
        writerIn(state);
        rotateKey(state);
      }
      return writerIn(state, files);
    };
    const all = new FaultyFiles();
    handOver(all);
    for (let at = 0; at < all.operations; at++) {
      const state = newState();
      expect(() => handOver(new FaultyFiles(at, 'after'), state)).toThrow(Killed);
      await verified(state);
      expect(handOver(new FaultyFiles(), state).size).toBe(2);
      expect(await verified(state)).toMatchObject({ size: 2, notes: [] });
    }
  }, 60_000);
});
