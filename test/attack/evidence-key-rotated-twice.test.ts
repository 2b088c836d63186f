/**
 * Somebody rotates the key of a sidecar several times at once. A log may be signed by any key that was in place between:
 * none of them is lost.
 */
import { execFile } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { loadKeys, rotateKey } from '../../src/audit/key.ts';
import { LogLock } from '../../src/audit/lock.ts';
import { newState } from '../audit/logs.ts';

const KEY = new URL('../../src/audit/key.ts', import.meta.url).href;
const ROTATIONS = 20;

test('every key that was ever in place is kept, and who comes second is told', async () => {
  const state = newState();
  loadKeys(state, null);
  const script = `
    import { rotateKey } from '${KEY}';
    for (let done = 0; done < ${ROTATIONS};) {
      try {
        console.log(rotateKey(process.argv[1]).export({ format: 'jwk' }).x);
        done++;
      } catch (error) {
        if (!error.message.includes('is being rotated by another')) throw error;
      }
    }`;
  const rotate = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, state]);
  const made = (await Promise.all([rotate(), rotate(), rotate()])).flatMap(({ stdout }) => stdout.trim().split('\n'));
  expect(made).toHaveLength(3 * ROTATIONS);
  const { current, previous } = loadKeys(state, null);
  const kept = [current, ...previous].map((key) => createPublicKey(key).export({ format: 'jwk' }).x);
  expect(kept).toEqual(expect.arrayContaining(made));
  expect(kept).toHaveLength(1 + made.length);
}, 60_000);

test('nothing is changed while another rotates it', () => {
  const state = newState();
  const { current } = loadKeys(state, null);
  const lock = LogLock.take(state, 'key')!;
  expect(() => rotateKey(state)).toThrow(`the key under ${state} is being rotated by another: wait until it has ended`);
  lock.release();
  const after = loadKeys(state, null);
  expect(after.current.equals(current)).toBe(true);
  expect(after.previous).toEqual([]);
});
