import type { Problem } from '../core/problem.ts';
import { ENDPOINT_KEYS, type Catalogue, type Endpoint, type Region } from './catalogue.ts';

/**
 * Endpoints of a region made by the API that would show a secret to a host that no file shows it to: whoever may name
 * endpoints there could have it sent to himself. A signature shows nothing of its key, and may go anywhere.
 * @param file the catalogue of the file
 * @returns problems whose paths lie within the region's entry
 */
export function strayCredentials(region: Region, file: Catalogue): Problem[] {
  const problems: Problem[] = [];
  for (const [key, dialect] of Object.entries(ENDPOINT_KEYS)) {
    const endpoint = region.endpoints[dialect];
    if (endpoint === undefined || endpoint.authentication.kind !== 'header' || isHome(endpoint, file)) continue;
    problems.push({
      code: 'stray_credential',
      path: ['endpoints', key, 'credential'],
      message: `${endpoint.authentication.name} is sent to ${endpoint.origin} by no region of the file`,
      fix: 'name that endpoint in regions.yaml, where secrets are entrusted, or use signing',
    });
  }
  return problems;
}

function isHome({ authentication, origin, socketPath }: Endpoint, { regions }: Catalogue): boolean {
  return regions.some(({ endpoints }) =>
    Object.values(endpoints).some(
      (known) =>
        known.authentication.kind === 'header' &&
        authentication.kind === 'header' &&
        known.authentication.name === authentication.name &&
        known.origin === origin &&
        known.socketPath === socketPath,
    ),
  );
}
