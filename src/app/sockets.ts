import { removeDeadSocket } from '../wire/dead-socket.ts';
import type { Settings } from './config/settings.ts';

/**
 * Removes the Unix sockets of data listeners that a dead process left behind. Before the first listener, and by one
 * process: between another's bind and its listen a live socket looks dead.
 */
export async function removeDeadSockets({ listeners }: Settings): Promise<void> {
  for (const listener of Object.values(listeners))
    if (listener?.address.kind === 'unix') await removeDeadSocket(listener.address.path);
}
