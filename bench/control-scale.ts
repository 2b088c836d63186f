/**
 * `node bench/control-scale.ts [--tenants N] [--updates N] [--postgres]`: the control plane with many tenants, on this
 * machine: starts, misses of the cache, memory, and a storm of updates. `domicile control` and `domicile proxy` (one worker)
 * are processes of their own, on a Unix socket; clients of the feed, writers and askers are in this one. SQLite, or a
 * PostgreSQL that is started for it (Debian's, as the tests do). Linux only. Progress goes to stderr, a table to stdout;
 * exit code 1 when anything is lost or outdated at the end.
 */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createToken } from '../src/control/auth/tokens.ts';
import { openStore } from '../src/store/open.ts';
import type { Store } from '../src/store/store.ts';
import { killAll, residentMegabytes, Running, stopAll } from './processes.ts';
import { table } from './report.ts';
import { rounded } from './rows.ts';
import { askAll } from './scale/asker.ts';
import { Plane } from './scale/planes.ts';
import { stormByApi, stormByStore, type Storm } from './scale/storm.ts';
import { fill, tenantOf, WHO } from './scale/tenants.ts';
import { until, Watchers } from './scale/watchers.ts';

/** Bundles that a proxy holds by default. */
const HELD = 10_000;
/** Misses that are measured one by one, before the cache is full and after. */
const ONE_BY_ONE = 3000;
const AT_ONCE = 64;
const STARTS = 5;
const WATCHERS = 8;
/** Below what one principal may send in a minute. */
const PUTS = 500;

const { tenants, updates, postgres } = readArguments();
const folder = mkdtempSync(join(tmpdir(), 'domicile-scale-'));
const script = join(import.meta.dirname, '../test/servers/postgres.sh');
const began = performance.now();
const lines: string[][] = [];

process.once('exit', () => {
  killAll();
  rmSync(folder, { recursive: true, force: true });
});
let stopping: Promise<unknown> | null = null;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void stopEverything().then(() => process.exit(1)));

try {
  await run(postgres ? await startPostgres() : null);
} catch (error) {
  if (stopping === null) throw error; // else it is what the stopping has broken off
} finally {
  await stopEverything();
}

async function run(database: string | null): Promise<void> {
  const load = rounded(loadavg()[0]!);
  const upstream = Number(
    await new Running(process.execPath, [join(import.meta.dirname, 'upstream.ts'), 'document']).firstLine(),
  );
  const control = await Plane.control(join(folder, 'control'), upstream, database);
  const store = await openStore({ url: database, folder: control.state });
  try {
    await measure(store, control, upstream);
  } finally {
    await store.close();
  }
  console.log(`\n${table(['what', 'unit', 'median', 'p99', 'max', 'of'], lines)}`);
  console.log(`\n${store.kind}, ${new Date().toISOString().slice(0, 10)}, load average ${load} before`);
}

async function measure(store: Store, control: Plane, upstream: number): Promise<void> {
  const revisions = new Map<string, number>();
  const filling = performance.now();
  const policies = await fill(store, tenants, revisions, say);
  figure(`store filled, ${tenants} tenants, ${policies} policies`, 's', [(performance.now() - filling) / 1000]);
  const token = await createToken(store, WHO, { role: 'admin', tenant: null, subject: 'bench', lifeMs: null });

  figure('control plane, start to ready', 's', await starts(control));
  await control.start();
  const feed = `unix:${join(control.state, 'feed.sock')}`;
  const proxy = await Plane.proxy(join(folder, 'proxy'), upstream, feed);
  figure('proxy, start to ready', 's', await starts(proxy));
  await proxy.start();
  figure('memory of the control plane, at first', 'MB RSS', [residentMegabytes(control.pid)]);
  figure('memory of the proxy, at first', 'MB RSS', [residentMegabytes(proxy.pid)]);

  const all = shuffled(tenants).map(tenantOf);
  const held = all.slice(0, HELD);
  const { search } = proxy.listen;
  const ask = async (name: string, some: readonly string[], atOnce: number) => {
    say(name);
    const since = performance.now();
    const { milliseconds, decided } = await askAll(search, some, atOnce);
    figure(name, 'ms', milliseconds);
    const refused = [...decided.values()].filter((by) => by === null).length;
    if (refused > 0) figure(`${name}: refused`, '', [refused]);
    return (some.length * 1000) / (performance.now() - since);
  };
  // Code that has never run is not what is measured.
  await askAll(search, all.slice(-200), 1);
  const some = held.slice(0, ONE_BY_ONE);
  await ask('first request of a tenant, one by one', some, 1);
  await ask('second request, one by one', some, 1);
  const rate = await ask(`first request, ${AT_ONCE} at once`, held.slice(ONE_BY_ONE), AT_ONCE);
  figure(`first requests, ${AT_ONCE} at once`, '/s', [rate]);
  // The tenants of the warm-up were the first to come: they make room for these.
  await until(async () => (await proxy.fed()).documents === held.length);
  figure(`memory of the proxy, ${held.length} bundles`, 'MB RSS', [residentMegabytes(proxy.pid)]);
  figure('memory of the control plane, these read', 'MB RSS', [residentMegabytes(control.pid)]);

  const watchers = await Watchers.open(feed, WATCHERS, held);
  try {
    const scene = { store, control, proxy, watchers, held, revisions };
    say(`storm of ${updates} updates`);
    report('by the store', await stormByStore(scene, updates));
    say(`storm of ${PUTS} PUTs`);
    report('by PUT', await stormByApi(scene, PUTS, token.secret));
  } finally {
    await watchers.close();
  }
  figure('memory of the proxy, after the storms', 'MB RSS', [residentMegabytes(proxy.pid)]);
  figure('memory of the control plane, after the storms', 'MB RSS', [residentMegabytes(control.pid)]);
  await ask('first request, cache full, one by one', all.slice(HELD, HELD + ONE_BY_ONE), 1);
  await proxy.stop();
  figure('proxy, start to ready, with what it had', 's', await starts(proxy));
}

