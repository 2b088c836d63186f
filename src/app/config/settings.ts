import { dirname, resolve } from 'node:path';
import type { Problem } from '../../core/problem.ts';
import type { ApprovalSettings } from '../../control/context.ts';
import { identityProblems, provesTenants } from '../../inbound/identity/problems.ts';
import { CLASSIFICATIONS, SERVICES, type Classification, type Service } from '../../core/vocabulary.ts';
import {
  approvalSettingsOf,
  feedSettingsOf,
  jwtSettingsOf,
  readable,
  webhookSettingsOf,
  type ControlJwtSettings,
  type FeedSettings,
  type IdentityJwtSettings,
  type WebhookSettings,
} from './control-settings.ts';
import { auditSettingsOf, type AuditSettings } from './audit-settings.ts';
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

export interface ControlSettings extends ListenerSettings {
  readonly jwt: ControlJwtSettings | null;
  readonly maxPresignSeconds: number;
  /** Base of `via: proxy` URLs; null: the storage listener of this machine. */
  readonly proxyUrl: string | null;
  readonly rateLimit: { readonly perMinute: number; readonly failedLoginsPerMinute: number };
}

export type IdentitySource = 'headers' | 'path' | 'jwt' | 'mtls';

/** This machine, with every default filled in and every path absolute. Secrets are in `store`, `feed`, `webhooks` and `audit` only. */
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
  /** Null: SQLite under `state`. */
  readonly store: { readonly url: string | null };
  readonly control: ControlSettings;
  readonly approvals: ApprovalSettings;
  readonly feed: FeedSettings;
  readonly webhooks: readonly WebhookSettings[];
  readonly ops: ListenerSettings;
  readonly identity: {
    readonly sources: readonly IdentitySource[];
    readonly jwt: IdentityJwtSettings | null;
    /** `uri`: form of the URI in the certificate. */
    readonly mtls: { readonly uri: string } | null;
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
  readonly audit: AuditSettings;
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
    store: written.store,
    control: controlOf(written.control, folder, problems),
    approvals: approvalSettingsOf(written, problems),
    feed: feedSettingsOf(written, folder, resolve(folder, written.state), problems),
    webhooks: webhookSettingsOf(written, problems),
    ops: listener(['ops'], written.ops),
    identity: {
      sources: identity.sources as IdentitySource[],
      jwt: identity.jwt && identityJwtOf(identity.jwt, folder, problems),
      mtls: identity.mtls,
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
    audit: auditSettingsOf(written, folder, problems),
    log: written.log,
  };
  checkAliases(settings, problems);
  checkSources(settings, problems);
  problems.push(...identityProblems(settings.identity));
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
  const file = (key: string, name: string) => readable([...path, key], name, folder, problems);
  return {
    cert: file('cert', entry.cert),
    key: file('key', entry.key),
    clientCa: entry.client_ca === null ? null : file('client_ca', entry.client_ca),
  };
}

function controlOf(written: ConfigurationFile['control'], folder: string, problems: Problem[]): ControlSettings {
  const { jwt, rate_limit } = written;
  return {
    ...listenerOf(['control'], written, folder, problems),
    jwt: jwt && { ...jwtSettingsOf(['control', 'jwt'], jwt, folder, problems), claims: jwt.claims },
    maxPresignSeconds: written.max_presign_seconds,
    proxyUrl: written.proxy_url,
    rateLimit: { perMinute: rate_limit.per_minute, failedLoginsPerMinute: rate_limit.failed_logins_per_minute },
  };
}

function identityJwtOf(
  written: NonNullable<ConfigurationFile['identity']['jwt']>,
  folder: string,
  problems: Problem[],
): IdentityJwtSettings {
  const { header, claims } = written;
  return {
    ...jwtSettingsOf(['identity', 'jwt'], written, folder, problems),
    header: header.toLowerCase(),
    claims,
  };
}

/** A source that nothing can come from would leave the others to stand in for it. */
function checkSources({ identity, listeners }: Settings, problems: Problem[]): void {
  for (const source of ['jwt', 'mtls'] as const) {
    const named = identity.sources.includes(source);
    if (named === (identity[source] !== null)) continue;
    problems.push({
      code: 'identity_source',
      path: named ? ['identity', 'sources'] : ['identity', source],
      message: named
        ? `${source} is a source, and identity.${source} is not there`
        : `${source} is not among the sources`,
      fix: named ? `add identity.${source}` : `add ${source} to identity.sources, or remove this key`,
    });
  }
  if (!identity.sources.includes('mtls')) return;
  for (const service of SERVICES) {
    const listener = listeners[service];
    if (listener === null || (listener.tls?.clientCa ?? null) !== null) continue;
    problems.push({
      code: 'mtls_without_ca',
      path: ['listeners', service, 'tls', 'client_ca'],
      message: 'is missing, and without it no client shows a certificate',
      fix: 'name the authorities of client certificates, or take mtls out of identity.sources',
    });
  }
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

/** Identity that anyone on a network can write is no identity (DESIGN 1.6): there a token or a certificate must be shown. */
function checkNetworks(settings: Settings, problems: Problem[]): void {
  const { allowUnauthenticatedNetwork } = settings.identity;
  const proven = provesTenants(settings.identity);
  for (const service of SERVICES) {
    const listener = settings.listeners[service];
    if (listener === null || isLocal(listener.address) || allowUnauthenticatedNetwork || proven) continue;
    problems.push({
      code: 'unauthenticated_network',
      path: ['listeners', service, 'listen'],
      message: `${formatListen(listener.address)} is not loopback, and whoever reaches it may claim any tenant`,
      fix: 'listen on 127.0.0.1 or a Unix socket, take identity from jwt or mtls, or set identity.allow_unauthenticated_network: true',
    });
  }
  if (!isLocal(settings.control.address) && settings.control.tls === null)
    problems.push({
      code: 'control_without_tls',
      path: ['control', 'listen'],
      message: `${formatListen(settings.control.address)} is not loopback, and tokens would cross the network in clear text`,
      fix: 'give control.tls, or see to it that TLS ends in front of it on this machine',
      severity: 'warning',
    });
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
  const all: [Path, { readonly address: ListenAddress } | null][] = [
    ...SERVICES.map((service): [Path, ListenerSettings | null] => [
      ['listeners', service, 'listen'],
      settings.listeners[service],
    ]),
    [['control', 'listen'], settings.control],
    [['feed', 'listen'], settings.feed],
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
