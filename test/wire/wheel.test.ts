import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Wheel, type Timed } from '../../src/wire/wheel.ts';

/** Milliseconds by which a deadline may be noticed late: one turn, and the one that it falls into. */
const LATE = 200;

class Alarm implements Timed {
  deadline = Infinity;
  turn = -1;
  readonly rung: number[] = [];

  expired(): void {
    this.rung.push(performance.now());
  }
}

let wheel: Wheel;

beforeEach(() => {
  vi.useFakeTimers();
  wheel = new Wheel();
});

afterEach(() => {
  wheel.close();
  vi.useRealTimers();
});

test.each([1, 99, 100, 101, 5000, 102_300, 102_400, 300_000, 86_400_000])(
  'a deadline in %i ms is noticed once, not early, and at most two turns late',
  (milliseconds) => {
    const alarm = new Alarm();
    const began = performance.now();
    wheel.set(alarm, milliseconds);
    vi.advanceTimersByTime(milliseconds + 2 * LATE);
    expect(alarm.rung).toHaveLength(1);
    expect(alarm.rung[0]! - began).toBeGreaterThanOrEqual(milliseconds - 100); // the clock is a turn behind at most
    expect(alarm.rung[0]! - began).toBeLessThanOrEqual(milliseconds + LATE);
    vi.advanceTimersByTime(200_000);
    expect(alarm.rung).toHaveLength(1);
  },
);

test('a deadline that is moved on is noticed at its new time alone', () => {
  const alarm = new Alarm();
  wheel.set(alarm, 1000);
  for (let i = 0; i < 20; i++) {
    vi.advanceTimersByTime(500);
    wheel.set(alarm, 1000);
  }
  expect(alarm.rung).toHaveLength(0);
  vi.advanceTimersByTime(1000 + LATE);
  expect(alarm.rung).toHaveLength(1);
});

test('an earlier deadline than before is noticed in its own time', () => {
  const alarm = new Alarm();
  wheel.set(alarm, 300_000);
  wheel.set(alarm, 500);
  vi.advanceTimersByTime(500 + LATE);
  expect(alarm.rung).toHaveLength(1);
  vi.advanceTimersByTime(400_000);
  expect(alarm.rung).toHaveLength(1);
});

test('a deadline that is taken back never comes, and can be set again', () => {
  const alarm = new Alarm();
  wheel.set(alarm, 500);
  alarm.deadline = Infinity;
  vi.advanceTimersByTime(10_000);
  expect(alarm.rung).toHaveLength(0);
  wheel.set(alarm, 500);
  vi.advanceTimersByTime(500 + LATE);
  expect(alarm.rung).toHaveLength(1);
});

test('ten thousand deadlines, moved at random, each come at their last time', () => {
  let seed = 42;
  const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
  const alarms = Array.from({ length: 10_000 }, () => new Alarm());
  const due = new Map<Alarm, number>();
  for (let round = 0; round < 5; round++) {
    for (const alarm of alarms) {
      if (alarm.rung.length > 0) continue;
      const milliseconds = 3000 + random(200_000);
      wheel.set(alarm, milliseconds);
      due.set(alarm, wheel.now + milliseconds);
    }
    vi.advanceTimersByTime(500);
  }
  vi.advanceTimersByTime(210_000);
  for (const alarm of alarms) {
    expect(alarm.rung).toHaveLength(1);
    expect(Math.abs(alarm.rung[0]! - due.get(alarm)!)).toBeLessThanOrEqual(LATE);
  }
});

test('what is cleared is forgotten at once, however far its deadline was, and can be set again', async () => {
  vi.useRealTimers();
  const real = new Wheel();
  const kept = (count: number) =>
    Array.from({ length: count }, () => {
      const alarm = new Alarm();
      real.set(alarm, 300_000);
      real.set(alarm, 60_000);
      real.clear(alarm);
      return new WeakRef(alarm);
    });
  const alarms = kept(1000);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await new Promise((resolve) => setImmediate(resolve)); // a WeakRef is kept until the turn ends
  collect();
  expect(alarms.filter((alarm) => alarm.deref() !== undefined)).toHaveLength(0);
  real.close();
});

test('a deadline that is cleared by one that expires before it in the same turn does not come', () => {
  const second = new Alarm();
  const first = new (class extends Alarm {
    override expired(): void {
      wheel.clear(second);
    }
  })();
  wheel.set(first, 500);
  wheel.set(second, 500);
  vi.advanceTimersByTime(500 + LATE);
  expect(second.rung).toHaveLength(0);
  wheel.set(second, 500);
  vi.advanceTimersByTime(500 + LATE);
  expect(second.rung).toHaveLength(1);
});

test('a wheel that is closed lets nothing expire', () => {
  const alarm = new Alarm();
  wheel.set(alarm, 500);
  wheel.close();
  vi.advanceTimersByTime(10_000);
  expect(alarm.rung).toHaveLength(0);
});
