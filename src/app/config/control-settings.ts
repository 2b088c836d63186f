import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { isLoopback } from '../../core/loopback.ts';
import type { ApprovalSettings } from '../../control/context.ts';
import type { Problem } from '../../core/problem.ts';
import { formatListen, parseListen, type ListenAddress } from './listen.ts';
import type { ConfigurationFile } from './schema.ts';

/** Where the keys of an issuer are, and what its tokens must say. */
export interface JwtSettings {
  readonly issuer: string;
  readonly audience: string;
  /** One of the two is null. `jwksFile` is an absolute path. */
  readonly jwksUrl: string | null;
  readonly jwksFile: string | null;
  readonly algorithms: readonly string[];
}

export interface ControlJwtSettings extends JwtSettings {
  /** Names of claims. `tenant` null: tokens are for all tenants. */
  readonly claims: { readonly role: string; readonly tenant: string | null; readonly subject: string };
}

export interface IdentityJwtSettings extends JwtSettings {
  /** In lower case. */
  readonly header: string;
  /** Names of claims; null: not read. */
  readonly claims: {
    readonly tenant: string | null;
    readonly classification: string | null;
    readonly subject: string | null;
    readonly user: string | null;
  };
}

/** PEM files, by absolute path. */
export interface FeedTlsFiles {
  readonly cert: string | null;
  readonly key: string | null;
  readonly clientCa: string | null;
  readonly ca: string | null;
}

export interface FeedSettings {
  readonly address: ListenAddress;
  readonly token: string | null;
  readonly tls: FeedTlsFiles | null;
}

export interface WebhookSettings {
  readonly url: string;
  readonly secret: string;
  /** Events, or what comes before their dot; empty: all. */
  readonly events: readonly string[];
}

type Path = readonly (string | number)[];

/** Name of the socket by which processes of one machine fetch policies, in the folder `state`. */
const SOCKET = 'unix:feed.sock';

export function feedSettingsOf(
  { feed }: ConfigurationFile,
  folder: string,
  state: string,
  problems: Problem[],
): FeedSettings {
  const address = parseListen(feed.listen ?? SOCKET, feed.listen === null ? state : folder);
  if (typeof address === 'string')
    problems.push({
      code: 'bad_listen',
      path: ['feed', 'listen'],
      message: `${feed.listen ?? `${SOCKET} in ${state}`} ${address}`,
      fix: 'write 127.0.0.1:8002, [::1]:8002 or unix:/run/domicile/feed.sock',
    });
  const { tls } = feed;
  const file = (key: keyof NonNullable<typeof tls>) =>
    tls === null || tls[key] === null ? null : readable(['feed', 'tls', key], tls[key], folder, problems);
  const settings: FeedSettings = {
    address: typeof address === 'string' ? { kind: 'unix', path: resolve(state, 'feed.sock') } : address,
    token: feed.token,
    tls: tls && { cert: file('cert'), key: file('key'), clientCa: file('client_ca'), ca: file('ca') },
  };
  checkFeed(settings, problems);
  return settings;
}

/** Whoever reads the feed reads every tenant's policies: over TCP it is told who asks, and nobody listens in. */
function checkFeed({ address, token, tls }: FeedSettings, problems: Problem[]): void {
  const { cert, key, clientCa } = tls ?? { cert: null, key: null, clientCa: null };
  if ((cert === null) !== (key === null))
    problems.push({
      code: 'half_a_key',
      path: ['feed', 'tls', cert === null ? 'cert' : 'key'],
      message: 'certificate and key come together',
      fix: 'give feed.tls.cert and feed.tls.key, or neither',
    });
  if (address.kind === 'unix') return;
  if (cert === null)
    problems.push({
      code: 'feed_without_tls',
      path: ['feed', 'listen'],
      message: `${formatListen(address)} is no Unix socket, and policies would travel in clear text`,
      fix: 'give feed.tls.cert and feed.tls.key, or listen on a Unix socket',
    });
  if (token === null && clientCa === null)
    problems.push({
      code: 'feed_without_secret',
      path: ['feed', 'listen'],
      message: `${formatListen(address)} is no Unix socket, and whoever reaches it may read every policy`,
      fix: 'give feed.token: "${env:NAME}", or feed.tls.client_ca',
    });
}

/** An absolute path; a file that this process may not read is a problem. */
export function readable(path: Path, name: string, folder: string, problems: Problem[]): string {
  const absolute = resolve(folder, name);
  try {
    accessSync(absolute, constants.R_OK);
  } catch (error) {
    problems.push({
      code: 'unreadable',
      path,
      message: `the file ${name} cannot be read (${(error as NodeJS.ErrnoException).code})`,
      fix: 'name a file that this process may read',
    });
  }
  return absolute;
}

