import type { Classification, Verb } from '../core/vocabulary.ts';
import type { Place } from '../dialect/dialect.ts';
import { IN_PROCESS, STATUS_WRITES, ADVISED_AGAINST, type Bundle, type Effective } from '../policy/compile.ts';
import { placed } from '../policy/decide.ts';
import { expandTemplate, type Catalogue, type Endpoint, type Region } from '../region/catalogue.ts';

/** The place that a decision named, with what the policy lets a dialect do there. */
export class DecidedPlace implements Place {
  readonly region: Region;
  readonly endpoint: Endpoint;
  readonly tenant: string;
  readonly classification: Classification;
  readonly verb: Verb;
  readonly #bundle: Bundle;
  readonly #eff: Effective;
  readonly #catalogue: Catalogue;
  readonly #now: number;

  constructor(
    region: Region,
    endpoint: Endpoint,
    classification: Classification,
    verb: Verb,
    bundle: Bundle,
    eff: Effective,
    catalogue: Catalogue,
    now: number,
  ) {
    this.region = region;
    this.endpoint = endpoint;
    this.tenant = bundle.tenant;
    this.classification = classification;
    this.verb = verb;
    this.#bundle = bundle;
    this.#eff = eff;
    this.#catalogue = catalogue;
    this.#now = now;
  }

  get retentionDays(): number | null {
    return this.#eff.policy.dataRetentionDays;
  }

  mayProcessIn(cloudRegion: string): boolean {
    const region = this.#catalogue.find(cloudRegion);
    if (region === null || (this.#bundle.statuses[region.index]! & STATUS_WRITES) === 0) return false;
    if ((this.#eff.regions[region.index]! & ADVISED_AGAINST) !== 0) return false;
    return placed(this.#eff, region.index, IN_PROCESS, IN_PROCESS, this.#now);
  }

  bucketName(bucket: string): string | null {
    const storage = this.region.endpoints.s3;
    if (storage === undefined) return null;
    return expandTemplate(storage.bucket, {
      name: bucket,
      tenant: this.tenant,
      classification: this.classification,
      region: this.region.id,
      cloudRegion: this.region.cloudRegion,
    });
  }
}
