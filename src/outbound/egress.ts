import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** `code` of the error by which a connection outside a region's networks fails. */
export const OUTSIDE_REGION = 'EGRESS_OUTSIDE_REGION';

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];
export type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;
/** As `dns.lookup`. */
export type Lookup = (hostname: string, options: LookupOptions, callback: LookupCallback) => void;

/**
 * Egress attestation: the networks (CIDRs) that a region's endpoints must resolve into. A name of which only one address
 * lies outside is refused whole, before a connection is tried.
 */
export class Networks {
  readonly #ranges: readonly Range[];
  readonly #ask: Lookup;

  /** @throws Error when a text is no CIDR: the loader checks */
  constructor(cidrs: readonly string[], ask: Lookup = dnsLookup) {
    this.#ranges = cidrs.map((cidr) => ipaddr.parseCIDR(cidr));
    this.#ask = ask;
  }

  /** Whether an address literal lies inside. Without any network everything does. */
  holds(address: string): boolean {
    if (this.#ranges.length === 0) return true;
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address); // an IPv4 address written as IPv6 is that IPv4 address
    return this.#ranges.some(
      ([network, bits]) => network.kind() === parsed.kind() && parsed.match(network as never, bits),
    );
  }

  /** Null when a host may be connected to; for a name that is told by `lookup`, once it is resolved. */
  refuse(hostname: string): NodeJS.ErrnoException | null {
    const host = hostname.replace(/^\[|\]$/g, '');
    return isIP(host) === 0 || this.holds(host) ? null : outside();
  }

  /** As `dns.lookup`; fails when an address lies outside. */
  readonly lookup: Lookup = (hostname, options, callback) => {
    this.#ask(hostname, options, (error, address, family) => {
      if (error !== null) return callback(error, '', 0);
      const addresses = Array.isArray(address)
        ? (address as LookupAddress[]).map((found) => found.address)
        : [address as string];
      if (!addresses.every((found) => this.holds(found))) return callback(outside(), '', 0);
      callback(null, address as string, family);
    });
  };
}

function outside(): NodeJS.ErrnoException {
  return Object.assign(new Error('the endpoint resolves outside the networks of its region'), { code: OUTSIDE_REGION });
}
