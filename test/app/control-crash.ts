/**
 * `node test/app/control-crash.ts [--mutations 1000] [--kills 5]`: control plane and PostgreSQL, killed again and again in
 * the middle of so many mutations each, and what is there afterwards. Exit 1 when anything is lost, half there or refused.
 */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { writeFiles } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream } from '../rig/upstream.ts';
import { crashPostgres } from '../servers/crash.ts';
import { ask, Cluster, Load } from './cluster-rig.ts';
import { applied, People, sender, type Got } from './people.ts';

/** A PostgreSQL that can be made to die where it stands, and to come up again on what is on its disk. */
export interface Postgres {
  readonly url: string;
  crash(): Promise<void>;
}

export interface Crashes {
  readonly mutations: number;
  /** Times that it is killed, spread over the mutations. */
  readonly kills: number;
  /** Null: the store is SQLite, and the control plane itself is what is killed. */
  readonly postgres: Postgres | null;
}

export interface Toll {
  readonly acknowledged: number;
  /** Mutations that were not answered, or with 5xx, when it died: asked for again until they were acknowledged. */
  readonly unanswered: number;
  /** Those that were found made after it died, and had not been acknowledged. */
  readonly madeUnanswered: number;
  /** What was acknowledged and is not there, and what is there in part: a line each. */
  readonly faults: readonly string[];
  /** Requests of the data plane meanwhile. */
  readonly served: number;
  readonly failed: readonly string[];
  /** Milliseconds from each kill until a mutation was acknowledged again, without what it took to look at the store. */
  readonly outages: readonly number[];
}

/** Mutations that are made one after the other of a tenant of their own: made, changed, and two things more. */
const EACH = 4;
/** Tenants that are worked on at once. */
const LANES = 8;
const PATIENCE = 60_000;

