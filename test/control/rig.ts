import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfiguration } from '../../src/app/config/load.ts';
import { LoggedEvidence, type Journal } from '../../src/app/control-evidence.ts';
import type { Pseudonyms } from '../../src/control/evidence-entry.ts';
import { createToken } from '../../src/control/auth/tokens.ts';
import type { ControlContext, ControlSettings, World } from '../../src/control/context.ts';
import type { FilesInForce } from '../../src/control/files.ts';
import type { Role } from '../../src/control/principal.ts';
import { EvidenceIndex } from '../../src/control/evidence/evidence-index.ts';
import { Registry } from '../../src/control/registry.ts';
import type { AnyRoute } from '../../src/control/route.ts';
import { ROUTES } from '../../src/control/routes/all.ts';
import { ControlServer } from '../../src/control/server.ts';
import { Shape } from '../../src/core/schema.ts';
import { serving } from '../../src/region/availability.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { Log } from '../../src/telemetry/log.ts';
import { MemoryJournal } from './journal.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');

export const SETTINGS: ControlSettings = {
  approvals: {
    grantDefaultMinutes: 60,
    grantCapDays: 14,
    pendingMinutes: 60,
    grantQuorum: 1,
    overrideQuorum: 2,
    overrideDefaultMinutes: 60,
    overrideCapHours: 24,
    afterTheFactMinutes: 0,
    ticketPattern: null,
  },
  maxPresignSeconds: 3600,
  proxyUrl: 'http://127.0.0.1:9100',
  pathIdentity: true,
  defaultClassification: null,
  rateLimit: { perMinute: 100_000, failedLoginsPerMinute: 100_000 },
  jwt: null,
  webhooks: [],
};

export interface RigOptions {
  readonly settings?: Partial<ControlSettings>;
  /** Text of a policy file. Default: there is none. */
  readonly policies?: string;
  /** Text of the catalogue. Default: the shipped one. */
  readonly regions?: string;
  /** More lines of domicile.yaml. */
  readonly config?: string;
  /** Default: SQLite of its own. */
  readonly store?: Store;
  /** Where evidence goes, that of a store of its own too. Default: a log in memory. */
  readonly journal?: Journal;
  readonly pseudonyms?: Pseudonyms;
  /** Folder of logs of evidence to index. Default: an empty one. */
  readonly evidence?: string;
  /** Folders of copies of others' logs. */
  readonly collect?: readonly string[];
  readonly routes?: readonly AnyRoute[];
  readonly world?: Partial<World>;
  readonly now?: () => number;
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa: null };
}

export interface Sent {
  readonly token?: string | null;
  readonly body?: unknown;
  /** A list is sent as so many headers. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** The body as bytes, whatever they are. */
  readonly raw?: string | Buffer;
}

export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
  /** Value of ETag, for If-Match. */
  readonly etag: string;
}

/** Schemas of answers, compiled once. */
const shapes = new Map<unknown, Shape<never>>();

/** A control API with a store of its own. */
export class ControlRig {
  readonly context: ControlContext;
  readonly store: Store;
  readonly url: string;
  readonly lines: string[];
  readonly server: ControlServer;
  readonly routes: readonly AnyRoute[];
  readonly #stop: () => Promise<void>;
  readonly #tokens = new Map<string, string>();

  private constructor(
    parts: Pick<ControlRig, 'context' | 'store' | 'url' | 'lines' | 'server' | 'routes'>,
    stop: () => Promise<void>,
  ) {
    this.context = parts.context;
    this.store = parts.store;
    this.url = parts.url;
    this.lines = parts.lines;
    this.server = parts.server;
    this.routes = parts.routes;
    this.#stop = stop;
  }