interface WrittenJwt {
  readonly issuer: string;
  readonly audience: string;
  readonly jwks_url: string | null;
  readonly jwks_file: string | null;
  readonly algorithms: readonly string[];
}

/** @param path of the map in domicile.yaml */
export function jwtSettingsOf(path: Path, written: WrittenJwt, folder: string, problems: Problem[]): JwtSettings {
  const { issuer, audience, algorithms, jwks_url, jwks_file } = written;
  if ((jwks_url === null) === (jwks_file === null))
    problems.push({
      code: 'keys_of_issuer',
      path: [...path, 'jwks_url'],
      message: jwks_url === null ? 'nothing says where the issuer’s keys are' : 'jwks_url and jwks_file are both given',
      fix: 'give either jwks_url or jwks_file',
    });
  if (jwks_url !== null) checkNobodyIn(jwks_url, [...path, 'jwks_url'], problems);
  if (jwks_url !== null && !isSafe(jwks_url))
    problems.push({
      code: 'keys_in_clear',
      path: [...path, 'jwks_url'],
      message: `${jwks_url} is not https: whoever is on the way could put keys of his own there`,
      fix: 'use https, or http on loopback',
    });
  return {
    issuer,
    audience,
    algorithms,
    jwksUrl: jwks_url,
    jwksFile: jwks_file === null ? null : readable([...path, 'jwks_file'], jwks_file, folder, problems),
  };
}

/** Nothing is sent to an address with a user or a password in it, which would stand in every log too. */
function checkNobodyIn(url: string, path: Path, problems: Problem[]): void {
  const parsed = URL.parse(url);
  if (parsed !== null && `${parsed.username}${parsed.password}` === '') return;
  problems.push({
    code: 'not_an_address',
    path,
    message: parsed === null ? 'is not an address' : 'holds a user or a password, which is not sent',
    fix: 'write https://host/path',
  });
}

export function webhookSettingsOf({ webhooks }: ConfigurationFile, problems: Problem[]): readonly WebhookSettings[] {
  webhooks.forEach(({ url }, i) => checkNobodyIn(url, ['webhooks', i, 'url'], problems));
  return webhooks;
}

/** https, or http that does not leave this machine. */
function isSafe(url: string): boolean {
  const parsed = URL.parse(url);
  // One that is no address is told of already.
  if (parsed === null) return true;
  return parsed.protocol === 'https:' || (parsed.protocol === 'http:' && isLoopback(parsed.hostname));
}

export function approvalSettingsOf({ approvals }: ConfigurationFile, problems: Problem[]): ApprovalSettings {
  if (approvals.override_default_minutes > approvals.override_cap_hours * 60)
    problems.push({
      code: 'default_beyond_cap',
      path: ['approvals', 'override_default_minutes'],
      message: `is longer than override_cap_hours, ${approvals.override_cap_hours}`,
      fix: 'make it shorter, or raise the cap',
    });
  if (approvals.grant_default_minutes > approvals.grant_cap_days * 1440)
    problems.push({
      code: 'default_beyond_cap',
      path: ['approvals', 'grant_default_minutes'],
      message: `is longer than grant_cap_days, ${approvals.grant_cap_days}`,
      fix: 'make it shorter, or raise the cap',
    });
  return {
    grantDefaultMinutes: approvals.grant_default_minutes,
    grantCapDays: approvals.grant_cap_days,
    pendingMinutes: approvals.pending_minutes,
    grantQuorum: approvals.grant_quorum,
    overrideQuorum: approvals.override_quorum,
    overrideDefaultMinutes: approvals.override_default_minutes,
    overrideCapHours: approvals.override_cap_hours,
    afterTheFactMinutes: approvals.after_the_fact_minutes,
    ticketPattern: approvals.ticket_pattern === null ? null : patternOf(approvals.ticket_pattern, problems),
  };
}

/** Never matched by when it is none: settings with problems are not put into force. */
function patternOf(text: string, problems: Problem[]): RegExp | null {
  try {
    return new RegExp(text, 'u');
  } catch (error) {
    problems.push({
      code: 'bad_pattern',
      path: ['approvals', 'ticket_pattern'],
      message: (error as Error).message,
      fix: 'write a regular expression such as ^CASE-[0-9]+$',
    });
    return null;
  }
}
