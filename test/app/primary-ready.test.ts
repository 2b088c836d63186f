import { EventEmitter } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { ToPrimary, ToWorker } from '../../src/app/cluster/messages.ts';
import { Primary } from '../../src/app/cluster/primary.ts';
import { writeFiles } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';

/** A worker that serves, and then says nothing any more until it is told to: it is stuck. */
class Stuck extends EventEmitter {
  readonly process = { pid: 1, kill: () => this.emit('exit', null, 'SIGKILL') };
  #asked: number | null = null;

  isConnected(): boolean {
    return false;
  }

  begin(): void {
    this.emit('message', { type: 'waiting' } satisfies ToPrimary);
    this.emit('message', { type: 'serving', listeners: [] } satisfies ToPrimary);
  }

  send(message: ToWorker): void {
    if (message.type === 'report') this.#asked = message.id;
  }

  answer(notReady: string[]): void {
    const report = { metrics: [], regions: [], notReady, policies: null };
    this.emit('message', { type: 'report', id: this.#asked ?? 0, report } satisfies ToPrimary);
  }
}

const workers = vi.hoisted(() => [] as unknown[]);
vi.mock('node:cluster', () => ({
  default: {
    SCHED_NONE: 1,
    setupPrimary: () => undefined,
    fork: () => {
      const worker = new Stuck();
      workers.push(worker);
      setImmediate(() => worker.begin());
      return worker;
    },
  },
}));

test('while nothing is known of any worker, nothing says that traffic may come', async () => {
  const folder = writeFiles({ regions: [regionAt('eu-west', {})], policies: [] });
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const primary = await Primary.start({
    config: join(folder, 'domicile.yaml'),
    version: '0.0.0-test',
    env: {},
    workers: 2,
    origin: { kind: 'own' },
    log: { write: () => undefined },
  });
  onTestFinished(async () => {
    for (const worker of workers as Stuck[]) worker.process.kill();
    await primary.drain(0);
  });
  const ready = async () => {
    const answer = await fetch(`${primary.opsUrl}/readyz`);
    return [answer.status, ((await answer.json()) as { reasons: string[] }).reasons];
  };
  expect(await ready()).toEqual([503, ['no worker has told how it is']]);
  for (const worker of workers as Stuck[]) worker.answer([]);
  expect(await ready()).toEqual([200, []]);
});
