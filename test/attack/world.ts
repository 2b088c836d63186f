import { connect } from 'node:net';
import { afterAll, expect } from 'vitest';
import { statusOf, type Reason } from '../../src/core/reasons.ts';
import { startOpenSearchStandIn, type OpenSearchStandIn } from '../../src/standin/opensearch.ts';
import { startS3StandIn, type S3StandIn } from '../../src/standin/s3.ts';
import type { ReceivedRequest, StandIn } from '../../src/standin/standin.ts';
import { startRig, type Rig, type RigOptions, type Written } from '../rig/domicile.ts';
import { ACCESS_KEY, ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { fieldOf, parseAnswers, type Answer } from './answers.ts';

export type RegionId = 'eu-west' | 'eu-central' | 'us-east';
export type Service = 'storage' | 'search';

const CLOUD: Readonly<Record<RegionId, string>> = {
  'eu-west': 'eu-west-1',
  'eu-central': 'eu-central-1',
  'us-east': 'us-east-1',
};
const REGIONS = Object.keys(CLOUD) as readonly RegionId[];

/** acme's data is pinned in eu-west, where Domicile and its callers are; globex's in us-east. */
export const POLICIES: readonly Written[] = [
  { id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' },
  { id: 'globex-us', tenant_id: 'globex', mode: 'client-owned', primary_region: 'us-east' },
];

export interface WorldOptions extends Partial<Pick<RigOptions, 'policies' | 'grants' | 'overrides' | 'settings'>> {
  /** Servers in the place of stand-ins. They are closed with the world. */
  readonly replace?: Partial<Record<RegionId, Partial<Record<Service, StandIn>>>>;
  /** Merged over every region's endpoints. */
  readonly endpoints?: Partial<Record<Service, Written>>;
  /** Regions that must have received no byte when all is over. Default: eu-central and us-east. */
  readonly silent?: readonly RegionId[];
}

/** An honest request but for what a test puts into it: acme's identity data, well framed. */
export interface Attack {
  /** Default: `storage`. */
  readonly service?: Service;
  /** Default: `GET`. */
  readonly method?: string;
  readonly target: string;
  /** Beside Host, identity and framing. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Default: `acme`, `identity`; null: not sent. */
  readonly tenant?: string | null;
  readonly classification?: string | null;
  /** Default: the listener's own address. */
  readonly host?: string;
}

export interface Refused {
  readonly reason: Reason;
  /** Default: the reason's own. */
  readonly status?: number;
  /** The row of `domicile_leaks_blocked_total` that must be counted. */
  readonly leak?: string;
}

/** Three regions, each with an S3 and an OpenSearch stand-in, and a Domicile in front. */
export class World {
  readonly rig: Rig;
  readonly #standIns: Readonly<Record<RegionId, Readonly<Record<Service, StandIn>>>>;

  /** The metrics page as it was when nothing had been sent since; null once something has. */
  #page: string | null = null;

  constructor(rig: Rig, standIns: Readonly<Record<RegionId, Readonly<Record<Service, StandIn>>>>) {
    this.rig = rig;
    this.#standIns = standIns;
  }

  standIn(region: RegionId, service: Service): StandIn {
    return this.#standIns[region][service];
  }

  storage(region: RegionId): S3StandIn {
    return this.#standIns[region].storage as S3StandIn;
  }

  search(region: RegionId): OpenSearchStandIn {
    return this.#standIns[region].search as OpenSearchStandIn;
  }

  port(service: Service): number {
    return Number(new URL(this.rig[service]).port);
  }

  /** Bytes received so far in the given regions, counted at the sockets of their stand-ins. */
  bytes(regions: readonly RegionId[] = REGIONS): number {
    let sum = 0;
    for (const region of regions) sum += this.#standIns[region].storage.bytes + this.#standIns[region].search.bytes;
    return sum;
  }

  async send(attack: Attack): Promise<Answer> {
    const service = attack.service ?? 'storage';
    const answers = await this.sendBytes(service, requestBytes(attack, this.port(service)), [attack.method ?? 'GET']);
    return answers.at(-1)!;
  }

  /** Every answer to bytes that need not be a request at all, as by `raw`. */
  sendBytes(service: Service, bytes: string | Buffer, methods?: readonly string[]): Promise<Answer[]> {
    this.#page = null;
    return raw(this.port(service), bytes, methods);
  }

  /** The request is refused for the reason given, in its own protocol, counted, and not a byte leaves for any region. */
  async refuses(attack: Attack, refused: Refused): Promise<Answer> {
    const service = attack.service ?? 'storage';
    const answer = await this.#silently(refused, async () => {
      const said = await this.send(attack);
      expectRefusal(said, refused);
      return said;
    });
    expect(fieldOf(answer, 'x-should-retry')).toBe('false');
    expect(fieldOf(answer, 'content-type')).toBe(
      service === 'storage' ? 'application/xml' : 'application/json; charset=UTF-8',
    );
    if (attack.method === 'HEAD') expect(answer.body).toBe('');
    else if (service === 'storage') expectS3Error(answer, refused.reason);
    else expectSearchError(answer, refused.reason);
    return answer;
  }

  /** As `refuses`, for bytes that need not be a request at all: the refusal may be plain text. One answer, then the end. */
  async refusesBytes(service: Service, bytes: string | Buffer, refused: Refused): Promise<Answer> {
    return this.#silently(refused, async () => {
      const answers = await this.sendBytes(service, bytes);
      expect(answers.map(({ status }) => status)).toEqual([refused.status ?? statusOf(refused.reason)]);
      expectRefusal(answers[0]!, refused);
      expect(fieldOf(answers[0]!, 'connection')).toBe('close');
      return answers[0]!;
    });
  }

  /** The request is forwarded, once, to one region and not a byte to any other. */
  async forwards(attack: Attack, to: { readonly region: RegionId; readonly reason: Reason }): Promise<Forwarded> {
    const standIn = this.standIn(to.region, attack.service ?? 'storage');
    const others = REGIONS.filter((region) => region !== to.region);
    const before = { requests: standIn.requests, bytes: this.bytes(others) };
    const answer = await this.send(attack);
    expect(fieldOf(answer, 'x-residency-reason')).toBe(to.reason);
    expect(fieldOf(answer, 'x-residency-region')).toBe(to.region);
    await this.rig.metrics();
    expect({ requests: standIn.requests, bytes: this.bytes(others) }).toEqual({
      requests: before.requests + 1,
      bytes: before.bytes,
    });
    return { answer, received: standIn.lastRequest! };
  }

  async #silently<T>(refused: Refused, act: () => Promise<T>): Promise<T> {
    const bytes = this.bytes();
    const before = this.#page ?? (await this.rig.metrics());
    const done = await act();
    // Fetching the page takes a round trip: what had left for a stand-in would be there by now.
    const after = await this.rig.metrics();
    this.#page = after;
    expect(this.bytes() - bytes, 'bytes that reached a region').toBe(0);
    const counted = (name: string, label: string) => count(after, name, label) - count(before, name, label);
    expect(counted('domicile_requests_total', `reason="${refused.reason}"`), 'refusals counted').toBe(1);
    if (refused.leak !== undefined) {
      expect(counted('domicile_leaks_blocked_total', `leak="${refused.leak}"`), 'leaks counted').toBe(1);
    }
    return done;
  }
}