export async function survive({ mutations, kills, postgres }: Crashes): Promise<Toll> {
  await using stack = new AsyncDisposableStack();
  const upstream = await startUpstream((_, answer) => answer.end('{}'));
  stack.defer(() => upstream.close());
  const files = {
    regions: [regionAt('eu-west', { search: upstream.url }), regionAt('us-east', { search: upstream.url })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', primary_region: 'eu-west' }],
  };
  const settings = {
    store: { url: postgres === null ? null : '${env:DATABASE}' },
    control: { listen: '127.0.0.1:0', rate_limit: { per_minute: 1_000_000 } },
  };
  const folder = writeFiles({ ...files, settings });
  const env = postgres === null ? {} : { DATABASE: postgres.url };
  const begin = () => Cluster.in(folder, env, [], 'control');
  let control = begin();
  stack.defer(() => control.stop());
  await control.logged('ready');
  const { firstToken } = control;
  // Somebody who could approve: what nobody can is not even asked for.
  const people = await People.of(control, postgres?.url ?? null);
  await people.someone('approver', 'bob');
  await people.close();
  const proxy = Cluster.in(
    writeFiles({ ...files, policies: [] }),
    {},
    ['--workers', '1', '--control', control.feed],
    'proxy',
  );
  stack.defer(() => proxy.stop());
  await proxy.logged('connected to the control plane');
  const load = new Load(`${proxy.url('search')}/idx/_doc/1`, 1, true);
  stack.defer(() => load.stop());
  await load.more(10);

  const ledger = new Ledger(mutations);
  const send = (...sent: Parameters<ReturnType<typeof sender>>) => sender(control.control, firstToken)(...sent);
  const work = ledger.work(send);
  const faults: string[] = [];
  const outages: number[] = [];
  let madeUnanswered = 0;
  for (let kill = 1; kill <= kills; kill++) {
    await Promise.race([work, ledger.reached(Math.floor((mutations * kill) / (kills + 1)))]);
    const at = performance.now();
    ledger.down();
    if (postgres === null) {
      await control.end('SIGKILL');
      control = begin();
      await control.logged('ready');
    } else await postgres.crash();
    const restart = performance.now() - at;
    const store = await openStore({ url: postgres?.url ?? null, folder: join(folder, 'state') });
    faults.push(...(await faultsIn(store, ledger)));
    madeUnanswered += (await historyIn(store)).length - ledger.acknowledged;
    await store.close();
    const before = ledger.acknowledged;
    const up = performance.now();
    ledger.up();
    await Promise.race([work, ledger.reached(before + 1)]);
    outages.push(restart + performance.now() - up);
  }
  await work;
  const store = await openStore({ url: postgres?.url ?? null, folder: join(folder, 'state') });
  stack.defer(() => store.close());
  faults.push(...(await faultsIn(store, ledger)));
  await applied(proxy.ops, await store.revision());
  faults.push(...(await differencesAt(proxy, ledger)));
  await load.stop();
  const { acknowledged, unanswered } = ledger;
  return { acknowledged, unanswered, madeUnanswered, faults, served: load.done, failed: load.failed, outages };
}

type Send = (...sent: Parameters<ReturnType<typeof sender>>) => Promise<Got>;

/** What was asked for, and what was acknowledged. */
class Ledger {
  /** By tenant, how many of its mutations were. */
  readonly done: number[];
  acknowledged = 0;
  unanswered = 0;
  readonly #total: number;
  #back = Promise.withResolvers<void>();
  #waiting: { readonly count: number; readonly resolve: () => void } | null = null;

  constructor(mutations: number) {
    this.#total = mutations;
    this.done = Array.from({ length: Math.ceil(mutations / EACH) }, () => 0);
    this.#back.resolve();
  }

  /** Resolves when so many are acknowledged. */
  reached(count: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = setTimeout(() => reject(new Error(`not ${count} in ${PATIENCE} ms: ${this.acknowledged}`)), PATIENCE);
    this.#waiting = { count, resolve: () => (clearTimeout(late), resolve()) };
    this.#look();
    return promise;
  }

  /** From now on whoever is not answered waits. */
  down(): void {
    this.#back = Promise.withResolvers<void>();
  }

  up(): void {
    this.#back.resolve();
  }

  /** Makes all of them; resolves when all are acknowledged. */
  async work(send: Send): Promise<void> {
    let next = 0;
    const lane = async () => {
      for (let i = next++; i < this.done.length; i = next++) await this.#workOn(i, send);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  async #workOn(i: number, send: Send): Promise<void> {
    const { tenant, policy, record, request } = named(i);
    const steps = Math.min(EACH, this.#total - i * EACH);
    let etag = '';
    for (let step = 0; step < steps; step++) {
      const [method, path, body] = [
        ['POST', '/api/v1/policies', { id: policy, tenant_id: tenant, name: 'first', primary_region: 'eu-west' }],
        ['PUT', `/api/v1/policies/${policy}`, { name: 'second', primary_region: 'eu-west' }],
        ['POST', '/api/v1/data/classify', { tenant_id: tenant, data_id: record, classification_level: 'identity' }],
        [
          'POST',
          '/api/v1/access/request',
          { tenant_id: tenant, resource: request, to_region: 'us-east', reason: 'case' },
        ],
      ][step] as [string, string, object];
      const id = requestId(i, step);
      const headers = { 'x-request-id': id, ...(method === 'PUT' ? { 'if-match': etag } : { 'idempotency-key': id }) };
      const got = await this.#insist(() => send(method, path, body, headers), method);
      if (step === 0) etag = got.etag;
      this.done[i] = step + 1;
      this.acknowledged++;
      this.#look();
    }
  }

  /** Asks until it is answered: again with the same key, or the same revision. @throws Error for an answer that nobody expects */
  async #insist(ask: () => Promise<Got>, method: string): Promise<Got> {
    for (let tries = 0; ; tries++) {
      const got = await ask().catch(() => null);
      if (got !== null && (got.status === 200 || got.status === 201)) return got;
      // Nobody else changes it: what was not answered had been done.
      if (got?.status === 412 && method === 'PUT' && tries > 0) return got;
      if (got !== null && got.status < 500) throw new Error(`${got.status}: ${JSON.stringify(got.body)}`);
      if (tries === 0) this.unanswered++;
      if (tries > 100) throw new Error(`not answered: ${JSON.stringify(got)}`);
      await this.#back.promise;
      await new Promise((resolve) => setTimeout(resolve, tries * 20));
    }
  }

  #look(): void {
    if (this.#waiting !== null && this.acknowledged >= this.#waiting.count) this.#waiting.resolve();
  }
}

const requestId = (i: number, step: number) => `m-${i}-${step}`;
const named = (i: number) => ({ tenant: `t${i}`, policy: `p${i}`, record: `record/${i}`, request: `request/${i}` });

/** Every mutation that was made. */
function historyIn({ db }: Store) {
  return db.selectFrom('history').selectAll().where('request_id', 'like', 'm-%').execute();
}

/** Whatever of the acknowledged is not in the store, and whatever is there in part. */
async function faultsIn(store: Store, { done }: Ledger): Promise<string[]> {
  const { db } = store;
  const faults: string[] = [];
  const history = await historyIn(store);
  const made = Map.groupBy(history, ({ request_id }) => request_id);
  for (const [i, steps] of done.entries())
    for (let step = 0; step < steps; step++) {
      const times = made.get(requestId(i, step))?.length ?? 0;
      if (times !== 1) faults.push(`${requestId(i, step)} was acknowledged, and is there ${times} times`);
    }

  const last = new Map<string, (typeof history)[number]>();
  for (const row of history) {
    const key = `${row.kind} ${row.id}`;
    if ((last.get(key)?.revision ?? 0) < row.revision) last.set(key, row);
  }
  const policies = await db.selectFrom('policies').select(['id', 'revision', 'body']).execute();
  const records = await db.selectFrom('records').select(['data_id as id', 'revision', 'body']).execute();
  const requests = await db.selectFrom('requests').select(['id', 'revision', 'body']).execute();
  const rows = [
    ...policies.map((row) => ({ ...row, kind: 'policy' })),
    ...records.map((row) => ({ ...row, kind: 'record' })),
    ...requests.map((row) => ({ ...row, kind: 'request' })),
  ];
  const keys = new Set(rows.map(({ kind, id }) => `${kind} ${id}`));
  for (const key of last.keys()) if (!keys.has(key)) faults.push(`${key} is in the history, and is not there`);
  for (const { kind, id, revision: at, body } of rows) {
    const row = last.get(`${kind} ${id}`);
    if (row?.revision !== at) faults.push(`${kind} ${id} is at ${at}, and its history at ${row?.revision}`);
    const name = kind === 'policy' ? (JSON.parse(body) as { name: string }).name : null;
    const changed = row?.request_id.endsWith('-1') === true;
    if (name !== null && name !== (changed ? 'second' : 'first')) faults.push(`${kind} ${id} is half changed`);
  }

  const outbox = await db.selectFrom('outbox').select(['revision', 'tenant']).execute();
  const told = new Set(outbox.map((row) => `${row.revision} ${row.tenant}`));
  const answers = await db.selectFrom('idempotency').select('key').where('key', 'like', 'm-%').execute();
  const answered = new Set(answers.map(({ key }) => key));
  for (const { kind, id, tenant, revision: at, request_id } of history) {
    if (kind !== 'request' && !told.has(`${at} ${tenant}`)) faults.push(`${kind} ${id} was told nobody of`);
    if (!request_id.endsWith('-1') && !answered.has(request_id)) faults.push(`the answer to ${request_id} is not kept`);
  }
  for (const key of answered) if (!made.has(key)) faults.push(`${key} has an answer, and was not made`);
  if (new Set(history.map((row) => row.revision)).size !== history.length) faults.push('two changes have one revision');
  return faults;
}

/** Tenants that the proxy does not decide for by the policy that they have. */
async function differencesAt(proxy: Cluster, { done }: Ledger): Promise<string[]> {
  const faults: string[] = [];
  for (const i of done.keys()) {
    const { tenant, policy } = named(i);
    const answer = await ask(`${proxy.url('search')}/idx/_doc/1`, {
      'x-tenant-id': tenant,
      'x-data-classification': 'content',
    });
    const by = String(answer.headers['x-residency-policy']);
    if (answer.status !== 200 || !by.startsWith(`${policy}@`))
      faults.push(`${tenant} is decided by ${by} at the proxy`);
  }
  return faults;
}

/** A PostgreSQL by the script of the tests. */
async function ownPostgres(stack: AsyncDisposableStack): Promise<Postgres> {
  const folder = mkdtempSync(join(tmpdir(), 'domicile-crash-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755); // it runs as a user of its own
  const script = async (...words: readonly string[]) => {
    const file = join(import.meta.dirname, '..', 'servers', 'postgres.sh');
    return (await promisify(execFile)('bash', [file, ...words])).stdout;
  };
  const [url] = (await script('start', folder)).split(' ');
  stack.defer(async () => void (await script('stop', folder)));
  return {
    url: url!,
    crash: () => crashPostgres(folder, url!),
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { mutations: { type: 'string', default: '1000' }, kills: { type: 'string', default: '5' } },
  });
  const [mutations, kills] = [Number(values.mutations), Number(values.kills)];
  await using stack = new AsyncDisposableStack();
  for (const postgres of [null, await ownPostgres(stack)]) {
    const toll = await survive({ mutations, kills, postgres });
    const { acknowledged, unanswered, madeUnanswered, faults, served, failed, outages } = toll;
    const what = postgres === null ? 'the control plane, on SQLite' : 'PostgreSQL, under the control plane';
    console.log(
      `killed ${what}, ${kills} times: ${acknowledged} of ${mutations} mutations acknowledged, ${unanswered} only when asked ` +
        `again, of which ${madeUnanswered} had been made; ${faults.length} lost or half there; outages of ` +
        `${outages.map((outage) => `${Math.round(outage)} ms`).join(', ')}; the proxy served ${served} requests meanwhile, ` +
        `${failed.length} failed`,
    );
    for (const line of [...faults, ...failed]) console.log(line);
    if (faults.length > 0 || failed.length > 0) process.exitCode = 1;
  }
}

if (import.meta.main) await main();
