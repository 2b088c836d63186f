import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, Running } from '../processes.ts';
import { BENCH_ENVIRONMENT, type ListenPorts, writeBenchPolicies, writeConfig } from './config.ts';
import type { Peer, Stage } from './peer.ts';

/** Domicile by its listeners: one process with one worker, all of its enforcement on. */
export interface DomicilePeers {
  readonly storage: Peer;
  readonly search: Peer;
  readonly inference: Peer;
}

/** @param evidence `none`: without, as no command starts it */
export async function startDomicile(stage: Stage, evidence: 'kept' | 'none' = 'kept'): Promise<DomicilePeers> {
  const folder = mkdtempSync(join(stage.folder, 'domicile-')); // with a state of its own
  const listen = await listenPorts();
  const config = writeConfig(folder, stage.upstream, listen);
  writeBenchPolicies(folder);
  const processes = [evidence === 'kept' ? domicile(config) : unrecorded(config)];
  await processes[0]!.answers(`http://127.0.0.1:${listen.ops}/readyz`, 200);
  const peer = (port: number, does: string): Peer => ({
    name: 'domicile',
    does: evidence === 'kept' ? `${does}, evidence` : does,
    url: `http://127.0.0.1:${port}`,
    processes,
  });
  return {
    storage: peer(listen.storage, 'facts, decision, guard, SigV4, metrics'),
    search: peer(listen.search, 'facts, decision, guard, metrics'),
    inference: peer(listen.inference, 'facts, decision, guard, credential, metrics'),
  };
}

function unrecorded(config: string): Running {
  return new Running(process.execPath, [join(import.meta.dirname, 'unrecorded.ts'), config], BENCH_ENVIRONMENT);
}

/** `domicile serve` from the sources. */
export function domicile(config: string): Running {
  const main = join(import.meta.dirname, '../../src/main.ts');
  return new Running(process.execPath, [main, 'serve', '--config', config, '--workers', '1'], BENCH_ENVIRONMENT);
}

export async function listenPorts(): Promise<ListenPorts> {
  return {
    storage: await freePort(),
    search: await freePort(),
    inference: await freePort(),
    control: await freePort(),
    ops: await freePort(),
  };
}
