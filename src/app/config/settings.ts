import { accessSync, constants } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Problem } from '../../core/problem.ts';
import { CLASSIFICATIONS, SERVICES, type Classification, type Service } from '../../core/vocabulary.ts';
import { formatListen, isLocal, parseListen, type ListenAddress } from './listen.ts';
import type { ConfigurationFile } from './schema.ts';

/** PEM files, by absolute path. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | null;
}

export interface ListenerSettings {
  readonly address: ListenAddress;
  readonly tls: TlsFiles | null;
  /** storage: host suffix of virtual-host style, in lower case without a leading dot; null elsewhere and by default. */
  readonly virtualHostSuffix: string | null;
}

/** This machine, with every default filled in and every path absolute. It holds no secrets. */
export interface Settings {
  /** The file it was read from. */
  readonly file: string;
  /** `region` is the id of the catalogue's region. */
  readonly self: { readonly region: string; readonly name: string };
  readonly catalogue: string;
  readonly policies: readonly string[];
  readonly regimes: string;
  readonly state: string;
  /** Null: not served. */
  readonly listeners: Readonly<Record<Service, ListenerSettings | null>>;
  readonly control: ListenerSettings;
  readonly ops: ListenerSettings;
  readonly identity: {
    readonly sources: readonly ('headers' | 'path')[];
    readonly trustRegionHeader: boolean;
    readonly allowUnauthenticatedNetwork: boolean;
  };
  readonly classification: {
    readonly default: Classification | null;
    readonly aliases: ReadonlyMap<string, Classification>;
  };
  readonly defaultPolicy: string | null;
  readonly cache: { readonly bundles: number; readonly negativeTtlMs: number };
  readonly timeouts: {
    readonly connectMs: number;
    readonly requestHeadMs: number;
    readonly responseHeadMs: number;
    readonly inferenceHeadMs: number;
    readonly idleMs: number;
    readonly keepAliveMs: number;
    /** 0: no bound. */
    readonly totalMs: number;
  };
  readonly limits: {
    readonly headBytes: number;
    readonly headers: number;
    readonly inspectBodyBytes: number;
    readonly connections: number;
    readonly inflight: number;
  };
  readonly upstream: {
    readonly connections: number;
    readonly pending: number;
    readonly pendingMs: number;
    readonly keepAliveMs: number;
    readonly connectionAgeMs: number;
    readonly dnsTtlMs: number;
    readonly happyEyeballs: boolean;
  };
  readonly log: {
    readonly level: ConfigurationFile['log']['level'];
    /** A number is the share of allowed requests that is logged beside every denial. */
    readonly access: 'denials' | 'all' | number;
  };
}

type Path = readonly (string | number)[];

/** Settings from a conforming file with its defaults filled in; what contradicts itself goes to `problems`. */
export function settingsOf(file: string, written: ConfigurationFile, problems: Problem[]): Settings {
  const folder = dirname(file);
  const { identity, timeouts, limits, upstream, listeners } = written;
  const listener = (path: Path, entry: ListenerEntry) => listenerOf(path, entry, folder, problems);
  const settings: Settings = {
    file,
    self: written.self,
    catalogue: resolve(folder, written.catalogue),
    policies: written.policies.map((name) => resolve(folder, name)),
    regimes: resolve(folder, written.regimes),
    state: resolve(folder, written.state),
    listeners: {
      storage: listeners.storage && listener(['listeners', 'storage'], listeners.storage),
      search: listeners.search && listener(['listeners', 'search'], listeners.search),
      inference: listeners.inference && listener(['listeners', 'inference'], listeners.inference),
    },
    control: listener(['control'], written.control),
    ops: listener(['ops'], written.ops),
    identity: {
      sources: sourcesOf(identity.sources, problems),
      trustRegionHeader: identity.trust_region_header,
      allowUnauthenticatedNetwork: identity.allow_unauthenticated_network,
    },
    classification: {
      default: written.classification.default,
      aliases: new Map(Object.entries(written.classification.aliases)),
    },
    defaultPolicy: written.default_policy,
    cache: { bundles: written.cache.bundles, negativeTtlMs: written.cache.negative_ttl_ms },
    timeouts: {
      connectMs: timeouts.connect_ms,
      requestHeadMs: timeouts.request_head_ms,
      responseHeadMs: timeouts.response_head_ms,
      inferenceHeadMs: timeouts.inference_head_ms,
      idleMs: timeouts.idle_ms,
      keepAliveMs: timeouts.keep_alive_ms,
      totalMs: timeouts.total_ms,
    },
    limits: {
      headBytes: limits.head_bytes,
      headers: limits.headers,
      inspectBodyBytes: limits.inspect_body_bytes,
      connections: limits.connections,
      inflight: limits.inflight,
    },
    upstream: {
      connections: upstream.connections,
      pending: upstream.pending,
      pendingMs: upstream.pending_ms,
      keepAliveMs: upstream.keep_alive_ms,
      connectionAgeMs: upstream.connection_age_ms,
      dnsTtlMs: upstream.dns_ttl_ms,
      happyEyeballs: upstream.happy_eyeballs,
    },
    log: written.log,
  };
  checkAliases(settings, problems);
  checkNetworks(settings, problems);
  checkAddresses(settings, problems);
  return settings;
}

