import { setImmediate as immediately } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemFiles } from '../../src/audit/durable.ts';
import type { EvidenceState } from '../../src/audit/evidence-log.ts';
import { slotsFrom } from '../../src/audit/names.ts';
import { inProcess } from './faults.ts';
import { durably, newState, openLog, rest } from './logs.ts';

test('whoever waits when a log is closed over a disk that hangs is told, and so is whoever asks after that', async () => {
  let disk = Promise.withResolvers<void>();
  disk.resolve();
  const told: EvidenceState[] = [];
  const onChange = (state: EvidenceState) => told.push(state);
  const openPort = inProcess(systemFiles, () => disk.promise);
  const log = await openLog(newState(), { openPort, onChange, flushMs: 50 });
  disk = Promise.withResolvers();
  const seq = log.append('query', rest('never written'));
  const waiting = durably(log, seq);
  expect(await log.close(100), 'the entry, and the one of the closing').toBe(2);
  expect((await waiting)?.message).toContain('the log is closed');
  expect((await durably(log, seq))?.message).toContain('the log is closed');
  expect(await durably(log, 0), 'it was durable before').toBe(null);
  expect(log.hasRoom).toBe(false);
  disk.resolve();
  await immediately();
  await immediately();
  expect(told, 'it is too late to say that it can be written again').toEqual([]);
  expect((await durably(log, seq))?.message).toContain('the log is closed');
});

test('names are not looked for without end where no lock can be had', () => {
  const names = [...slotsFrom('control')];
  expect(names.slice(0, 3)).toEqual(['control', 'control-2', 'control-3']);
  expect(names).toHaveLength(1024);
  expect(slotsFrom('2').take(3).toArray()).toEqual(['2', '3', '4']);
});
