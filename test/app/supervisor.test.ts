import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ToPrimary, ToWorker, WorkerReport } from '../../src/app/cluster/messages.ts';
import { Supervisor } from '../../src/app/cluster/supervisor.ts';
import type { Loaded } from '../../src/app/data-plane.ts';
import { Catalogue } from '../../src/region/catalogue.ts';
import { Log } from '../../src/telemetry/log.ts';

/** A process that does what its test makes it do. */
class Process extends EventEmitter {
  readonly sent: ToWorker[] = [];
  readonly process = { pid: 1, kill: () => this.exit('SIGKILL') };
  #connected = true;

  isConnected(): boolean {
    return this.#connected;
  }

  send(message: ToWorker): void {
    this.sent.push(message);
  }

  tell(message: ToPrimary): void {
    this.emit('message', message);
  }

  serve(): void {
    this.tell({ type: 'waiting' });
    this.tell({ type: 'serving', listeners: [] });
  }

  exit(signal: string | null): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.emit('exit', signal === null ? 0 : null, signal);
  }

  /** What it was sent of a type, in order. */
  all<T extends ToWorker['type']>(type: T): Extract<ToWorker, { type: T }>[] {
    return this.sent.filter((message): message is Extract<ToWorker, { type: T }> => message.type === type);
  }

  /** Revisions of the files that it was sent, in order. */
  get revisions(): number[] {
    return this.sent.flatMap((message) =>
      message.type === 'start'
        ? [message.setup.load.revision]
        : message.type === 'replace'
          ? [message.load.revision]
          : [],
    );
  }
}

const forks = vi.hoisted(() => ({ all: [] as unknown[], fail: false }));
vi.mock('node:cluster', () => ({
  default: {
    SCHED_NONE: 1,
    setupPrimary: () => undefined,
    fork: () => {
      if (forks.fail) throw new Error('spawn ENOMEM');
      const process = new Process();
      forks.all.push(process);
      return process;
    },
  },
}));
const process = (n: number) => forks.all[n] as Process;

const files = (revision: number) =>
  ({ settings: {}, catalogue: new Catalogue([]), policySet: {}, tls: {}, loadedAt: 0, revision }) as unknown as Loaded;

let log: string[];
let retired: WorkerReport[];
const FEED = { url: 'unix:/feed.sock', token: null, tls: { ca: null, cert: null, key: null }, lastGood: null };

let supervisor: Supervisor;

beforeEach(async () => {
  vi.useFakeTimers();
  forks.all.length = 0;
  forks.fail = false;
  log = [];
  retired = [];
  const destination = { write: (line: string) => log.push((JSON.parse(line) as { message: string }).message) };
  supervisor = new Supervisor(2, files(1), FEED, new Log({ level: 'info', destination }), (report) =>
    retired.push(report),
  );
  const started = supervisor.start();
  process(0).serve();
  process(1).serve();
  await started;
});
afterEach(() => {
  supervisor.abandon();
  vi.useRealTimers();
});

/** Lets what has happened take effect, without any time passing. */
const settled = () => vi.advanceTimersByTimeAsync(0);

/** Whether a promise has resolved by now. */
async function done(promise: Promise<unknown>): Promise<boolean> {
  let resolved = false;
  promise.then(
    () => (resolved = true),
    () => undefined,
  );
  await settled();
  return resolved;
}

const replaced = (n: number, revision: number) => process(n).tell({ type: 'replaced', revision });

/** Begins a roll, up to where the first new worker serves and the first old one leaves. */
async function halfRolled(newest = 2): Promise<void> {
  supervisor.roll().catch(() => undefined);
  await settled();
  process(newest).serve();
  await settled();
  expect(process(0).all('drain')).toHaveLength(1);
}

test('a worker begins with the files that are in force when it can take them, not when it was started', async () => {
  process(0).exit('SIGKILL');
  await vi.advanceTimersByTimeAsync(100);
  const reloaded = supervisor.replace(files(2));
  replaced(1, 2);
  expect(await done(reloaded)).toBe(true);
  process(2).tell({ type: 'waiting' });
  expect(process(2).revisions).toEqual([2]);
});

test('files are in force only once a worker that had begun to start has them too', async () => {
  process(0).exit('SIGKILL');
  await vi.advanceTimersByTimeAsync(100);
  process(2).tell({ type: 'waiting' });
  const reloaded = supervisor.replace(files(2));
  replaced(1, 2);
  expect(await done(reloaded)).toBe(false);
  expect(process(2).revisions).toEqual([1, 2]);
  replaced(2, 2);
  expect(await done(reloaded)).toBe(true);
  process(2).tell({ type: 'serving', listeners: [] });
  await settled();
  expect(process(2).revisions).toEqual([1, 2]);
});

test('files are in force only once a worker that leaves, and still decides, has them too', async () => {
  await halfRolled();
  const reloaded = supervisor.replace(files(2));
  for (const n of [1, 2]) replaced(n, 2);
  expect(process(0).revisions).toEqual([1, 2]);
  expect(await done(reloaded)).toBe(false);
  replaced(0, 2);
  expect(await done(reloaded)).toBe(true);
});

test('a worker that is told to leave while it was sent files is waited for all the same', async () => {
  const rolled = supervisor.roll();
  await settled();
  const reloaded = supervisor.replace(files(2));
  replaced(1, 2);
  process(2).serve();
  await settled();
  expect(process(0).all('drain')).toHaveLength(1);
  expect(await done(reloaded)).toBe(false);
  process(0).exit(null);
  expect(await done(reloaded)).toBe(true);
  process(3).exit('SIGKILL');
  await rolled;
});

