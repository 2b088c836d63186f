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

/** Waits for the decision of a request, which has one, and gives it: it may be open still. */
export async function decisionOf(state: string, requestId: string): Promise<Found> {
  const found = async () =>
    (await recordsUnder(state)).filter(({ kind, request_id }) => kind === 'decision' && request_id === requestId);
  await expect.poll(async () => (await found()).length, { timeout: 5000, interval: 10 }).toBe(1);
  return (await found())[0];
}

/** Waits until it is on record how a request ended. */
export async function endOf(state: string, requestId: string): Promise<Found> {
  const ended = async () =>
    (await recordsUnder(state)).find(({ request_id, open }) => request_id === requestId && open !== true);
  await expect.poll(ended, { timeout: 5000, interval: 10 }).toBeDefined();
  return ended();
}
