import { expect, vi } from 'vitest';
import { statusOf, type Reason } from '../../src/core/reasons.ts';
import { received, type World } from './world.ts';

/** What is expected of a refused call. */
export interface Expected {
  readonly reason: Reason;
  /** Requests that the SDK makes before it gives up. Default: 1. */
  readonly attempts?: number;
}

/**
 * What one SDK does through Domicile, watched from the other side: its log says which operations it saw and how it
 * decided, the stand-ins say which region received a byte.
 */
export class Trial {
  readonly #client: string;
  readonly #world: World;
  readonly #allowed = new Map<string, number>();
  readonly #denied = new Map<string, number>();

  constructor(client: string, world: World) {
    this.#client = client;
    this.#world = world;
  }

  /** All that `act` sends is forwarded: exactly these operations, each to the region at home, not a byte abroad. */
  async allows<T>(operations: string | readonly string[], act: () => Promise<T>): Promise<T> {
    const { home, abroad, homeId } = this.#world;
    const names = typeof operations === 'string' ? [operations] : operations;
    const [before, seen] = [received(abroad).bytes, received(home).requests];
    const { result, lines } = await this.#watch(act);
    expect(lines.map((line) => line['operation_type']).toSorted()).toEqual(names.toSorted());
    for (const line of lines) {
      expect(line).toMatchObject({ message: 'forwarded', region: homeId, reason: 'in_residency', tenant_id: 'acme' });
      add(this.#allowed, line['operation_type'] as string);
    }
    expect(received(home).requests - seen, 'requests at home').toBe(names.length);
    expect(received(abroad).bytes - before, 'bytes abroad').toBe(0);
    return result;
  }

  /**
   * What `act` sends is refused with this reason, in the attempts given, and not a byte reaches any region.
   * @returns what `act` rejected with
   */
  async denies(operation: string, expected: Expected, act: () => Promise<unknown>): Promise<unknown> {
    const { home, abroad } = this.#world;
    const before = received(home).bytes + received(abroad).bytes;
    const { result, lines } = await this.#watch(() => rejection(act));
    expect(lines.map((line) => [line['message'], line['reason'], line['status']])).toEqual(
      Array.from({ length: expected.attempts ?? 1 }, () => ['refused', expected.reason, statusOf(expected.reason)]),
    );
    for (const line of lines) {
      // An operation that is refused before it is recognised has no name.
      expect([operation, null]).toContain(line['operation_type']);
      add(this.#denied, operation);
    }
    expect(received(home).bytes + received(abroad).bytes - before, 'bytes that left').toBe(0);
    return result;
  }

  /** What `act` sends goes abroad and not a byte to the region at home: what is silent elsewhere is not deaf. */
  async crosses<T>(operation: string, act: () => Promise<T>): Promise<T> {
    const { home, abroad, abroadId } = this.#world;
    const [before, seen] = [received(home).bytes, received(abroad).requests];
    const { result, lines } = await this.#watch(act);
    expect(lines).toEqual([expect.objectContaining({ operation_type: operation, region: abroadId })]);
    expect(received(abroad).requests - seen, 'requests abroad').toBe(1);
    expect(received(home).bytes - before, 'bytes at home').toBe(0);
    return result;
  }

  /** `CLIENT: 3 operations, 4 allowed, 2 refused: GetObject 2/1, …` with allowed and refused requests of each. */
  summary(): string {
    const names = [...new Set([...this.#allowed.keys(), ...this.#denied.keys()])];
    const each = names.map((name) => `${name} ${this.#allowed.get(name) ?? 0}/${this.#denied.get(name) ?? 0}`);
    const total = `${sum(this.#allowed)} allowed, ${sum(this.#denied)} refused`;
    return `${this.#client}: ${names.length} operations, ${total}: ${each.join(', ')}`;
  }

  async #watch<T>(act: () => Promise<T>): Promise<{ result: T; lines: Record<string, unknown>[] }> {
    const { domicile, log } = this.#world.rig;
    const start = log.length;
    const result = await act();
    // A line is written when the answer's stream has closed, which may be just after the client has read it.
    const { inflight } = domicile.plane.proxy;
    await vi.waitUntil(() => inflight.storage + inflight.search + inflight.inference === 0);
    return { result, lines: log.slice(start).filter((line) => 'operation_type' in line) };
  }
}

/** @throws Error when `act` does not reject */
async function rejection(act: () => Promise<unknown>): Promise<unknown> {
  let result: unknown;
  try {
    result = await act();
  } catch (error) {
    return error;
  }
  throw new Error(`it was not refused, but answered ${JSON.stringify(result)}`);
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function sum(counts: Map<string, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}
