import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Watch } from '../../src/app/watch.ts';

let root: string;
let folder: string;
let watch: Watch;
let errors: unknown[];
let changed: () => void;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'domicile-watch-'));
  folder = join(root, 'policies');
  mkdirSync(folder);
  errors = [];
  changed = () => undefined;
  watch = new Watch(
    () => changed(),
    (path, error) => errors.push(path, error),
  );
});
afterEach(() => {
  watch.close();
  rmSync(root, { recursive: true });
});

/** Resolves at the next change that is told. */
const change = () => new Promise<void>((resolve) => (changed = resolve));

test('a change that comes while files are read is told, though what is watched is set anew after it', async () => {
  watch.set([], [folder]);
  const told = change();
  // Reading is synchronous: what happens meanwhile waits until it is over.
  writeFileSync(join(folder, 'a.yaml'), '');
  watch.set([], [folder]);
  await told;
  const again = change();
  writeFileSync(join(folder, 'a.yaml'), 'x');
  await new Promise((resolve) => setImmediate(resolve)); // now it is known, and things are not quiet yet
  watch.set([join(folder, 'a.yaml')], []);
  await again;
  expect(errors).toEqual([]);
});

test('a folder put in the place of another is watched, once that is told', async () => {
  watch.set([], [folder]);
  const replaced = change();
  mkdirSync(join(root, 'next'));
  renameSync(folder, join(root, 'old'));
  renameSync(join(root, 'next'), folder);
  await replaced;
  watch.set([], [folder]);
  const told = change();
  writeFileSync(join(folder, 'a.yaml'), '');
  await told;
  expect(errors).toEqual([]);
});

test('a folder that is not there is told, and the others are watched', async () => {
  watch.set([], [join(root, 'missing'), folder]);
  expect(errors).toEqual([join(root, 'missing'), expect.objectContaining({ code: 'ENOENT' })]);
  const told = change();
  writeFileSync(join(folder, 'a.yaml'), '');
  await told;
});

test('what else happens in the folder of a file is nobody’s concern, and a link changed by Kubernetes is', async () => {
  const file = join(folder, 'a.yaml');
  writeFileSync(file, '');
  watch.set([file], []);
  let told = 0;
  const first = change();
  const counted = changed;
  changed = () => {
    told++;
    counted();
  };
  mkdirSync(join(folder, 'state'));
  writeFileSync(join(folder, 'other.txt'), '');
  await sleep(500); // longer than it takes to tell
  expect(told).toBe(0);
  mkdirSync(join(folder, '..data'));
  await first;
  expect(told).toBe(1);
});
