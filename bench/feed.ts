/**
 * `node bench/feed.ts`: how long a change takes to reach sidecars, on this machine, over TLS with a token. All clients are
 * in this process, beside the server: the figures hold what it costs to serve them all at once. `dropped` is until the old
 * document is used no more, `held` until the new one is there.
 */
import { randomBytes } from 'node:crypto';
import { FeedClient } from '../src/feed/client.ts';
import { FeedServer } from '../src/feed/server.ts';
import { selfSigned } from '../test/attack/certificate.ts';
import { MemorySource } from '../test/feed/source.ts';
import { rounded } from './rows.ts';

const CHANGES = 200;
const TOKEN = randomBytes(32).toString('base64');
const certificate = selfSigned('127.0.0.1');
const log = {
  info: () => {},
  warn: (message: string, fields?: object) => console.error(message, fields),
  error: (message: string, fields?: object) => console.error(message, fields),
};

console.log('clients  until     p50 ms    p99 ms    max ms');
for (const clients of [1, 8, 200]) {
  const { dropped, held } = await measure(clients);
  for (const [until, times] of [
    ['dropped', dropped],
    ['held', held],
  ] as const) {
    const sorted = times.toSorted((a, b) => a - b);
    const at = (share: number) => String(rounded(sorted[Math.ceil(sorted.length * share) - 1]!)).padStart(8);
    console.log(`${String(clients).padStart(7)}  ${until.padEnd(7)}  ${at(0.5)}  ${at(0.99)}  ${at(1)}`);
  }
}

/** Milliseconds from each change to each client. */
async function measure(count: number): Promise<{ readonly dropped: number[]; readonly held: number[] }> {
  const source = new MemorySource();
  source.pin('acme', 'eu-west');
  const server = new FeedServer({
    source,
    listen: { host: '127.0.0.1', port: 0 },
    tls: { ...certificate, clientCa: null },
    token: TOKEN,
    log,
  });
  const url = await server.listen();
  const times = { dropped: [] as number[], held: [] as number[] };
  let changedAt = 0;
  const clients = Array.from(
    { length: count },
    (_, i) =>
      new FeedClient({
        url,
        tls: { ca: certificate.cert, cert: null, key: null },
        token: TOKEN,
        name: `sidecar-${i}`,
        region: 'eu-west',
        version: '1.0.0',
        worker: null,
        bundles: 10,
        negativeTtl: 1000,
        lastGood: null,
        log,
        onWorld: () => {},
        onDropped: (tenant) => {
          times.dropped.push(performance.now() - changedAt);
          clients[i]!.fetch(tenant!, (document) => {
            if (document === null || document instanceof Error) throw new Error(`no document: ${String(document)}`);
            times.held.push(performance.now() - changedAt);
          });
        },
      }),
  );
  for (const client of clients) client.start();
  await until(() => clients.every((client) => client.state().connected));
  let fetched = 0;
  for (const client of clients) client.fetch('acme', () => fetched++);
  await until(() => fetched === count);
  for (let change = 1; change <= CHANGES; change++) {
    changedAt = performance.now();
    source.pin('acme', change % 2 === 0 ? 'eu-west' : 'us-east');
    await until(() => times.held.length === change * count);
  }
  await Promise.all(clients.map((client) => client.close()));
  await server.close();
  return times;
}

/** Looks at every turn: to wait in any other way would be measured too. */
async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 30_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`it did not come about in 30 s: ${String(holds)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
