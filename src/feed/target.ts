import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** PEM texts by which a client knows its server, and shows who it is. */
export interface ClientTls {
  /** Null: the authorities that this system trusts. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

export type Target = { readonly path: string } | { readonly host: string; readonly port: number };

/**
 * The address of a feed: `unix:/path`, or `https://host:port` (also `tls://`).
 * @throws Error in one line, with what to do
 */
export function targetOf(url: string): Target {
  const wanted = 'Give unix:/path/of/feed.sock or https://host:port.';
  if (url.startsWith('unix:')) {
    const path = url.slice('unix:'.length);
    if (!path.startsWith('/')) throw new Error(`${url}: the path of the socket is not absolute. ${wanted}`);
    return { path };
  }
  const parsed = URL.parse(url.replace(/^tls:/, 'https:'));
  if (parsed?.protocol !== 'https:') throw new Error(`${url}: not the address of a feed. ${wanted}`);
  const { hostname, port, pathname, search, hash, username, password } = parsed;
  if (`${search}${hash}${username}${password}` !== '' || pathname !== '/')
    throw new Error(`${parsed.origin}: more than host and port. ${wanted}`);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? 443 : Number(port) };
}

/** A connection that is being made. `ready` is called once it is up and, over a network, the server has proven who it is. */
export function open(target: Target, { ca, cert, key }: ClientTls, ready: () => void): Socket {
  if ('path' in target) return connectPlain({ path: target.path }, ready);
  return connectTls(
    {
      ...target,
      minVersion: 'TLSv1.2',
      ...(ca === null ? {} : { ca }),
      ...(cert === null || key === null ? {} : { cert, key }),
    },
    ready,
  );
}