test('a worker that cannot apply files is told to go at once, another takes its place, and nobody waits for it', async () => {
  const reloaded = supervisor.replace(files(2));
  replaced(1, 2);
  process(0).tell({ type: 'not_replaced', message: 'no' });
  expect(process(0).all('drain')).toMatchObject([{ grace: 0 }]);
  expect(await done(reloaded)).toBe(true);
  await vi.advanceTimersByTimeAsync(100);
  process(2).tell({ type: 'waiting' });
  expect(process(2).revisions).toEqual([2]);
});

test('one that cannot before anybody else could is told to go as soon as another can', async () => {
  const reloaded = supervisor.replace(files(2));
  process(0).tell({ type: 'not_replaced', message: 'no' });
  expect(process(0).all('drain')).toEqual([]);
  replaced(1, 2);
  expect(process(0).all('drain')).toMatchObject([{ grace: 0 }]);
  expect(await done(reloaded)).toBe(true);
});

test('files that no worker can put in force are refused: none goes for it, and the next one begins with those of before', async () => {
  const reloaded = supervisor.replace(files(2));
  const refused = expect(reloaded).rejects.toThrow('no worker can put the files in force: no');
  for (const n of [0, 1]) process(n).tell({ type: 'not_replaced', message: 'no' });
  await refused;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(supervisor.serving).toBe(2);
  expect(forks.all).toHaveLength(2);
  process(0).exit('SIGKILL');
  await vi.advanceTimersByTimeAsync(100);
  process(2).serve();
  expect(process(2).revisions).toEqual([1]);
  const next = supervisor.replace(files(2));
  for (const n of [1, 2]) replaced(n, 2);
  expect(await done(next)).toBe(true);
});

test('one that began with files that were then refused begins again', async () => {
  process(0).exit('SIGKILL');
  const reloaded = supervisor.replace(files(2));
  const refused = expect(reloaded).rejects.toThrow();
  await vi.advanceTimersByTimeAsync(100);
  process(2).tell({ type: 'waiting' });
  expect(process(2).revisions).toEqual([2]);
  process(1).tell({ type: 'not_replaced', message: 'no' });
  await refused;
  expect(process(2).isConnected()).toBe(false);
  await vi.advanceTimersByTimeAsync(1000);
  process(3).serve();
  expect(process(3).revisions).toEqual([1]);
});

test('one that leaves and cannot apply files is killed: it would go on deciding by the old ones', async () => {
  await halfRolled();
  supervisor.replace(files(2)).catch(() => undefined);
  process(0).tell({ type: 'not_replaced', message: 'no' });
  expect(process(0).isConnected()).toBe(false);
});

test('nobody takes the place of one that cannot apply files while all are told to go', async () => {
  supervisor.replace(files(2)).catch(() => undefined);
  const drained = supervisor.drain(1000);
  process(0).tell({ type: 'not_replaced', message: 'no' });
  for (const n of [0, 1]) process(n).exit(null);
  await drained;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(forks.all).toHaveLength(2);
  expect(log).toEqual([]);
});

test.each([
  ['before the new one serves', 0],
  ['so long before that yet another was started', 100],
])('a worker that dies while it is replaced has one successor: %s', async (_, wait) => {
  const rolled = supervisor.roll();
  await settled();
  process(0).exit('SIGKILL');
  await vi.advanceTimersByTimeAsync(wait);
  process(2).serve();
  await settled();
  const last = forks.all.length - 1; // started for the second place
  process(last).serve();
  await settled();
  process(1).exit(null);
  await rolled;
  await vi.advanceTimersByTimeAsync(20_000);
  expect(forks.all.filter((each) => (each as Process).isConnected())).toHaveLength(2);
  expect(supervisor.serving).toBe(2);
  expect(log.filter((line) => line.startsWith('a worker cannot start'))).toEqual([]);
  expect(log).toContain('all workers are restarted');
});

test('a roll whose new worker cannot start says so, keeps the old ones, and the next one is tried', async () => {
  const rolled = supervisor.roll();
  await settled();
  process(2).tell({ type: 'failed', message: 'no memory' });
  process(2).exit(null);
  await rolled;
  forks.fail = true;
  await supervisor.roll();
  forks.fail = false;
  expect(log).toEqual([
    'restarting all workers',
    'a new worker cannot start, the old ones stay: no memory',
    'restarting all workers',
    'a new worker cannot start, the old ones stay: spawn ENOMEM',
  ]);
  expect(supervisor.serving).toBe(2);
  await halfRolled(3);
});

test('a roll says nothing while another goes on, or when all are told to go', async () => {
  await halfRolled();
  await supervisor.roll();
  supervisor.drain(1000).catch(() => undefined);
  await supervisor.roll();
  expect(log.filter((line) => line === 'restarting all workers')).toHaveLength(1);
  expect(log).not.toContain('all workers are restarted');
});

test('a process that cannot be started is tried again later', async () => {
  forks.fail = true;
  process(0).exit('SIGKILL');
  await vi.advanceTimersByTimeAsync(150);
  expect(log).toContain('a worker cannot start: spawn ENOMEM');
  forks.fail = false;
  await vi.advanceTimersByTimeAsync(200);
  process(2).serve();
  await settled();
  expect(supervisor.serving).toBe(2);
});

test('a worker that leaves is asked how things are, as long as it is there', async () => {
  await halfRolled();
  const refreshed = supervisor.refresh();
  const report: WorkerReport = { metrics: [], regions: [], notReady: [], policies: null };
  for (const n of [0, 1, 2]) process(n).tell({ type: 'report', id: process(n).all('report')[0]!.id, report });
  await refreshed;
  expect(supervisor.reports).toHaveLength(3);
  process(0).exit(null);
  await settled();
  expect([supervisor.reports, retired]).toEqual([[report, report], [report]]);
});
