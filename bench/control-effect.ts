/**
 * `node bench/control-effect.ts [CHANGES]`: how long it takes, from the answer of the control API to an approval or a
 * revocation, until a request is decided otherwise: at each worker of `serve`, asked once a millisecond over a connection
 * of its own; and until each of 200 feeds of a `control`, over TLS, has the bundle that says so. Everything runs on this
 * machine, the 200 in this process: the figures hold what it costs to serve them all at once.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { FeedClient } from '../src/feed/client.ts';
import { ask, Cluster } from '../test/app/cluster-rig.ts';
import { People, reasonOf, type Send } from '../test/app/people.ts';
import { selfSigned } from '../test/attack/certificate.ts';
import { writeFiles } from '../test/rig/domicile.ts';
import { regionAt } from '../test/rig/regions.ts';
import { startUpstream } from '../test/rig/upstream.ts';
import { rounded } from './rows.ts';

const CHANGES = Number(process.argv[2] ?? 100);
const CLIENTS = 200;
const BOUND = 30_000;
const POLICIES = [{ id: 'acme-eu', tenant_id: 'acme', primary_region: 'eu-west' }];
const LIMITS = { listen: '127.0.0.1:0', rate_limit: { per_minute: 1_000_000 } };
const ABROAD = {
  'x-tenant-id': 'acme',
  'x-data-classification': 'content',
  'x-user-id': 'alice',
  'x-requested-region': 'us-east',
};

/** Milliseconds, one for each change and each that it has to reach. */
interface Times {
  readonly approved: number[];
  readonly revoked: number[];
}

/** Notes when each of those that are reached first says so. */
class Watch {
  readonly #seen: (number | null)[];
  #left = 0;
  #granted = false;
  #all = Promise.withResolvers<void>();

  constructor(count: number) {
    this.#seen = Array.from({ length: count }, () => null);
  }

  /** From now on it is to be seen that the grant holds, or does not. */
  begin(granted: boolean): void {
    this.#granted = granted;
    this.#seen.fill(null);
    this.#left = this.#seen.length;
    this.#all = Promise.withResolvers();
  }

