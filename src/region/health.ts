import type { RegionStatus, Service } from '../core/vocabulary.ts';

/** A region as `/health/regions` shows it. */
export interface RegionHealth {
  readonly id: string;
  readonly status: RegionStatus;
  readonly services: readonly { readonly service: Service; readonly up: boolean }[];
}

/** Healthy: all is up. Degraded: something is. Unhealthy: nothing is. */
export function overallHealth(regions: readonly RegionHealth[]): 'healthy' | 'degraded' | 'unhealthy' {
  const services = regions.flatMap((region) => region.services);
  if (!services.some((service) => service.up)) return 'unhealthy';
  return services.every((service) => service.up) ? 'healthy' : 'degraded';
}
