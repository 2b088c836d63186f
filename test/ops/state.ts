import type { OpsState, RegionHealth, StoreHealth, WorkerCount } from '../../src/ops/state.ts';
import type { LogLevel } from '../../src/telemetry/log.ts';

/** A state that tests set, and that writes down what was done to it. */
export class State implements OpsState {
  readonly version = '1.2.3';
  readonly #calls: string[];
  reasons: string[] = [];
  health: RegionHealth[] = [];
  storeHealth: StoreHealth = { status: 'not_configured' };
  config: unknown = {};
  #level: LogLevel = 'info';

  constructor(calls: string[]) {
    this.#calls = calls;
  }
  count: WorkerCount | null = null;
  notReady = () => this.reasons;
  workers = () => this.count;
  regions = () => this.health;
  store = () => this.storeHealth;
  configDump(): unknown {
    if (this.config instanceof Error) throw this.config;
    return this.config;
  }
  drain(): void {
    this.#calls.push('drain');
  }
  level = () => this.#level;
  setLevel(level: LogLevel): void {
    this.#calls.push(`level ${level}`);
    this.#level = level;
  }
}
