import ipaddr from 'ipaddr.js';

/**
 * Whether a host can be reached from this machine only: `localhost`, or a literal loopback address (127.0.0.0/8, ::1, or
 * the one written as the other). IPv6 with or without brackets. Any other name is taken for a network.
 */
export function isLoopback(host: string): boolean {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  return bare === 'localhost' || (ipaddr.isValid(bare) && ipaddr.process(bare).range() === 'loopback');
}