function report(how: string, storm: Storm): void {
  const name = `storm, ${how}`;
  figure(`${name}: one update`, 'ms', storm.each);
  figure(`${name}: all updates`, 's', [storm.written / 1000]);
  figure(`${name}: update to announcement`, 'ms', storm.announced);
  figure(`${name}: last update to all of it at the clients`, 'ms', [storm.watchers]);
  figure(`${name}: last update to all of it in the proxy`, 'ms', [storm.proxy]);
  figure(`${name}: announcements lost`, '', [storm.lost]);
  figure(`${name}: documents of clients that differ from the store`, '', [storm.different]);
  figure(`${name}: tenants decided by an old policy`, '', [storm.outdated]);
  if (storm.lost + storm.different + storm.outdated > 0) process.exitCode = 1;
}

/** Starts it again and again. @returns seconds until it was ready, of each */
async function starts(plane: Plane): Promise<number[]> {
  const seconds: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    seconds.push(await plane.start());
    await plane.stop();
  }
  return seconds;
}

function figure(what: string, unit: string, values: readonly number[]): void {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => String(rounded(sorted[Math.ceil(sorted.length * share) - 1]!));
  const one = values.length === 1;
  // A percentile of a few is their maximum.
  const cells = [at(0.5), values.length < 100 ? '' : at(0.99), one ? '' : at(1), one ? '' : String(values.length)];
  lines.push([what, unit, ...cells]);
}

/** Whole numbers below `count`, each once. */
function shuffled(count: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

async function startPostgres(): Promise<string> {
  chmodSync(folder, 0o755); // it runs as a user of its own
  const home = join(folder, 'postgres');
  mkdirSync(home, { mode: 0o755 });
  const { stdout } = await promisify(execFile)('bash', [script, 'start', home, '0'], { timeout: 300_000 });
  return stdout.split(' ')[0]!;
}

function stopEverything(): Promise<unknown> {
  const all = async () => {
    await stopAll();
    if (postgres) await promisify(execFile)('bash', [script, 'stop', join(folder, 'postgres')]);
  };
  return (stopping ??= all());
}

function say(text: string): void {
  const seconds = Math.round((performance.now() - began) / 1000);
  console.error(`[${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}] ${text}`);
}

function readArguments() {
  const whole = (name: string, text: string, least: number) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= 10_000_000) return value;
    throw new Error(`--${name} ${text}: give a whole number from ${least} to 10,000,000`);
  };
  try {
    if (process.platform !== 'linux') throw new Error('memory is read from /proc, so this needs Linux');
    const { values } = parseArgs({
      options: {
        tenants: { type: 'string', default: '100000' },
        updates: { type: 'string', default: '10000' },
        postgres: { type: 'boolean', default: false },
      },
    });
    const { tenants, updates, postgres } = values;
    return {
      tenants: whole('tenants', tenants, HELD + ONE_BY_ONE + 200),
      updates: whole('updates', updates, 1),
      postgres,
    };
  } catch (error) {
    console.error(`control-scale: ${(error as Error).message}`);
    process.exit(2);
  }
}
