import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { Domicile } from '../../src/app/domicile.ts';
import type { TenantDocument, WorldDocument } from '../../src/feed/documents.ts';
import { encoded, fromClient, PROTOCOL, type FromClient, type FromServer } from '../../src/feed/protocol.ts';
import type { Grant, Override, Policy } from '../../src/policy/model.ts';
import { writeFiles, type Written } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { startUpstream, type Upstream } from '../rig/upstream.ts';
import { policy } from '../feed/source.ts';
import { until } from '../feed/world.ts';

const REGIONS = ['eu-west', 'eu-central', 'us-east'] as const;
export type RegionId = (typeof REGIONS)[number];

/** A control plane that says what the test says, when it says it. */
export class ScriptedControl {
  readonly path: string;
  #server: Server | null = null;
  #socket: Socket | null = null;
  #nonce = 0;
  /** What clients said, oldest first. */
  readonly heard: FromClient[] = [];
  /** Answers to `get`; null: nobody answers. */
  documents: ((tenant: string) => TenantDocument) | null = null;
  world: WorldDocument;
  taken = true;
  /** Milliseconds until a client that resumes is told anything. */
  resumes = 0;

  constructor(path: string, world: WorldDocument) {
    this.path = path;
    this.world = world;
  }

  async listen(): Promise<void> {
    this.#server = createServer((socket) => {
      this.#socket = socket;
      let rest = '';
      socket.on('data', (chunk) => {
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop()!;
        for (const line of lines) this.#take(fromClient(line));
      });
      socket.on('error', () => undefined);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen({ path: this.path }, resolve);
    await promise;
  }

  say(message: FromServer): void {
    this.#socket!.write(encoded(message));
  }

  beat(): void {
    this.say({ type: 'beat', revision: this.world.revision, now: Date.now() });
  }

  /** All, or these, have changed, as of the next revision. */
  change(tenants: readonly string[] | null, over: Partial<WorldDocument> | null = null): void {
    const revision = this.world.revision + 1;
    this.world = { ...this.world, ...over, revision };
    this.say({
      type: 'changed',
      nonce: ++this.#nonce,
      revision,
      tenants: tenants as string[] | null,
      world: over !== null,
    });
  }

  sayWorld(): void {
    const { world } = this;
    this.say({ type: 'world', nonce: ++this.#nonce, revision: world.revision, world: world as never });
  }

  /** Answers all that were asked and not answered. */
  answer(id: number, tenants: readonly string[]): void {
    const bundles = tenants.map((tenant) => this.documents!(tenant));
    this.say({ type: 'bundles', nonce: ++this.#nonce, id, bundles: bundles as never });
  }

  #welcome(): void {
    if (this.#socket?.writable !== true) return;
    this.sayWorld();
    this.beat();
  }

  close(): void {
    this.#socket?.destroy();
    this.#server?.close();
  }

  #take(message: FromClient): void {
    this.heard.push(message);
    if (message.type === 'hello') expect(message.protocol).toBe(PROTOCOL);
    if (message.type === 'resume') setTimeout(() => this.#welcome(), this.resumes);
    if (message.type === 'get' && this.documents !== null) this.answer(message.id, message.tenants);
    if (message.type === 'take')
      this.say({
        type: 'taken',
        id: message.id,
        taken: this.taken,
        counts: message.grants.map((id) => [id, 1]) as never,
      });
  }
}

const FACTS: Record<RegionId, Record<string, unknown>> = {
  'eu-west': { cloud_region: 'eu-west-1', country: 'IE', geography: 'EU', sovereign: false },
  'eu-central': { cloud_region: 'eu-central-1', country: 'DE', geography: 'EU', sovereign: false },
  'us-east': { cloud_region: 'us-east-1', country: 'US', geography: 'NA', sovereign: false },
};

/** The three regions as a control plane tells of them. */
export function regionsWith(statuses: Partial<Record<RegionId, 'active' | 'draining' | 'inactive'>> = {}) {
  return REGIONS.map((id) => ({
    id,
    status: statuses[id] ?? ('active' as const),
    source: 'file' as const,
    entry: { id, name: id, ...FACTS[id], status: 'active' },
  }));
}

export interface Fed {
  readonly control: ScriptedControl;
  readonly domicile: Domicile;
  readonly search: string;
  readonly inference: string;
  readonly upstream: Record<RegionId, Upstream>;
  /** Document of acme as of the revision now. */
  document(over?: Partial<Policy>, widenings?: { grants?: Grant[]; overrides?: Override[] }): TenantDocument;
}

const urlsOf = ({ url }: Upstream) => ({ search: url, storage: url, inference: url });

/** A proxy that is fed by a scripted control plane; both end with the file. */
export async function startFed(settings: Written = {}): Promise<Fed> {
  const upstream = Object.fromEntries(
    await Promise.all(REGIONS.map(async (id) => [id, await startUpstream((_, answer) => answer.end('{}'))] as const)),
  ) as Record<RegionId, Upstream>;
  const folder = writeFiles({
    regions: REGIONS.map((id) => regionAt(id, urlsOf(upstream[id]))),
    policies: [],
    settings: { credentials: SETTINGS_CREDENTIALS, ...settings },
  });
  const control = new ScriptedControl(join(folder, 'feed.sock'), {
    revision: 1,
    regions: regionsWith(),
    regimes: [],
    presignKey: 'c2VjcmV0',
    policies: 1,
  });
  await control.listen();
  const domicile = await Domicile.start({
    config: join(folder, 'domicile.yaml'),
    version: '0.0.0-test',
    env: ENV,
    origin: { kind: 'remote', url: `unix:${control.path}` },
    log: { write: () => undefined },
  });
  const beats = setInterval(() => control.beat(), 500);
  afterAll(async () => {
    clearInterval(beats);
    await domicile.drain(100);
    control.close();
    await Promise.all(Object.values(upstream).map((server) => server.close()));
    rmSync(folder, { recursive: true, force: true });
  });
  const at = (service: string) =>
    `http://127.0.0.1:${domicile.plane.listeners.find(({ name }) => name === `listeners.${service}`)!.port}`;
  const document: Fed['document'] = (over = {}, { grants = [], overrides = [] } = {}) => ({
    tenant: 'acme',
    revision: control.world.revision,
    policies: {
      tenant: 'acme',
      policies: [policy('acme', { allowedRegions: [], allowCrossRegionFailover: false, ...over })],
      grants,
      overrides,
      records: [],
    },
  });
  const fed = { control, domicile, search: at('search'), inference: at('inference'), upstream, document };
  await until(() => domicile.plane.proxy.wideningUntil() > 0);
  return fed;
}

/** How a search of acme's is answered: status and reason. */
export async function search(fed: Fed, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(`${fed.search}/reports/_doc/1`, {
    headers: { 'x-tenant-id': 'acme', 'x-data-classification': 'content', ...headers },
  });
  await response.arrayBuffer();
  return `${response.status} ${response.headers.get('x-residency-reason')}`;
}