  static async start(options: RigOptions = {}): Promise<ControlRig> {
    const folder = mkdtempSync(join(tmpdir(), 'domicile-control-'));
    const { journal = new MemoryJournal(), pseudonyms = null } = options;
    const evidence = new LoggedEvidence(journal, 'sidecar-1', pseudonyms);
    const store = options.store ?? (await openStore({ url: null, folder, witness: evidence }));
    const lines: string[] = [];
    const registry = await Registry.open(store, filesIn(folder, options));
    const log = new Log({ level: 'info', destination: { write: (line) => void lines.push(line) } });
    const own = options.evidence ?? join(folder, 'evidence');
    const index = new EvidenceIndex({ store, log, own, collect: options.collect ?? [] });
    const context: ControlContext = {
      version: '0.0.0-test',
      store,
      evidence,
      index,
      registry,
      settings: { ...SETTINGS, ...options.settings },
      world: {
        regions: () => registry.catalogue.regions.map(({ id, status }) => ({ id, status, services: [] })),
        available: (dialect, verb) => serving(registry.catalogue, dialect, verb),
        sidecars: () => [],
        ...options.world,
      },
      log,
      now: options.now ?? Date.now,
    };
    const routes = options.routes ?? ROUTES;
    const server = await ControlServer.open({ context, routes, tls: options.tls ?? null });
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    return new ControlRig({ context, store, url, lines, server, routes }, async () => {
      await server.close();
      await index.close();
      if (options.store === undefined) await store.close();
      rmSync(folder, { recursive: true });
    });
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  /** A token, made once for each. @param tenant null: for all tenants */
  async token(role: Role, tenant: string | null = null, subject = `${role}-${tenant ?? 'all'}`): Promise<string> {
    const key = JSON.stringify([role, tenant, subject]);
    const known = this.#tokens.get(key);
    if (known !== undefined) return known;
    const who = { actor: 'test', requestId: 'test' };
    const { secret } = await createToken(this.store, who, { role, tenant, subject, lifeMs: null });
    this.#tokens.set(key, secret);
    return secret;
  }

  /** Sends a request. An answer of a kind that its route does not declare is a failure. */
  async send(method: string, path: string, sent: Sent = {}): Promise<Got> {
    const bytes = sent.raw ?? (sent.body === undefined ? undefined : JSON.stringify(sent.body));
    const headers: Record<string, string | readonly string[]> = {
      ...(sent.token ? { authorization: `Bearer ${sent.token}` } : {}),
      ...(bytes === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(bytes)) }),
      ...sent.headers,
    };
    const { promise, resolve, reject } = Promise.withResolvers<Got>();
    const outgoing = request(this.url + path, { method, headers: headers as Record<string, string>, agent: false });
    outgoing.on('error', reject).on('response', (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece)).on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(pieces).toString('utf8');
        const json = /json/.test(response.headers['content-type'] ?? '') && text !== '';
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, text, body: json ? JSON.parse(text) : null, etag: headers.etag ?? '' });
      });
    });
    outgoing.end(bytes);
    const got = await promise;
    this.#mustBeDeclared(method, path, got);
    return got;
  }

  #mustBeDeclared(method: string, path: string, { status, body, headers }: Got): void {
    if (status === 304 || (headers['content-type'] ?? '').includes('application/problem+json')) return;
    const bare = path.replace(/\?.*/, '');
    const found = this.routes.find((route) => route.method === method && patternOf(route).test(bare));
    if (found === undefined) return;
    const schema = found.answers[status];
    if (schema === undefined) throw new Error(`${method} ${path} answers ${status}, which it does not declare`);
    if (schema === null) return;
    let shape = shapes.get(schema);
    if (shape === undefined) shapes.set(schema, (shape = new Shape(schema as never)));
    if (!shape.conforms(body))
      throw new Error(`${method} ${path} answers what it does not declare: ${JSON.stringify(body)}`);
  }
}

/** Literal paths first: `/policies/{policy_id}` is no `/policies/x/history`. */
function patternOf({ path }: AnyRoute): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{[a-z_]+\}/g, '[^/]+')}$`);
}

function filesIn(folder: string, { policies, regions, config = '' }: RigOptions): FilesInForce {
  const catalogue = regions === undefined ? join(REPOSITORY, 'config', 'regions.yaml') : join(folder, 'regions.yaml');
  if (regions !== undefined) writeFileSync(catalogue, regions);
  const file = join(folder, 'policies.yaml');
  if (policies !== undefined) writeFileSync(file, policies);
  const yaml = join(folder, 'domicile.yaml');
  writeFileSync(
    yaml,
    `self: { region: eu-west }
catalogue: ${catalogue}
policies: ${policies === undefined ? '[]' : `["${file}"]`}
regimes: ${join(REPOSITORY, 'policies', 'regimes')}
credentials: { aws: { access_key_id: "\${env:KEY}", secret_access_key: "\${env:SECRET}" } }
${config}
`,
  );
  const loaded = loadConfiguration(yaml, { KEY: 'AKIDEXAMPLE', SECRET: 'not-so-secret' });
  const errors = loaded.problems.filter(({ severity }) => severity !== 'warning');
  if (loaded.settings === null || loaded.catalogue === null || loaded.policySet === null)
    throw new Error(errors.map(({ key, message }) => `${key} ${message}`).join('\n'));
  return {
    catalogue: loaded.catalogue,
    policySet: loaded.policySet,
    aliases: loaded.settings.classification.aliases,
    credentials: loaded.credentials,
    selfRegion: loaded.settings.self.region,
    defaultPolicy: loaded.settings.defaultPolicy,
  };
}
