import { afterAll, expect } from 'vitest';
import { statusOf, type Reason } from '../../src/core/reasons.ts';
import { startInferenceStandIn, type InferenceStandIn } from '../../src/standin/inference.ts';
import type { ReceivedRequest, StandIn } from '../../src/standin/standin.ts';
import { startRig, type Rig, type RigOptions, type Written } from '../rig/domicile.ts';
import { ACCESS_KEY, ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { fieldOf, type Answer } from './answers.ts';
import { overHttp2 } from './inference-http2.ts';
import { raw } from './world.ts';

export type InferenceDialect = 'bedrock' | 'openai' | 'anthropic';
export const DIALECTS: readonly InferenceDialect[] = ['bedrock', 'openai', 'anthropic'];

/** A region with a stand-in for all three providers. Fields as in regions.yaml. */
export interface Place {
  readonly id: string;
  readonly cloud_region: string;
  readonly country: string;
  readonly geography: string;
}

export const EU_WEST: Place = { id: 'eu-west', cloud_region: 'eu-west-1', country: 'IE', geography: 'EU' };
export const EU_CENTRAL: Place = { id: 'eu-central', cloud_region: 'eu-central-1', country: 'DE', geography: 'EU' };
export const US_EAST: Place = { id: 'us-east', cloud_region: 'us-east-1', country: 'US', geography: 'NA' };

/** Regions known by nothing but the name that their cloud has for them. */
export function placesOf(country: string, geography: string, cloudRegions: readonly string[]): Place[] {
  return cloudRegions.map((cloud_region) => ({ id: cloud_region, cloud_region, country, geography }));
}

export interface InferenceWorldOptions extends Partial<Pick<RigOptions, 'policies' | 'settings'>> {
  /** The first is home: Domicile and its callers are there, and acme's data is pinned there. Default: three of them. */
  readonly regions?: readonly Place[];
  /** Merged over every region's endpoints. */
  readonly endpoints?: Partial<Record<InferenceDialect, Written>>;
  /** What Anthropic says of where it inferred. Default: nothing. */
  readonly inferenceGeo?: string | null;
  /** A server in the place of home's stand-in. It is closed with the world. */
  readonly home?: StandIn;
}

/** An honest request but for what a test puts into it: a POST of JSON that holds acme's identity data. */
export interface InferenceAttack {
  /** In whose words it is to be refused. */
  readonly dialect: InferenceDialect;
  /** Default: `POST`. */
  readonly method?: string;
  readonly target: string;
  /** An array is a field that is sent more than once. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Text and bytes go as they are, any other value as JSON. */
  readonly body?: unknown;
  /** Of a body. Default: `application/json`; null: not sent. */
  readonly type?: string | null;
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

/** HTTP version that a request is sent over. */
export type Wire = 1 | 2;

/** Regions, each with a stand-in that is Bedrock, OpenAI and Anthropic at once, and a Domicile in front. */
export class InferenceWorld {
  readonly rig: Rig;
  readonly places: readonly Place[];
  readonly #standIns: readonly StandIn[];

  constructor(rig: Rig, places: readonly Place[], standIns: readonly StandIn[]) {
    this.rig = rig;
    this.places = places;
    this.#standIns = standIns;
  }

  /** The stand-in of the region where acme's data is. */
  get home(): InferenceStandIn {
    return this.#standIns[0] as InferenceStandIn;
  }

  get port(): number {
    return Number(new URL(this.rig.inference).port);
  }

  /** Bytes received so far, counted at the sockets of the stand-ins: of all, or of those that are not home. */
  bytes(which: 'all' | 'abroad'): number {
    let sum = 0;
    for (const standIn of which === 'all' ? this.#standIns : this.#standIns.slice(1)) sum += standIn.bytes;
    return sum;
  }

  /** Sum of the metric lines that start with `start` and hold `label`. */
  async counter(start: string, label: string): Promise<number> {
    return sum(await this.rig.metrics(), start, label);
  }

  async send(attack: InferenceAttack, wire: Wire = 1): Promise<Answer> {
    const { port } = this;
    const body = bytesOf(attack.body);
    if (wire === 2) return overHttp2(port, { headers: fieldsOf(attack, body), body });
    const answers = await raw(port, http1Bytes(attack, body, port), [attack.method ?? 'POST']);
    return answers.at(-1)!;
  }

  /** The request is refused for the reason given, in its provider's words, counted, and not a byte leaves for any region. */
  async refuses(attack: InferenceAttack, refused: Refused, wire: Wire = 1): Promise<Answer> {
    const answer = await this.silently(refused, attack.dialect, () => this.send(attack, wire));
    expectRefusal(answer, refused, attack);
    return answer;
  }

  /** What `act` does is refused once, for the reason given, and not a byte leaves for any region. */
  async silently<T>(refused: Refused, dialect: InferenceDialect, act: () => Promise<T>): Promise<T> {
    const bytes = this.bytes('all');
    const before = await this.rig.metrics();
    const done = await act();
    // Fetching the page takes a round trip: what had left for a stand-in would be there by now.
    const after = await this.rig.metrics();
    expect(this.bytes('all') - bytes, 'bytes that reached a region').toBe(0);
    const counted = (start: string, label: string) => sum(after, start, label) - sum(before, start, label);
    expect(counted('domicile_requests_total{', `reason="${refused.reason}"`), 'refusals counted').toBe(1);
    if (refused.leak !== undefined) {
      const start = `domicile_leaks_blocked_total{dialect="${dialect}",`;
      expect(counted(start, `leak="${refused.leak}"`), `leaks ${refused.leak} counted`).toBe(1);
    }
    return done;
  }

  /** The request is forwarded, once, to home, understood there, and not a byte goes anywhere else. */
  async forwards(attack: InferenceAttack, wire: Wire = 1): Promise<Forwarded> {
    const { requests } = this.home;
    const abroad = this.bytes('abroad');
    const answer = await this.send(attack, wire);
    expect({ status: answer.status, reason: fieldOf(answer, 'x-residency-reason') }, answer.body).toEqual({
      status: 200,
      reason: 'in_residency',
    });
    expect(fieldOf(answer, 'x-residency-region')).toBe(this.places[0]!.id);
    await this.rig.metrics();
    expect({ requests: this.home.requests, abroad: this.bytes('abroad') }).toEqual({ requests: requests + 1, abroad });
    return { answer, received: this.home.lastRequest!, body: this.home.lastBody() ?? '' };
  }
}

export interface Forwarded {
  readonly answer: Answer;
  readonly received: ReceivedRequest;
  /** As the region received it. */
  readonly body: string;
}

/** Starts a world that ends with the test file, and then sees to it that the regions abroad were silent all along. */
export async function startInferenceWorld(options: InferenceWorldOptions = {}): Promise<InferenceWorld> {
  const places = options.regions ?? [EU_WEST, EU_CENTRAL, US_EAST];
  const standIns = await Promise.all(
    places.map((place, i): StandIn | Promise<StandIn> =>
      i === 0 && options.home !== undefined
        ? options.home
        : startInferenceStandIn({
            signatory: { cloudRegion: place.cloud_region, ...ACCESS_KEY },
            openaiKey: ENV.OPENAI_KEY,
            anthropicKey: ENV.ANTHROPIC_KEY,
            inferenceGeo: options.inferenceGeo ?? null,
          }),
    ),
  );
  const home = places[0]!.id;
  const rig = await startRig({
    regions: places.map((place, i) => regionOf(place, standIns[i]!.url, options.endpoints ?? {})),
    policies: options.policies ?? [{ id: 'acme', tenant_id: 'acme', mode: 'client-owned', primary_region: home }],
    settings: { self: { region: home }, credentials: SETTINGS_CREDENTIALS, ...options.settings },
    env: ENV,
  });
  const world = new InferenceWorld(rig, places, standIns);
  afterAll(async () => {
    await rig.stop();
    const abroad = world.bytes('abroad');
    await Promise.all(standIns.map((standIn) => standIn.close()));
    expect(abroad, 'bytes that reached another region').toBe(0);
  });
  return world;
}

/** Storage is there for the map of its buckets: no test of inference sends it anything. */
function regionOf(place: Place, url: string, merged: Partial<Record<InferenceDialect, Written>>): Written {
  const region = regionAt(place.id, { storage: url, inference: url }, { name: place.id, ...place });
  const endpoints = region['endpoints'] as Record<string, Written>;
  for (const dialect of DIALECTS) endpoints[dialect] = { ...endpoints[dialect], ...merged[dialect] };
  return region;
}

function bytesOf(body: unknown): Buffer | undefined {
  if (body === undefined || Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** Fields that both versions have in common, in lower case. */
function commonFields(attack: InferenceAttack, body: Buffer | undefined): Record<string, string | readonly string[]> {
  const { tenant = 'acme', classification = 'identity', type = 'application/json' } = attack;
  const fields: Record<string, string | readonly string[]> = {};
  if (tenant !== null) fields['x-tenant-id'] = tenant;
  if (classification !== null) fields['x-data-classification'] = classification;
  if (body !== undefined && type !== null) fields['content-type'] = type;
  for (const [name, value] of Object.entries(attack.headers ?? {})) fields[name.toLowerCase()] = value;
  return fields;
}

function fieldsOf(attack: InferenceAttack, body: Buffer | undefined): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = { ':method': attack.method ?? 'POST', ':path': attack.target };
  if (attack.host !== undefined) fields[':authority'] = attack.host;
  for (const [name, value] of Object.entries(commonFields(attack, body))) fields[name] = value as string | string[];
  return fields;
}

/** Written out by hand, since no client would send most of these. */
function http1Bytes(attack: InferenceAttack, body: Buffer | undefined, port: number): Buffer {
  const { method = 'POST', target, host = `127.0.0.1:${port}` } = attack;
  const lines = [`${method} ${target} HTTP/1.1`, `host: ${host}`];
  for (const [name, value] of Object.entries(commonFields(attack, body)))
    for (const one of [value].flat()) lines.push(`${name}: ${one}`);
  if (body !== undefined && attack.headers?.['transfer-encoding'] === undefined)
    lines.push(`content-length: ${body.length}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return body === undefined ? head : Buffer.concat([head, body]);
}

/** What every refusal of an inference request has, and what it never has. */
export function expectRefusal(answer: Answer, refused: Refused, attack: InferenceAttack): void {
  const status = refused.status ?? statusOf(refused.reason);
  expect(
    {
      status: answer.status,
      decision: fieldOf(answer, 'x-residency-decision'),
      reason: fieldOf(answer, 'x-residency-reason'),
      region: fieldOf(answer, 'x-residency-region'),
      retry: fieldOf(answer, 'x-should-retry'),
      type: fieldOf(answer, 'content-type'),
    },
    answer.body,
  ).toEqual({
    status,
    decision: 'deny',
    reason: refused.reason,
    region: null,
    retry: 'false',
    type: 'application/json',
  });
  // A policy is named by its id, once one was found to hold; nothing else of it.
  expect(fieldOf(answer, 'x-residency-policy') ?? 'none@0').toMatch(/^[\w-]+@\d+$/);
  // Nobody learns where anything is from being refused.
  expect(answer.body).not.toMatch(/acme|(?:eu|us|ap|ca|me)-(?:gov-)?(?:east|west|central|north|south)/);
  if (attack.method === 'HEAD') expect(answer.body).toBe('');
  else expectError(attack.dialect, answer, refused.reason);
}

/** The error that the provider's SDKs turn into their own typed one (PROTOCOLS, "Denials at 403"). */
function expectError(dialect: InferenceDialect, answer: Answer, reason: Reason): void {
  const { status } = answer;
  const id = fieldOf(answer, 'x-request-id');
  const message = expect.stringMatching(/^[A-Z].*\.$/) as unknown;
  switch (dialect) {
    case 'bedrock':
      expect(fieldOf(answer, 'x-amzn-errortype')).toBe(BEDROCK[status]);
      expect(fieldOf(answer, 'x-amzn-requestid')).toBe(id);
      expect(JSON.parse(answer.body)).toEqual({ message });
      return;
    case 'openai': {
      const code = status === 403 ? 'residency_policy_violation' : reason;
      const type = status < 500 ? 'invalid_request_error' : 'server_error';
      expect(JSON.parse(answer.body)).toEqual({ error: { message, type, param: null, code } });
      return;
    }
    case 'anthropic':
      expect(fieldOf(answer, 'request-id')).toBe(id);
      expect(JSON.parse(answer.body)).toEqual({
        type: 'error',
        error: { type: ANTHROPIC[status], message },
        request_id: id,
      });
  }
}

const BEDROCK: Readonly<Record<number, string>> = {
  400: 'ValidationException',
  403: 'AccessDeniedException',
  413: 'ValidationException',
  502: 'ServiceUnavailableException',
  503: 'ServiceUnavailableException',
};
const ANTHROPIC: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  403: 'permission_error',
  413: 'request_too_large',
  502: 'api_error',
  503: 'api_error',
};

/** Sum of the samples whose line starts with `start` and holds `label`. */
function sum(page: string, start: string, label: string): number {
  return page
    .split('\n')
    .filter((line) => line.startsWith(start) && line.includes(label))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
