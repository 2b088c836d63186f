import { DIALECTS, SERVICE_OF, type DialectId, type Service } from '../core/vocabulary.ts';
import type { RegionHealth } from '../ops/state.ts';
import type { Catalogue } from '../region/catalogue.ts';

/** Every region and the services that it has endpoints for. A service is up in a region when one of its dialects is. */
export function regionHealth(
  { regions }: Catalogue,
  isUp: (dialect: DialectId, region: number) => boolean,
): RegionHealth[] {
  return regions.map(({ index, id, status, endpoints }) => {
    const services = new Map<Service, boolean>();
    for (const dialect of DIALECTS) {
      if (endpoints[dialect] === undefined) continue;
      const service = SERVICE_OF[dialect];
      services.set(service, (services.get(service) ?? false) || isUp(dialect, index));
    }
    return { id, status, services: [...services].map(([service, up]) => ({ service, up })) };
  });
}

/** Several judgements of the same regions as one: what one of them holds to be down is down. */
export function worstHealth(all: readonly (readonly RegionHealth[])[]): RegionHealth[] {
  const [first = [], ...rest] = all;
  return first.map((region) => ({
    ...region,
    services: region.services.map(({ service, up }) => ({
      service,
      up: up && rest.every((other) => isUpIn(other, region.id, service)),
    })),
  }));
}

/** A region or service that a judgement does not know, since it is of other files, is not held against it. */
function isUpIn(regions: readonly RegionHealth[], id: string, service: Service): boolean {
  const services = regions.find((region) => region.id === id)?.services;
  return services?.find((each) => each.service === service)?.up ?? true;
}
