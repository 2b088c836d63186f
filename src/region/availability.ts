import type { DialectId, Verb } from '../core/vocabulary.ts';
import type { Catalogue, Endpoint } from './catalogue.ts';

/** By region index: 1 where the dialect has an endpoint that serves the verb, its health left aside. */
export function serving(catalogue: Catalogue, dialect: DialectId, verb: Verb): Uint8Array {
  return table(catalogue, dialect, (endpoint) => verb !== 'process' || endpoint.processing);
}

/** By region index: 1 where the dialect's endpoint is TLS, a loopback address or a Unix socket. */
export function secure(catalogue: Catalogue, dialect: DialectId): Uint8Array {
  return table(catalogue, dialect, (endpoint) => endpoint.secure);
}

function table(catalogue: Catalogue, dialect: DialectId, test: (endpoint: Endpoint) => boolean): Uint8Array {
  return Uint8Array.from(catalogue.regions, ({ endpoints }) => {
    const endpoint = endpoints[dialect];
    return endpoint !== undefined && test(endpoint) ? 1 : 0;
  });
}
