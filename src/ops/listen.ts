import type { Server } from 'node:net';
import { removeDeadSocket } from '../wire/dead-socket.ts';
import { bindError, type Address } from '../wire/address.ts';

/**
 * Begins to listen. A socket file that a killed process left behind is removed first; a file of any other kind never is.
 * Rejects with an Error of one line that names the address and the fix.
 */
export async function listenOn(server: Server, address: Address): Promise<void> {
  if ('path' in address) await removeDeadSocket(address.path);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const failed = (error: NodeJS.ErrnoException) => reject(bindError('ops', address, error));
  server.once('error', failed);
  server.listen(address, () => {
    server.off('error', failed);
    resolve();
  });
  return promise;
}
