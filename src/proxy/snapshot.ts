import type { IdentityRules } from '../inbound/facts.ts';
import type { Door } from '../outbound/door.ts';
import type { Health } from '../outbound/health.ts';
import type { Catalogue } from '../region/catalogue.ts';
import type { Bundles } from './bundles.ts';

/** Everything that a reload replaces, as one. A request keeps the snapshot that it began with. */
export interface Snapshot {
  readonly catalogue: Catalogue;
  readonly rules: IdentityRules;
  readonly bundles: Bundles;
  readonly door: Door;
  readonly health: Health;
}