  saw(place: number, granted: boolean): void {
    if (this.#left === 0 || granted !== this.#granted || this.#seen[place] !== null) return;
    this.#seen[place] = performance.now();
    if (--this.#left === 0) this.#all.resolve();
  }

  /** Milliseconds for each since `answered`; 0: it was seen before the answer was here. */
  async since(answered: number): Promise<number[]> {
    const late = wait(BOUND, null, { ref: false }).then(() => {
      throw new Error(`${this.#left} of ${this.#seen.length} have not said so in ${BOUND} ms`);
    });
    await Promise.race([this.#all.promise, late]);
    return this.#seen.map((at) => Math.max(0, at! - answered));
  }
}

/** Approves and revokes one grant after the other. */
async function change(people: People, watch: Watch): Promise<Times> {
  const requester = await people.someone('requester', 'alice', 'acme');
  const approver = await people.someone('approver', 'bob', 'acme');
  const times: Times = { approved: [], revoked: [] };
  for (let i = 0; i < CHANGES; i++) {
    const { request_id } = await answered(requester, 'request', { to_region: 'us-east', reason: 'bench' });
    watch.begin(true);
    const { grant_id } = await answered(approver, 'approve', { request_id, approved: true, reason: 'bench' });
    times.approved.push(...(await watch.since(performance.now())));
    watch.begin(false);
    await answered(approver, 'revoke', { grant_id, reason: 'bench' });
    times.revoked.push(...(await watch.since(performance.now())));
  }
  return times;
}

async function answered(send: Send, what: string, asked: object): Promise<Record<string, string>> {
  const { status, body } = await send('POST', `/api/v1/access/${what}`, asked);
  if (status >= 300) throw new Error(`${what}: ${JSON.stringify(body)}`);
  return body as Record<string, string>;
}

async function atWorkers(count: number): Promise<Times> {
  await using stack = new AsyncDisposableStack();
  const upstream = await startUpstream((_, answer) => answer.end('{}'));
  stack.defer(() => upstream.close());
  const regions = ['eu-west', 'us-east'].map((id) => regionAt(id, { search: upstream.url }));
  const settings = { control: LIMITS };
  const serve = await Cluster.start({ regions, policies: POLICIES, settings }, ['--workers', String(count)]);
  stack.defer(() => serve.stop());
  const people = await People.of(serve);
  stack.defer(() => people.close());
  const url = `${serve.url('search')}/idx/_doc/1`;
  const agents = await anAgentForEach(serve, url, count);
  const watch = new Watch(count);
  const done = new AbortController();
  const pollers = agents.map(async (agent, place) => {
    while (!done.signal.aborted) {
      watch.saw(place, reasonOf(await ask(url, ABROAD, agent)) === 'grant');
      await wait(1);
    }
    agent.destroy();
  });
  const times = await change(people, watch);
  done.abort();
  await Promise.all(pollers);
  return times;
}

/** Connections kept alive, one to each worker: which one has it, the log tells. */
async function anAgentForEach(serve: Cluster, url: string, count: number): Promise<Agent[]> {
  const agents = new Map<unknown, Agent>();
  for (let tries = 0; agents.size < count; tries++) {
    if (tries > 100) throw new Error(`only ${agents.size} of ${count} workers accept connections`);
    await Promise.all(
      Array.from({ length: count * 2 }, async (_, i) => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        const id = `which-${tries}-${i}`;
        await ask(url, { ...ABROAD, 'x-request-id': id }, agent);
        const line = await lineOf(serve, id);
        const worker = line['worker'] ?? 1;
        if (agents.has(worker)) agent.destroy();
        else agents.set(worker, agent);
      }),
    );
  }
  return [...agents.values()];
}

async function lineOf(serve: Cluster, id: string) {
  for (const end = performance.now() + BOUND; performance.now() < end; await wait(1)) {
    const line = serve.log.find(({ request_id }) => request_id === id);
    if (line !== undefined) return line;
  }
  throw new Error(`the log does not tell of ${id}`);
}

async function atFeeds(count: number): Promise<Times> {
  await using stack = new AsyncDisposableStack();
  const { cert, key } = selfSigned('127.0.0.1');
  const token = randomBytes(32).toString('base64');
  const regions = ['eu-west', 'us-east'].map((id) => regionAt(id, { search: 'http://127.0.0.1:9' }));
  const feed = { listen: '127.0.0.1:0', token: '${env:FEED_TOKEN}', tls: { cert: 'feed.pem', key: 'feed.key' } };
  const folder = writeFiles({ regions, policies: POLICIES, settings: { control: LIMITS, feed } });
  writeFileSync(join(folder, 'feed.pem'), cert);
  writeFileSync(join(folder, 'feed.key'), key);
  const control = Cluster.in(folder, { FEED_TOKEN: token }, [], 'control');
  stack.defer(() => control.stop());
  await control.logged('ready');
  const people = await People.of(control);
  stack.defer(() => people.close());
  const watch = new Watch(count);
  let connected = 0;
  const all = Promise.withResolvers<void>();
  const clients = Array.from({ length: count }, (_, place) => {
    const look = () =>
      client.fetch('acme', (document) => {
        if (document === null || document instanceof Error) throw new Error(`no bundle: ${String(document)}`);
        watch.saw(place, document.policies!.grants.length > 0);
      });
    const client = new FeedClient({
      url: control.feed,
      tls: { ca: cert, cert: null, key: null },
      token,
      name: `sidecar-${place}`,
      region: 'eu-west',
      version: '1.0.0',
      worker: null,
      bundles: 10,
      negativeTtl: 1000,
      lastGood: null,
      log: {
        info: () => ++connected === count && all.resolve(),
        warn: (message, fields) => console.error(message, fields),
        error: (message, fields) => console.error(message, fields),
      },
      onWorld: () => {},
      onDropped: look,
    });
    stack.defer(() => client.close());
    client.start();
    return client;
  });
  await all.promise;
  const fetched = clients.map((client) => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    client.fetch('acme', resolve);
    return promise;
  });
  await Promise.all(fetched);
  // Awaited here: the rest is taken down when it is done.
  return await change(people, watch);
}

console.log(
  `${CHANGES} approvals and ${CHANGES} revocations each; ${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}\n` +
    'at                change     p50 ms    p99 ms    max ms',
);
const settings: readonly (readonly [string, () => Promise<Times>])[] = [
  ['1 worker', () => atWorkers(1)],
  ['8 workers', () => atWorkers(8)],
  [`${CLIENTS} feeds`, () => atFeeds(CLIENTS)],
];
for (const [name, measure] of settings) {
  for (const [what, values] of Object.entries(await measure())) {
    const sorted = (values as number[]).toSorted((a, b) => a - b);
    const at = (share: number) => String(rounded(sorted[Math.ceil(sorted.length * share) - 1]!)).padStart(8);
    console.log(`${name.padEnd(16)}  ${what.padEnd(8)}  ${at(0.5)}  ${at(0.99)}  ${at(1)}`);
  }
}
