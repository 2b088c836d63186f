import type { Server } from 'node:net';
import ipaddr from 'ipaddr.js';
import { removeDeadSocket } from '../inbound/dead-socket.ts';
import type { Address } from '../inbound/listener.ts';

/** A host as URLs and Host headers write it. */
export function bracketed(host: string): string {
  return ipaddr.IPv6.isValid(host) ? `[${host}]` : host;
}

/**
 * Begins to listen. A socket file that a killed process left behind is removed first; a file of any other kind never is.
 * Rejects with an Error of one line that names the address and the fix.
 */
export async function listenOn(server: Server, address: Address): Promise<void> {
  if ('path' in address) await removeDeadSocket(address.path);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const failed = (error: NodeJS.ErrnoException) => reject(listenError(address, error));
  server.once('error', failed);
  server.listen(address, () => {
    server.off('error', failed);
    resolve();
  });
  return promise;
}

const WHY: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'is in use: stop what listens there, or set ops.listen to another address'],
  ['EACCES', 'may not be listened on by this user: set ops.listen to another address'],
  ['EADDRNOTAVAIL', 'is no address of this machine: correct ops.listen'],
  ['ENOTFOUND', 'has a host name that does not resolve: correct ops.listen'],
  ['ENOENT', 'lies in a folder that does not exist: create it, or correct ops.listen'],
]);

function listenError(address: Address, error: NodeJS.ErrnoException): Error {
  const shown = 'path' in address ? `unix:${address.path}` : `${bracketed(address.host)}:${address.port}`;
  const why = WHY.get(error.code ?? '') ?? `cannot be listened on (${error.code}): correct ops.listen`;
  return new Error(`ops: ${shown} ${why}`, { cause: error });
}