interface ListenerEntry {
  readonly listen: string;
  readonly tls: { readonly cert: string; readonly key: string; readonly client_ca: string | null } | null;
  readonly virtual_host_suffix?: string | null;
}

function listenerOf(path: Path, entry: ListenerEntry, folder: string, problems: Problem[]): ListenerSettings {
  const address = parseListen(entry.listen, folder);
  if (typeof address === 'string')
    problems.push({
      code: 'bad_listen',
      path: [...path, 'listen'],
      message: `${entry.listen} ${address}`,
      fix: 'write 127.0.0.1:9100, [::1]:9100 or unix:/run/domicile/storage.sock',
    });
  return {
    // Never listened at: a settings object with problems is not put into force.
    address: typeof address === 'string' ? { kind: 'tcp', host: '127.0.0.1', port: 0 } : address,
    tls: entry.tls && tlsOf([...path, 'tls'], entry.tls, folder, problems),
    virtualHostSuffix: entry.virtual_host_suffix?.toLowerCase() ?? null,
  };
}

function tlsOf(path: Path, entry: NonNullable<ListenerEntry['tls']>, folder: string, problems: Problem[]): TlsFiles {
  const file = (key: string, name: string) => {
    const absolute = resolve(folder, name);
    try {
      accessSync(absolute, constants.R_OK);
    } catch (error) {
      problems.push({
        code: 'unreadable',
        path: [...path, key],
        message: `the file ${name} cannot be read (${(error as NodeJS.ErrnoException).code})`,
        fix: 'name a PEM file that this process may read',
      });
    }
    return absolute;
  };
  return {
    cert: file('cert', entry.cert),
    key: file('key', entry.key),
    clientCa: entry.client_ca === null ? null : file('client_ca', entry.client_ca),
  };
}

function sourcesOf(written: ConfigurationFile['identity']['sources'], problems: Problem[]): ('headers' | 'path')[] {
  const sources: ('headers' | 'path')[] = [];
  written.forEach((source, i) => {
    if (source === 'headers' || source === 'path') sources.push(source);
    else
      problems.push({
        code: 'not_supported',
        path: ['identity', 'sources', i],
        message: `${source} is not supported in this version`,
        fix: 'use headers or path',
      });
  });
  return sources;
}

function checkAliases({ classification }: Settings, problems: Problem[]): void {
  const classes = new Set<string>(CLASSIFICATIONS);
  for (const [alias, meant] of classification.aliases) {
    if (classes.has(alias))
      problems.push({
        code: 'alias_of_class',
        path: ['classification', 'aliases', alias],
        message: `${alias} is a class itself and cannot mean ${meant}`,
        fix: 'remove it, or choose another word',
      });
  }
}

/** Identity that anyone on a network can write is no identity (DESIGN 1.6). */
function checkNetworks(settings: Settings, problems: Problem[]): void {
  for (const service of SERVICES) {
    const listener = settings.listeners[service];
    if (listener === null || isLocal(listener.address) || settings.identity.allowUnauthenticatedNetwork) continue;
    problems.push({
      code: 'unauthenticated_network',
      path: ['listeners', service, 'listen'],
      message: `${formatListen(listener.address)} is not loopback, and whoever reaches it may claim any tenant`,
      fix: 'listen on 127.0.0.1 or a Unix socket, or set identity.allow_unauthenticated_network: true',
    });
  }
  if (!isLocal(settings.ops.address))
    problems.push({
      code: 'ops_on_network',
      path: ['ops', 'listen'],
      message: `${formatListen(settings.ops.address)} is not loopback: whoever reaches it may drain this sidecar`,
      fix: 'listen on 127.0.0.1 or a Unix socket, or see to it that only operators reach it',
      severity: 'warning',
    });
}

function checkAddresses(settings: Settings, problems: Problem[]): void {
  const taken = new Map<string, string>();
  const all: [Path, ListenerSettings | null][] = [
    ...SERVICES.map((service): [Path, ListenerSettings | null] => [
      ['listeners', service, 'listen'],
      settings.listeners[service],
    ]),
    [['control', 'listen'], settings.control],
    [['ops', 'listen'], settings.ops],
  ];
  for (const [path, listener] of all) {
    if (listener === null || (listener.address.kind === 'tcp' && listener.address.port === 0)) continue;
    const address = formatListen(listener.address);
    const holder = taken.get(address);
    if (holder === undefined) taken.set(address, path.join('.'));
    else
      problems.push({
        code: 'address_taken',
        path,
        message: `${address} is the address of ${holder} already`,
        fix: 'give each listener an address of its own',
      });
  }
}
