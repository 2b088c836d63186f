import { join } from 'node:path';
import { Running } from '../processes.ts';
import type { Peer, Stage } from './peer.ts';

const PROGRAMS = { 'http-proxy': 'http-proxy.ts', '@fastify/reply-from': 'reply-from.ts' } as const;

/** A peer that is a Node program beside this file. */
export async function startNodePeer(stage: Stage, name: keyof typeof PROGRAMS): Promise<Peer> {
  const program = join(import.meta.dirname, PROGRAMS[name]);
  const running = new Running(process.execPath, [program, String(stage.upstream)]);
  const port = await running.firstLine();
  return { name, does: 'tenant × class map', url: `http://127.0.0.1:${port}`, processes: [running] };
}
