import { join } from 'node:path';
import { expect } from 'vitest';
import { findLogs, LogReader } from '../../src/audit/reader.ts';

// oxlint-disable-next-line typescript/no-explicit-any
export type Found = any;

/** Records under a folder `state`, of all its logs, as far as their checkpoints go. */
export async function recordsUnder(state: string): Promise<Found[]> {
  const logs = await findLogs(join(state, 'evidence'));
  return logs.flatMap((folder) => [...LogReader.open(folder).entries()].map(({ value }) => value));
}

/** Waits until there are so many records of a request, and gives them. */
export async function recordsOf(state: string, requestId: string, count = 1): Promise<Found[]> {
  const found = async () => (await recordsUnder(state)).filter((record) => record['request_id'] === requestId);
  await expect.poll(async () => (await found()).length, { timeout: 5000, interval: 10 }).toBe(count);
  return found();
}
