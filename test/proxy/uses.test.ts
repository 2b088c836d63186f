import { expect, test, vi } from 'vitest';
import { answerTake, LocalUses, SharedUses, type TakeRequest } from '../../src/proxy/uses.ts';

const G1 = { id: 'g1', maxUses: 2 };
const G2 = { id: 'g2', maxUses: 1 };
const ENDLESS = { id: 'g3', maxUses: null };

function take(uses: LocalUses | SharedUses, ...grants: (typeof G1 | typeof ENDLESS)[]): Promise<boolean> {
  return new Promise((resolve) => uses.take(grants, resolve));
}

test('a counted grant is taken as often as it may be, within the call, and then no more', () => {
  const uses = new LocalUses();
  const taken: boolean[] = [];
  for (let i = 0; i < 4; i++) uses.take([G1], (each) => taken.push(each));
  expect(taken).toEqual([true, true, false, false]);
  expect(uses.of('g1')).toBe(2);
});

test('several grants are taken all or none, also the same one twice', () => {
  const uses = new LocalUses();
  const taken: boolean[] = [];
  const note = (each: boolean) => taken.push(each);
  uses.take([G1, G2], note);
  uses.take([G1, G2], note);
  expect(uses.counts()).toEqual([
    ['g1', 1],
    ['g2', 1],
  ]);
  uses.take([G1, G1], note);
  expect(uses.of('g1')).toBe(1);
  expect(taken).toEqual([true, false, false]);
});

test('a grant without limit is not counted, and nobody is asked for it', async () => {
  const local = new LocalUses();
  expect(await take(local, ENDLESS)).toBe(true);
  expect(local.of('g3')).toBe(0);
  const ask = vi.fn(() => true);
  expect(await take(new SharedUses(ask), ENDLESS)).toBe(true);
  expect(ask).not.toHaveBeenCalled();
});

/** Two workers and the counts of their primary, without processes between. */
function workers(counts: LocalUses): SharedUses[] {
  return [0, 1].map(() => {
    const uses: SharedUses = new SharedUses((request) => {
      queueMicrotask(() => answerTake(counts, request, (answer) => uses.answered(answer)));
      return true;
    }, counts.counts());
    return uses;
  });
}

test('workers share what their primary counts, and mirror it: a grant that is used up is known to be', async () => {
  const counts = new LocalUses();
  const [one, other] = workers(counts) as [SharedUses, SharedUses];
  expect(await take(one, G1)).toBe(true);
  expect(one.of('g1')).toBe(1);
  expect(other.of('g1')).toBe(0);
  expect(await take(other, G1)).toBe(true);
  expect(await take(one, G1)).toBe(false);
  expect([one.of('g1'), other.of('g1')]).toEqual([2, 2]);
  expect(workers(counts)[0]!.of('g1')).toBe(2);
});

test('no answer in time is not taken; one that comes later only tells the count', async () => {
  const asked: TakeRequest[] = [];
  const uses = new SharedUses((request) => asked.push(request) > 0, [], 10);
  expect(await take(uses, G1)).toBe(false);
  uses.answered({ id: asked[0]!.id, taken: true, counts: [['g1', 1]] });
  expect(uses.of('g1')).toBe(1);
});

test('without a primary, or once it is gone, nothing is taken', async () => {
  expect(await take(new SharedUses(() => false), G1)).toBe(false);
  const uses = new SharedUses(() => true);
  const waiting = take(uses, G1);
  uses.lost();
  expect(await waiting).toBe(false);
});

test('an older count never undoes a newer one', () => {
  const uses = new SharedUses(() => true);
  uses.answered({ id: 1, taken: true, counts: [['g1', 2]] });
  uses.answered({ id: 2, taken: true, counts: [['g1', 1]] });
  expect(uses.of('g1')).toBe(2);
});
