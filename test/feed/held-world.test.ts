import { expect, test } from 'vitest';
import type { WorldDocument } from '../../src/feed/documents.ts';
import { HeldWorld } from '../../src/feed/held-world.ts';
import { Lines } from './world.ts';

const world = (revision: number): WorldDocument => ({
  revision,
  regions: [],
  regimes: [],
  presignKey: '',
  policies: 0,
});

test('where what a refused world closes cannot be closed, nothing holds until one can be put in force', () => {
  const log = new Lines();
  let broken = false;
  const held = new HeldWorld(() => {
    if (broken) throw new Error('no');
  }, log);
  expect(held.offer(world(1), 1)).toBeNull();
  broken = true;
  held.outdate(2);
  expect(held.offer(world(2), 2)).toContain('cannot be put in force here: no');
  expect([held.holds, held.kept, held.refused?.world]).toEqual([false, null, world(2)]);
  expect(log.text).toContain('cannot be closed here, so nothing is decided');
  broken = false;
  expect(held.offer(world(3), 3)).toBeNull();
  expect([held.holds, held.current, held.refused]).toEqual([true, world(3), null]);
});