export interface Forwarded {
  readonly answer: Answer;
  readonly received: ReceivedRequest;
}

/** Starts a world that ends with the test file, and then sees to it that the silent regions were silent all along. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const replace = (region: RegionId, service: Service) => options.replace?.[region]?.[service];
  const entries = await Promise.all(
    REGIONS.map(async (region) => {
      const storage =
        replace(region, 'storage') ?? (await startS3StandIn({ region, cloudRegion: CLOUD[region], ...ACCESS_KEY }));
      const search = replace(region, 'search') ?? (await startOpenSearchStandIn({ cluster: region }));
      return [region, { storage, search }] as const;
    }),
  );
  const standIns = Object.fromEntries(entries) as Record<RegionId, Record<Service, StandIn>>;
  const rig = await startRig({
    policies: POLICIES,
    ...options,
    regions: REGIONS.map((region) => regionOf(region, standIns[region], options.endpoints ?? {})),
    settings: { credentials: SETTINGS_CREDENTIALS, ...options.settings },
    env: ENV,
  });
  const world = new World(rig, standIns);
  afterAll(async () => {
    await rig.stop();
    const silent = options.silent ?? ['eu-central', 'us-east'];
    const bytes = world.bytes(silent);
    await Promise.all(entries.flatMap(([, { storage, search }]) => [storage.close(), search.close()]));
    expect(bytes, `bytes that reached ${silent.join(' and ')}`).toBe(0);
  });
  return world;
}

function regionOf(
  id: RegionId,
  { storage, search }: Record<Service, StandIn>,
  merged: Partial<Record<Service, Written>>,
) {
  const region = regionAt(id, { storage: storage.url, search: search.url });
  const endpoints = region['endpoints'] as Record<Service, Written>;
  return {
    ...region,
    endpoints: {
      storage: { ...endpoints.storage, ...merged.storage },
      search: { ...endpoints.search, ...merged.search },
    },
  };
}

/** Written out by hand, since no client would send most of these. */
function requestBytes(attack: Attack, port: number): Buffer {
  const { method = 'GET', target, headers = {}, body, host = `127.0.0.1:${port}` } = attack;
  const { tenant = 'acme', classification = 'identity' } = attack;
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`];
  if (tenant !== null) lines.push(`X-Tenant-ID: ${tenant}`);
  if (classification !== null) lines.push(`X-Data-Classification: ${classification}`);
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body !== undefined) lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return body === undefined ? head : Buffer.concat([head, Buffer.from(body)]);
}

/** The head of an honest request for acme's identity data, with the lines given in it, as they are. Ends before the body. */
export function headWith(lines: string, first = 'GET /reports/key HTTP/1.1', host = 'Host: 127.0.0.1\r\n'): string {
  return `${first}\r\n${host}X-Tenant-ID: acme\r\nX-Data-Classification: identity\r\n${lines}\r\n`;
}

/**
 * Sends bytes as they are, says no more, and reads until the server ends the connection.
 *
 * @returns every answer, in order
 */
export function raw(port: number, bytes: string | Buffer, methods: readonly string[] = []): Promise<Answer[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const chunks: Buffer[] = [];
    const bytesOf = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    socket.setTimeout(5000, () =>
      socket.destroy(new Error(`no end after ${Buffer.concat(chunks).toString('latin1')}`)),
    );
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      try {
        resolve(parseAnswers(Buffer.concat(chunks), methods));
      } catch (error) {
        reject(error as Error);
      }
    });
    socket.end(bytesOf);
  });
}

function expectRefusal(answer: Answer, refused: Refused): void {
  expect({
    status: answer.status,
    decision: fieldOf(answer, 'x-residency-decision'),
    reason: fieldOf(answer, 'x-residency-reason'),
    region: fieldOf(answer, 'x-residency-region'),
  }).toEqual({
    status: refused.status ?? statusOf(refused.reason),
    decision: 'deny',
    reason: refused.reason,
    region: null,
  });
  // A policy is named by its id, once one was found to hold; nothing else of it.
  expect(fieldOf(answer, 'x-residency-policy') ?? 'none@0').toMatch(/^[\w-]+@\d+$/);
  // Nobody learns where anything is from being refused.
  expect(answer.body).not.toMatch(/acme|globex|eu-west|eu-central|us-east/);
}

const S3_CODES: Readonly<Record<number, string>> = {
  400: 'InvalidRequest',
  401: 'AccessDenied',
  403: 'AccessDenied',
  413: 'EntityTooLarge',
  502: 'BadGateway',
  503: 'ServiceUnavailable',
};

function expectS3Error(answer: Answer, reason: Reason): void {
  const id = fieldOf(answer, 'x-request-id');
  expect(answer.body).toContain(`<Error><Code>${S3_CODES[answer.status]}</Code><Message>`);
  expect(answer.body).toContain(`<Reason>${reason}</Reason><RequestId>${id}</RequestId></Error>`);
  expect(fieldOf(answer, 'x-amz-request-id')).toBe(id);
}

const SEARCH_TYPES: Readonly<Record<number, string>> = {
  400: 'illegal_argument_exception',
  401: 'security_exception',
  403: 'security_exception',
  413: 'content_too_long_exception',
  502: 'connect_transport_exception',
  503: 'unavailable_shards_exception',
};

function expectSearchError(answer: Answer, reason: Reason): void {
  const body = JSON.parse(answer.body) as { error: { type: string; reason: string }; status: number };
  expect(body).toMatchObject({ status: answer.status, error: { type: SEARCH_TYPES[answer.status] } });
  expect(body.error.reason).toContain(`[${reason}, request ${fieldOf(answer, 'x-request-id')}]`);
}

/** Sum of the samples of a metric whose labels hold `label`. */
function count(page: string, name: string, label: string): number {
  let sum = 0;
  for (const line of page.split('\n')) {
    if (line.startsWith(`${name}{`) && line.includes(label)) sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}
