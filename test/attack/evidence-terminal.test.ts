/**
 * A folder that is handed to an auditor has entries that command the terminal they are shown on, or that end their line
 * and go on with one that no log has. `audit query` reads what nobody has verified, so it shows them as they are not.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { Output } from '../../src/cli/audit/output.ts';
import { decision, openLog, temporaryFolder } from '../audit/make-log.ts';

vi.setConfig({ testTimeout: 60_000 }); // each command is a process of its own
const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const CLEARS = '\u001b[2J\u009b2J';

const { isTTY } = process.stdout;
afterEach(() => {
  process.stdout.isTTY = isTTY;
  vi.restoreAllMocks();
});

/** A log in which the text `from` of an entry was replaced, byte by byte. */
function spoiled(from: string, to: string): string {
  const log = openLog(temporaryFolder());
  log.add(decision({ user: 'eve-eve-eve-eve' }));
  const path = join(log.folder, 'tile/entries/000.p/2');
  const text = readFileSync(path, 'latin1');
  expect(from).toHaveLength(to.length);
  writeFileSync(path, text.replace(from, to), 'latin1');
  return log.folder;
}

function query(...args: readonly string[]): { code: number | null; out: string; err: string } {
  const run = spawnSync(process.execPath, [MAIN, 'audit', 'query', ...args], { encoding: 'utf8', timeout: 60_000 });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

test('an entry stays one line of JSON, without a control character', () => {
  const folder = spoiled('eve-eve-eve-eve', `${CLEARS}\n{"v":2}`);
  const { code, out } = query(folder, '--format', 'json', '--kind', 'decision');
  expect(code).toBe(0);
  expect(out).toMatch(/^[ -~]*\n$/);
  expect(out).toContain(String.raw`\u001b[2J\u009b2J\u000a{"v":2}`);
});

test('what is wrong with an entry is told without its control characters', () => {
  const folder = spoiled('"user":"eve-eve-eve-eve"', `"user":${CLEARS}          `);
  const { code, err } = query(folder, '--tenant', 'acme');
  expect(code).toBe(1);
  expect(err).toMatch(/^[ -~]*\n$/);
  expect(err).toContain('domicile audit verify');
});

test.each([
  [true, String.raw`a,\u001b[2J\u009b2J` + '\nb\n'],
  [false, `a,${CLEARS}\r\nb\n`],
])('CSV has every character as it is, but on a terminal (%s)', async (isTerminal, expected) => {
  let written = '';
  process.stdout.isTTY = isTerminal;
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
  const output = new Output();
  output.add(`a,${CLEARS}\r\n`);
  output.add('b\n');
  await output.flush();
  expect(written).toBe(expected);
});
