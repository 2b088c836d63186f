import { request } from 'undici';
import { expect } from 'vitest';
import { startRig, type Rig, type Written } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';
import { joinClusters, startServer, type RealServer } from '../servers/servers.ts';

/** Headers of a request about data of a tenant that is pinned in the European region. */
export const FACTS = { 'x-tenant-id': 'acme', 'x-data-classification': 'identity' };

/** What is in the American cluster and nowhere else: an index, and its one document's field and value. */
export const SECRET = 'only-in-us';

/** A request as it goes over the wire. */
export interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  /** Path and query, encoded as they are to be sent. */
  readonly target: string;
  /** Objects are sent as JSON, arrays as lines of JSON, bytes as they are. */
  readonly body?: object | readonly object[] | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Sends a request, GET with a body too, whatever the server. */
export async function ask(base: string, { method, target, body, headers }: Ask, facts = {}): Promise<Answer> {
  const answer = await request(new URL(base).origin + target, {
    method,
    headers: {
      ...facts,
      ...(body !== undefined && { 'content-type': Array.isArray(body) ? 'application/x-ndjson' : 'application/json' }),
      ...headers,
    },
    body: body === undefined ? null : bytesOf(body),
  });
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
}

/** A body as it is sent. */
export function bytesOf(body: NonNullable<Ask['body']>): Buffer {
  if (Buffer.isBuffer(body)) return body;
  if (!Array.isArray(body)) return Buffer.from(JSON.stringify(body));
  return Buffer.from(body.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** Two real clusters, the European one joined to the American one as `us`, and a Domicile in front. */
export class Clusters {
  readonly eu: RealServer;
  readonly us: RealServer;
  readonly rig: Rig;

  private constructor(eu: RealServer, us: RealServer, rig: Rig) {
    this.eu = eu;
    this.us = us;
    this.rig = rig;
  }

  /** `people` is in both clusters; `only-in-us` in one. */
  static async start(): Promise<Clusters> {
    const [eu, us] = await Promise.all([startServer('opensearch', 'eu'), startServer('opensearch', 'us')]);
    await joinClusters(eu, 'us', us);
    for (const [server, index, document] of [
      [eu, 'people', { name: 'ada' }],
      [us, 'people', { name: 'grace' }],
      [us, SECRET, { [SECRET]: SECRET }],
    ] as const) {
      const stored = await ask(server.url, { method: 'PUT', target: `/${index}/_doc/1?refresh=true`, body: document });
      expect(stored.status).toBe(201);
    }
    const rig = await startRig({
      regions: [regionAt('eu-west', { search: eu.url }), regionAt('us-east', { search: us.url })],
      policies: [
        { id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' },
        { id: 'globex-us', tenant_id: 'globex', mode: 'client-owned', primary_region: 'us-east' },
      ],
    });
    return new Clusters(eu, us, rig);
  }

  /** Messages that the American cluster has received from other nodes since it started. */
  async messages(): Promise<number> {
    const { text } = await ask(this.us.url, {
      method: 'GET',
      target: '/_nodes/stats/transport?filter_path=nodes.*.transport.rx_count',
    });
    const { nodes } = JSON.parse(text) as { nodes: Record<string, { transport: { rx_count: number } }> };
    let sum = 0;
    for (const { transport } of Object.values(nodes)) sum += transport.rx_count;
    return sum;
  }

  async stop(): Promise<void> {
    await this.rig.stop();
    await Promise.all([this.eu.stop(), this.us.stop()]);
  }
}

/** One real cluster and a Domicile in front. */
export interface Cluster {
  readonly server: RealServer;
  readonly rig: Rig;
  stop(): Promise<void>;
}

/** @param endpoint merged into the search endpoint of the only region */
export async function startCluster(policies: readonly Written[], endpoint: Written = {}): Promise<Cluster> {
  const server = await startServer('opensearch', 'eu');
  const region = regionAt('eu-west', { search: server.url });
  const { search } = region['endpoints'] as Record<string, Written>;
  const rig = await startRig({ regions: [{ ...region, endpoints: { search: { ...search, ...endpoint } } }], policies });
  const stop = async () => {
    await rig.stop();
    await server.stop();
  };
  return { server, rig, stop };
}
