import { expect, it } from 'vitest';
import { StoreClock } from '../../src/feed/store-clock.ts';

/** Clocks that are set by hand. */
function clocks() {
  const hands = { mono: 1000, wall: 500_000 };
  const clock = new StoreClock({ monotonic: () => hands.mono, wall: () => hands.wall });
  const pass = (milliseconds: number) => {
    hands.mono += milliseconds;
    hands.wall += milliseconds;
  };
  return { hands, clock, pass, leased: () => clock.now() < clock.leaseUntil };
}

it('before the first beat it is our own clock, and nothing is leased', () => {
  const { clock, leased } = clocks();
  expect(clock.now()).toBe(500_000);
  expect(leased()).toBe(false);
});

it('a beat sets it by the store, and leases five seconds', () => {
  const { clock, pass, leased } = clocks();
  clock.beat(900_000);
  expect(clock.now()).toBe(900_000);
  pass(4999);
  expect(leased()).toBe(true);
  pass(1);
  expect(clock.now()).toBe(905_000);
  expect(leased()).toBe(false);
});

it('a clock of this machine that is set back does not prolong the lease', () => {
  const { hands, clock, pass, leased } = clocks();
  clock.beat(900_000);
  hands.wall -= 3_600_000;
  pass(5000);
  expect(leased()).toBe(false);
});

it('one that is set forth shortens it, until the next beat', () => {
  const { hands, clock, leased } = clocks();
  clock.beat(900_000);
  hands.wall += 3_600_000;
  expect(leased()).toBe(false);
  clock.beat(900_100);
  expect(clock.now()).toBe(900_100);
  expect(leased()).toBe(true);
});

it('a machine that slept, which a monotonic clock does not notice, has no lease', () => {
  const { hands, clock, leased } = clocks();
  clock.beat(900_000);
  hands.wall += 60_000;
  expect(leased()).toBe(false);
});

it('a beat that was long on its way sets nothing back, and leases from when it was made', () => {
  const { clock, pass, leased } = clocks();
  clock.beat(900_000);
  pass(2000);
  clock.beat(902_000);
  pass(4000);
  // Made at 903 s, it comes at 906 s.
  clock.beat(903_000);
  expect(clock.now()).toBe(906_000);
  pass(1999);
  expect(leased()).toBe(true);
  pass(1);
  expect(leased()).toBe(false);
});

it("the store's clock that is set back suspends the lease for a minute of beats, and no longer", () => {
  const { clock, pass, leased } = clocks();
  clock.beat(900_000);
  for (let beat = 0; beat < 30; beat++) {
    expect(beat === 0 || !leased()).toBe(true);
    pass(2000);
    clock.beat(600_000 + beat * 2000);
  }
  expect(leased()).toBe(true);
});
