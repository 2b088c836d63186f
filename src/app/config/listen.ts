import { resolve } from 'node:path';
import ipaddr from 'ipaddr.js';
import { isLoopback } from '../../core/loopback.ts';

/** Where a listener listens. A host is an address without brackets, or a name; port 0 is any free one. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** The limit of sockaddr_un on Linux, without the closing zero. */
const MAX_SOCKET_PATH = 107;

/**
 * `host:port`, `[::1]:port` or `unix:/path`.
 * @param folder what a relative socket path is relative to
 * @returns what is wrong, as a string, when it is none
 */
export function parseListen(text: string, folder: string): ListenAddress | string {
  if (text.startsWith('unix:')) {
    const path = text.slice(5).replace(/^\/\/(?=\/)/, '');
    if (path === '' || path.endsWith('/')) return 'names no socket';
    const absolute = resolve(folder, path);
    return Buffer.byteLength(absolute) > MAX_SOCKET_PATH
      ? `is longer than the ${MAX_SOCKET_PATH} bytes of a socket path`
      : { kind: 'unix', path: absolute };
  }
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text);
  if (match === null) return 'is not an address';
  const [, six, name, digits] = match;
  const port = Number(digits);
  if (port > 65_535) return `has port ${port}, beyond 65535`;
  if (six !== undefined) return ipaddr.IPv6.isValid(six) ? { kind: 'tcp', host: six, port } : 'is not an IPv6 address';
  const host = (name as string).toLowerCase();
  if (/^[\d.]+$/.test(host) && !ipaddr.IPv4.isValidFourPartDecimal(host)) return 'is not an IPv4 address';
  return { kind: 'tcp', host, port };
}

/** Whether only this machine can reach it. A name other than localhost is taken for a network. */
export function isLocal(address: ListenAddress): boolean {
  return address.kind === 'unix' || isLoopback(address.host);
}

/** As it is written in the file. */
export function formatListen(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
