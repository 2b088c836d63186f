import { createPrivateKey } from 'node:crypto';
import { resolve } from 'node:path';
import type { Problem } from '../../core/problem.ts';
import type { Classification } from '../../core/vocabulary.ts';
import type { ConfigurationFile } from './schema.ts';

/** Where shipped evidence goes: one of the two. */
export type ShipTarget =
  /** An absolute path. */
  | { readonly kind: 'folder'; readonly folder: string }
  | {
      readonly kind: 'bucket';
      readonly bucket: string;
      /** Without slashes at its ends; may be empty. */
      readonly prefix: string;
      readonly tenant: string;
      readonly classification: Classification;
      /** Id or cloud region; null: the policy chooses. */
      readonly region: string | null;
      readonly objectLock: { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly days: number } | null;
    };

/** How evidence is written, kept and passed on. */
export interface AuditSettings {
  /** PEM, or base64 of the seed; null: `evidence.key` under `state`. */
  readonly key: string | null;
  readonly flushMs: number;
  /** Records that may wait to be durable. */
  readonly queue: number;
  readonly strictDenials: readonly Classification[];
  readonly bestEffort: readonly Classification[];
  readonly pseudonyms: { readonly key: string; readonly fields: readonly ('subject' | 'resource')[] } | null;
  readonly checkpoint: { readonly logSeconds: number; readonly peer: string | null };
  readonly ship: { readonly target: ShipTarget; readonly everySeconds: number } | null;
  readonly retention: {
    /** Null: for ever. */
    readonly days: number | null;
    readonly classes: Readonly<Partial<Record<Classification, number>>>;
    /** `*`: all. */
    readonly hold: readonly string[];
  };
  /** Absolute paths. */
  readonly collect: readonly string[];
}

export function auditSettingsOf({ audit }: ConfigurationFile, folder: string, problems: Problem[]): AuditSettings {
  if (audit.key !== null && !isSigningKey(audit.key))
    problems.push({
      code: 'bad_key',
      path: ['audit', 'key'],
      message: 'is no Ed25519 private key',
      fix: 'refer to a PKCS#8 PEM file, such as openssl genpkey -algorithm ed25519 writes, or to base64 of its 32 bytes of seed',
    });
  const both = audit.best_effort.find((classification) => audit.strict_denials.includes(classification));
  if (both !== undefined)
    problems.push({
      code: 'strict_and_best_effort',
      path: ['audit', 'strict_denials'],
      message: `${both} is in best_effort too: its refusals cannot both wait for their record and do without`,
      fix: 'take it out of one of the two',
    });
  return {
    key: audit.key,
    flushMs: audit.flush_ms,
    queue: audit.queue,
    strictDenials: audit.strict_denials,
    bestEffort: audit.best_effort as Classification[],
    pseudonyms: audit.pseudonyms as AuditSettings['pseudonyms'],
    checkpoint: { logSeconds: audit.checkpoint.log_seconds, peer: audit.checkpoint.peer },
    ship: audit.ship === null ? null : shipOf(audit.ship, folder, problems),
    retention: audit.retention as AuditSettings['retention'],
    collect: audit.collect.map((path) => resolve(folder, path)),
  };
}

function shipOf(
  ship: NonNullable<ConfigurationFile['audit']['ship']>,
  folder: string,
  problems: Problem[],
): AuditSettings['ship'] {
  const { bucket, tenant } = ship;
  const everySeconds = ship.every_seconds;
  if ((ship.folder === null) === (bucket === null))
    problems.push({
      code: 'ship_where',
      path: ['audit', 'ship'],
      message: bucket === null ? 'names neither a folder nor a bucket' : 'names a folder and a bucket',
      fix: 'give audit.ship.folder or audit.ship.bucket',
    });
  if (ship.folder !== null) return { target: { kind: 'folder', folder: resolve(folder, ship.folder) }, everySeconds };
  if (bucket !== null && tenant === null)
    problems.push({
      code: 'ship_undecidable',
      path: ['audit', 'ship', 'tenant'],
      message: 'is missing, and no policy says where the bucket may be',
      fix: 'name the tenant whose policy permits it',
    });
  const lock = ship.object_lock;
  return {
    target: {
      kind: 'bucket',
      bucket: bucket ?? '',
      prefix: ship.prefix,
      tenant: tenant ?? '',
      classification: ship.classification,
      region: ship.region,
      objectLock: lock as { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly days: number } | null,
    },
    everySeconds,
  };
}

function isSigningKey(text: string): boolean {
  if (!text.startsWith('-----')) return /^[A-Za-z0-9+/]{43}=$/.test(text);
  try {
    return createPrivateKey(text).asymmetricKeyType === 'ed25519';
  } catch {
    return false; // what is wrong with it the problem says
  }
}
