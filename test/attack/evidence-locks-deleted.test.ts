/**
 * Somebody deletes the locks of a process that runs, and a second one takes the same log. What the second has signed the
 * first never overwrites: it can no longer write, says so, and stays that way.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { durably, folderIn, frames, newState, openLog, rest, story, verified, writerIn } from '../audit/logs.ts';

test('of two processes that have one log, the one that was overtaken writes no more', async () => {
  const state = newState();
  const first = await openLog(state);
  rmSync(join(state, 'locks'), { recursive: true });
  const second = await openLog(state);
  expect(second.origin, 'without its lock the log seems free').toBe(first.origin);

  const error = await durably(first, first.append('query', rest('by the first')));
  const checkpoint = join(folderIn(state), 'checkpoint');
  expect(error?.message).toContain(`${checkpoint} is not as this process left it`);
  expect(first).toMatchObject({ failing: error?.message, hasRoom: false });

  expect(await durably(second, second.append('query', rest('by the second')))).toBeNull();
  expect(await first.close(50), 'what it holds is not written, and it says so').toBe(2);
  expect(await second.close(5000)).toBe(0);
  await verified(state);
  expect(story(state)).toEqual([
    'key began',
    'control log.opened',
    'gap unclean_stop',
    'control log.opened',
    'query by the second',
    'control log.closed',
  ]);
});

test('nor does it delete entries of the other', async () => {
  const state = newState();
  const first = writerIn(state);
  first.add(frames(1, 300));
  first.commit();
  const second = writerIn(state);
  second.add(frames(301, 1));
  second.commit();
  expect(() => first.prune(0, 256)).toThrow('is not as this process left it');
  expect(await verified(state)).toMatchObject({ size: 302, pruned: 0 });
});

test('a log whose checkpoint was taken away is not written on', () => {
  const state = newState();
  const writer = writerIn(state);
  rmSync(join(writer.folder, 'checkpoint'));
  writer.add(frames(1, 1));
  expect(() => writer.commit()).toThrow('is not as this process left it');
});
