import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Domicile } from '../../src/app/domicile.ts';

/** Settings beside the listeners, as in domicile.yaml. */
export type Written = Record<string, unknown>;

export interface RigOptions {
  /** As in regions.yaml. */
  readonly regions: readonly Written[];
  /** As in a policy file. */
  readonly policies: readonly Written[];
  readonly grants?: readonly Written[];
  readonly overrides?: readonly Written[];
  readonly regimes?: readonly Written[];
  /** Merged over the defaults of the rig, by top-level key. */
  readonly settings?: Written;
  readonly env?: NodeJS.ProcessEnv;
}

/** A Domicile in this process, on free ports, from files in a folder of its own. */
export interface Rig {
  readonly domicile: Domicile;
  readonly folder: string;
  readonly storage: string;
  readonly search: string;
  readonly inference: string;
  readonly ops: string;
  /** Parsed log lines so far. */
  readonly log: Record<string, unknown>[];
  /** The metrics page. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

/** A folder with the files of a Domicile on free ports. JSON is YAML: they are written as JSON. */
export function writeFiles(options: Omit<RigOptions, 'env'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'domicile-rig-'));
  mkdirSync(join(folder, 'policies', 'grants'), { recursive: true });
  mkdirSync(join(folder, 'regimes'));
  const write = (name: string, content: unknown) => writeFileSync(join(folder, name), JSON.stringify(content, null, 1));
  write('domicile.yaml', {
    self: { region: 'eu-west' },
    policies: ['policies'],
    regimes: 'regimes',
    state: 'state',
    listeners: {
      storage: { listen: '127.0.0.1:0' },
      search: { listen: '127.0.0.1:0' },
      inference: { listen: '127.0.0.1:0' },
    },
    control: { listen: '127.0.0.1:0' },
    ops: { listen: '127.0.0.1:0' },
    log: { access: 'all' },
    ...options.settings,
  });
  write('regions.yaml', { regions: options.regions });
  write('policies/policies.yaml', { policies: options.policies });
  if (options.grants || options.overrides) {
    write('policies/grants/grants.yaml', {
      ...(options.grants ? { grants: options.grants } : {}),
      ...(options.overrides ? { overrides: options.overrides } : {}),
    });
  }
  (options.regimes ?? []).forEach((regime, i) => write(`regimes/regime-${i}.yaml`, regime));
  return folder;
}

export async function startRig(options: RigOptions): Promise<Rig> {
  const folder = writeFiles(options);
  const log: Record<string, unknown>[] = [];
  let domicile: Domicile;
  try {
    domicile = await Domicile.start({
      config: join(folder, 'domicile.yaml'),
      version: '0.0.0-test',
      env: options.env ?? {},
      log: { write: (line) => log.push(JSON.parse(line) as Record<string, unknown>) },
    });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const url = (name: string) => {
    const listener = domicile.plane.listeners.find((known) => known.name === `listeners.${name}`);
    return listener === undefined ? '' : `http://127.0.0.1:${listener.port}`;
  };
  return {
    domicile,
    folder,
    storage: url('storage'),
    search: url('search'),
    inference: url('inference'),
    ops: domicile.opsUrl,
    log,
    metrics: async () => (await fetch(`${domicile.opsUrl}/metrics`)).text(),
    stop: async () => {
      await domicile.drain(1000);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
