import type { TObject } from 'typebox';
import { POLICY_FILE, REGIME_FILE } from '../../policy/schema.ts';
import { REGIONS_FILE } from '../../region/schema.ts';
import { CONFIGURATION_FILE } from './schema.ts';

export type FileKind = 'configuration' | 'regions' | 'policies' | 'regime';

const KEYS: readonly (readonly [FileKind, ReadonlySet<string>])[] = [
  ['regions', keysOf(REGIONS_FILE.schema)],
  ['regime', keysOf(REGIME_FILE.schema)],
  // `policies` as a list of maps is that of a policy file; domicile.yaml has a list of names under the same key.
  ['policies', keysOf(POLICY_FILE.schema)],
  ['configuration', keysOf(CONFIGURATION_FILE.schema)],
];

function keysOf(schema: TObject): ReadonlySet<string> {
  return new Set(Object.keys(schema.properties));
}

/** What a file is meant to be, by the top-level keys that it shares with each kind; policies when nothing tells. */
export function kindOfFile(value: unknown): FileKind {
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  let best: FileKind = 'policies';
  let most = 0;
  for (const [kind, known] of KEYS) {
    const shared = keys.filter((key) => known.has(key)).length;
    if (shared > most) {
      best = kind;
      most = shared;
    }
  }
  return best;
}
