/**
 * What is not there cannot be verified, and must not for that reason be passed over: a log without its checkpoint, and a
 * whole log of which the auditor has the key.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openLog, temporaryFolder } from '../audit/make-log.ts';

vi.setConfig({ testTimeout: 60_000 }); // each command is a process of its own
const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

function verify(...args: readonly string[]): { code: number | null; out: string; err: string } {
  const run = spawnSync(process.execPath, [MAIN, 'audit', 'verify', ...args], { encoding: 'utf8', timeout: 60_000 });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

function two() {
  const state = temporaryFolder();
  const logs = [openLog(state), openLog(state, 'edge', 'control')] as const;
  for (const log of logs) log.addDecisions(3);
  return { root: join(state, 'evidence'), one: logs[0], control: logs[1] };
}

test('a log whose checkpoint was removed is a fault, and not no log', () => {
  const { root, one } = two();
  expect(verify(root)).toMatchObject({ code: 0 });
  rmSync(join(one.folder, 'checkpoint'));
  const { code, out } = verify(root);
  expect(code).toBe(1);
  expect(out).toContain(`BAD ${one.folder}  ${join(one.folder, 'checkpoint')}, byte 0: is missing`);
});

test('a log that was removed as a whole is missed by whoever has its key, among others of its sidecar', () => {
  const { root, one, control } = two();
  const keys = [one, control].flatMap(({ writer }) => ['--key', writer.verifier]);
  expect(verify(root, ...keys)).toMatchObject({ code: 0, err: '' });
  expect(verify(one.folder, ...keys), 'this log was asked for').toMatchObject({ code: 0 });
  rmSync(one.folder, { recursive: true });
  const { code, err } = verify(root, ...keys);
  expect(code).toBe(1);
  expect(err).toBe('domicile/edge/1: is not there: a key of it was given, and other logs of its sidecar are there\n');
  const { out } = verify(root, ...keys, '--json');
  expect(JSON.parse(out)).toMatchObject({ ok: false, error: err.trimEnd() });
});
