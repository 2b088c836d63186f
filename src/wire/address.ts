import { isIPv6 } from 'node:net';

/** Where a listener is bound: a TCP address (port 0: a free one), or the path of a Unix socket. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** A host as URLs and Host headers write it. */
export function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** Why an address cannot be bound, in one line with what to do. @param name of the listener, as its key in domicile.yaml */
export function bindError(name: string, address: Address, error: NodeJS.ErrnoException): Error {
  const where = 'path' in address ? `unix:${address.path}` : `${bracketed(address.host)}:${address.port}`;
  return new Error(`${name}: ${explainBind(error, where)}`, { cause: error });
}

function explainBind(error: NodeJS.ErrnoException, where: string): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `${where} is in use. Stop what listens there, or choose another address in the configuration.`;
    case 'EACCES':
      return `${where} may not be bound by this user. Choose another address, or grant the right to bind this one.`;
    case 'EADDRNOTAVAIL':
      return `${where} is not an address of this machine. Choose one that is.`;
    case 'ENOTFOUND':
      return `${where} has a host name that does not resolve. Correct it in the configuration.`;
    case 'ENOENT':
      return `${where} lies in a folder that does not exist. Create it, or choose another address in the configuration.`;
    default:
      return `cannot listen on ${where}: ${error.message}. Check the address in the configuration.`;
  }
}
