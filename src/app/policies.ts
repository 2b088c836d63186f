import type { Regime } from '../policy/model.ts';
import type { TenantSource } from '../proxy/bundles.ts';
import { LocalUses, type Uses } from '../proxy/uses.ts';
import type { Catalogue } from '../region/catalogue.ts';
import type { Loaded } from './data-plane.ts';
import { fileSource } from './tenants.ts';

/** What a snapshot of a data plane is made from. */
export interface Ground {
  readonly catalogue: Catalogue;
  readonly regimes: readonly Regime[];
  readonly tenants: TenantSource;
  /** Key of URLs signed for `via: proxy`; null: there are none. */
  readonly presignKey: Buffer | null;
}

/** Told what changes of the policies behind a data plane. */
export interface PolicyListener {
  /** The policies of this tenant are others now. */
  dropped(tenant: string): void;
  /** So are everybody's. */
  droppedAll(): void;
  /** Regions or law are others now. @throws Error when they cannot be put into force: what was stays */
  replaced(): void;
}

/** Where the policies of a data plane come from, and who counts the uses of what widens. */
export interface Policies {
  /** @throws Error, in one line, where they and this machine's files contradict each other */
  ground(loaded: Loaded): Ground;
  readonly uses: Uses;
  /** Milliseconds since the epoch, by the clock of whoever says what holds. */
  now(): number;
  /** Until when, by that clock, grants and overrides hold without a new word of it. */
  wideningUntil(): number;
  /** Why no traffic should come, one short text each; empty: it may. */
  notReady(): readonly string[];
  /** Of what is in force. */
  revision(): number;
  /** Policies in force, disabled ones included. */
  count(): number;
  /** Whether the control plane is heard; null: there is none. */
  connected(): boolean | null;
  /** Milliseconds since what is in force was last known to be current. */
  age(): number;
  /** For `/config_dump`. */
  state(): unknown;
  /** Told from now on of what changes. */
  attach(listener: PolicyListener): void;
  close(): Promise<void>;
}

/** Policies of this machine's files and nothing else: what they say holds until they are loaded again. */
export class FilePolicies implements Policies {
  readonly uses = new LocalUses();
  #loaded: Loaded;

  constructor(loaded: Loaded) {
    this.#loaded = loaded;
  }

  ground(loaded: Loaded): Ground {
    this.#loaded = loaded;
    const { catalogue, policySet } = loaded;
    return { catalogue, regimes: policySet.regimes, tenants: fileSource(policySet), presignKey: null };
  }

  now(): number {
    return Date.now();
  }

  wideningUntil(): number {
    return Infinity;
  }

  notReady(): readonly string[] {
    return [];
  }

  revision(): number {
    return this.#loaded.revision;
  }

  count(): number {
    return this.#loaded.policySet.policies.length;
  }

  connected(): null {
    return null;
  }

  age(): number {
    return Date.now() - this.#loaded.loadedAt;
  }

  state(): unknown {
    return null;
  }

  attach(): void {}

  async close(): Promise<void> {}
}
