import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { SERVICES } from '../../core/vocabulary.ts';
import type { Settings } from '../config/settings.ts';
import type { Bound } from '../running.ts';

/**
 * A free port for each listener whose port is 0: all workers listen on the same one, and so does whoever takes their
 * place. An address that cannot be had is left to them to complain about.
 */
export async function freePorts({ listeners }: Settings): Promise<Bound[]> {
  const ports: Bound[] = [];
  // Held until all are found, so that no two are the same.
  const held = [];
  for (const service of SERVICES) {
    const listener = listeners[service];
    if (listener?.address.kind !== 'tcp' || listener.address.port !== 0) continue;
    const server = createServer().listen(0, listener.address.host);
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    held.push(server);
    ports.push({ name: `listeners.${service}`, port: (server.address() as AddressInfo).port });
  }
  for (const server of held) {
    server.close();
    await once(server, 'close');
  }
  return ports;
}
