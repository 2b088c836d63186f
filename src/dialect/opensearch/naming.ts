import { expandTemplate, tellsApart } from '../../region/catalogue.ts';
import type { Place } from '../dialect.ts';

/** How the logical names of indices become those of the cluster at one place. */
export class Naming {
  /** Whether the endpoint has a template other than `{index}`. */
  readonly templated: boolean;
  /** Whether the template tells tenants or classes apart that lie in one cluster. */
  readonly shared: boolean;
  /** Whether the template keeps this tenant's indices apart from every other's. */
  readonly apart: boolean;
  readonly #place: Place;

  constructor(place: Place) {
    const template = place.endpoint.index;
    this.#place = place;
    this.templated = template !== '{index}';
    this.apart = tellsApart(template, place.tenant);
    this.shared = template.includes('{tenant}') || template.includes('{classification}');
  }

  physical(name: string): string {
    const { endpoint, tenant, classification, region } = this.#place;
    return expandTemplate(endpoint.index, {
      name,
      tenant,
      classification,
      region: region.id,
      cloudRegion: region.cloudRegion,
    });
  }
}
