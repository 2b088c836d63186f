import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { hint } from '../../core/closest.ts';
import { conform } from '../../core/conform.ts';
import type { Problem } from '../../core/problem.ts';
import { salvage } from '../../core/salvage.ts';
import type { PolicySet } from '../../policy/policy-set.ts';
import type { Catalogue } from '../../region/catalogue.ts';
import { parseCredentials, type Credentials } from '../../region/credential.ts';
import { parseRegions } from '../../region/parse.ts';
import { REGIONS_FILE } from '../../region/schema.ts';
import { SQLITE_FILE } from '../../store/place.ts';
import { applyOverrides, readEnvironment, type EnvironmentOverride } from './overrides.ts';
import { PolicyLoader, type PolicySources } from './policies.ts';
import { hasErrors, inOrder, keyOf, locate, type FileProblem } from './problem.ts';
import { findClearSecrets, resolveReferences } from './references.ts';
import { tenantsNotToldApart } from './templates.ts';
import { CONFIGURATION_FILE, type WrittenConfiguration } from './schema.ts';
import { settingsOf, type Settings } from './settings.ts';
import { readSourceFile } from './source-file.ts';

export interface LoadedConfiguration {
  /** These three are null when there is any error. */
  readonly settings: Settings | null;
  readonly catalogue: Catalogue | null;
  readonly policySet: PolicySet | null;
  /** By name; null for one that something is wrong with. */
  readonly credentials: Credentials;
  /** Errors and warnings, by file and line. */
  readonly problems: readonly FileProblem[];
}

export interface LoadOptions {
  /** Remembers policy files between reloads. Default: a new one. */
  readonly loader?: PolicyLoader;
  /** `unneeded`: for readers that send nothing, so that a decision can be explained where no secret is. Default: needed. */
  readonly secrets?: 'needed' | 'unneeded';
  /** `elsewhere`: a control plane has them, and the files of policies and regimes here are not read. Default: here. */
  readonly policies?: 'here' | 'elsewhere';
}

/**
 * Loads everything that a domicile.yaml names: this machine, the catalogue, policies and regimes.
 * @param path of domicile.yaml, relative to where we are
 */
export function loadConfiguration(
  path: string,
  env: NodeJS.ProcessEnv,
  { loader = new PolicyLoader(), secrets = 'needed', policies: where = 'here' }: LoadOptions = {},
): LoadedConfiguration {
  const now = Date.now();
  const machine = loadMachine(resolve(path), env, secrets);
  const problems = [...machine.problems];
  if (machine.settings === null || machine.sources === null) return failed(machine.credentials, problems);

  const regions = loadCatalogue(machine.settings.catalogue, machine.credentials);
  problems.push(...regions.problems);
  const settings = regions.table && placeSelf(machine, regions.table, problems);
  const policies = loader.load(where === 'here' ? machine.sources : nowhere(machine.sources), regions.table, now);
  problems.push(...policies.problems);
  for (const problem of policies.defaultPolicyProblems)
    problems.push(machine.locate({ ...problem, path: ['default_policy'] }));
  if (hasErrors(problems)) return failed(machine.credentials, problems);
  if (regions.table !== null && policies.policySet !== null)
    problems.push(...tenantsNotToldApart(machine.settings.catalogue, regions.table, policies.policySet));
  return {
    settings,
    catalogue: regions.table,
    policySet: policies.policySet,
    credentials: machine.credentials,
    problems: inOrder(problems),
  };
}

/** No file of policies or regimes, and no default policy among them. */
function nowhere({ aliases }: PolicySources): PolicySources {
  return {
    policies: [],
    regimes: null,
    policiesByDefault: true,
    regimesByDefault: true,
    defaultPolicy: null,
    store: false,
    aliases,
  };
}

function failed(credentials: Credentials, problems: readonly FileProblem[]): LoadedConfiguration {
  return { settings: null, catalogue: null, policySet: null, credentials, problems: inOrder(problems) };
}

export interface LoadedMachine {
  /** Never to be put into force when `problems` has errors: it may then lack what was wrong. Null: not even that. */
  readonly settings: Settings | null;
  readonly sources: PolicySources | null;
  readonly credentials: Credentials;
  readonly problems: readonly FileProblem[];
  /** Adds the place to a problem of this file: a line of it, or the environment variable that set the key. */
  readonly locate: (problem: Problem) => FileProblem;
}

/** Stands in for a `self.region` that is missing, so that the rest of the file can be checked. */
const NO_REGION = 'none-given';

/** Reads domicile.yaml alone. `path` is absolute. */
export function loadMachine(
  path: string,
  env: NodeJS.ProcessEnv,
  secrets: 'needed' | 'unneeded' = 'needed',
): LoadedMachine {
  const { source, problems: unreadable } = readSourceFile(path);
  if (source === null) {
    const locateNowhere = (problem: Problem) => ({
      ...problem,
      severity: 'error' as const,
      file: path,
      line: 1,
      key: '',
    });
    return { settings: null, sources: null, credentials: new Map(), problems: unreadable, locate: locateNowhere };
  }
  const { overrides, unknown } = readEnvironment(env, source.value);
  const place = (problem: Problem): FileProblem => {
    const located = locate(problem, source);
    const variable = overrides.find((override) => covers(override, problem))?.variable;
    return variable === undefined ? located : { ...located, file: 'environment', line: 1, key: variable };
  };
  const found: Problem[] = findClearSecrets(source.value).filter(
    (problem) => !overrides.some((override) => covers(override, problem)),
  );
  const broken: Problem[] = [];
  const raw = applyOverrides(source.value, overrides);
  const value = resolveReferences(raw, { env, folder: dirname(path), secrets }, broken);
  const misshapen = conform(CONFIGURATION_FILE, value);
  // What a reference that leads nowhere stands in cannot have its right shape either.
  const brokenKeys = new Set(broken.map((problem) => keyOf(problem.path)));
  found.push(...broken, ...misshapen.filter((problem) => !brokenKeys.has(keyOf(problem.path))));

  const written = misshapen.length === 0 ? (value as WrittenConfiguration) : rest(value);
  const warnings = unknown.map(({ variable, hint }): FileProblem => ({
    code: 'unknown_variable',
    file: 'environment',
    line: 1,
    key: variable,
    message: `is no key of domicile.yaml and is ignored${hint}`,
    fix: 'write two underscores between the parts of a key, or unset it',
    severity: 'warning',
  }));
  if (written === null) {
    const problems = [...found.map(place), ...warnings];
    return { settings: null, sources: null, credentials: new Map(), problems, locate: place };
  }
  const filled = CONFIGURATION_FILE.withDefaults(written);
  const settings = settingsOf(path, filled, found);
  const credentials = credentialsOf(value, filled.credentials, broken, found);
  const sources: PolicySources = {
    policies: settings.policies,
    regimes: settings.regimes,
    policiesByDefault: written.policies === undefined,
    regimesByDefault: written.regimes === undefined,
    defaultPolicy: settings.defaultPolicy,
    store: settings.store.url !== null || existsSync(join(settings.state, SQLITE_FILE)),
    aliases: settings.classification.aliases,
  };
  return { settings, sources, credentials, problems: [...found.map(place), ...warnings], locate: place };
}

function covers(override: EnvironmentOverride, problem: Problem): boolean {
  return override.path.every((key, i) => problem.path[i] === key);
}

/** What of a broken file can still be looked at. */
function rest(value: unknown): WrittenConfiguration | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const self: unknown = (value as { self?: unknown }).self;
  const region: unknown = (self as { region?: unknown } | null | undefined)?.region;
  const standIn = typeof region === 'string' && /^[\w.-]+$/.test(region) ? region : NO_REGION;
  const others = typeof self === 'object' && self !== null ? self : {};
  return salvage(CONFIGURATION_FILE, { ...value, self: { ...others, region: standIn } });
}

/** Credentials by name; one with a problem is there, but null. */
function credentialsOf(
  value: unknown,
  entries: Parameters<typeof parseCredentials>[0],
  broken: readonly Problem[],
  found: Problem[],
): Credentials {
  const unresolved = new Set(broken.filter(({ path }) => path[0] === 'credentials').map(({ path }) => path[1]));
  const usable = Object.fromEntries(Object.entries(entries).filter(([name]) => !unresolved.has(name)));
  const { credentials, problems } = parseCredentials(usable);
  found.push(...problems);
  const all = new Map(credentials);
  const written: unknown = (value as { credentials?: unknown }).credentials;
  if (typeof written === 'object' && written !== null)
    for (const name of Object.keys(written)) if (!all.has(name)) all.set(name, null);
  return all;
}

/** Reads a file of regions; also one that is not in use. `table` is null when regions could not be told apart. */
export function loadCatalogue(
  path: string,
  credentials: Credentials,
): { readonly table: Catalogue | null; readonly problems: readonly FileProblem[] } {
  const { source, problems: unreadable } = readSourceFile(path);
  if (source === null) return { table: null, problems: unreadable };
  const misshapen = conform(REGIONS_FILE, source.value);
  const problems = misshapen.map((problem) => locate(problem, source));
  const written = REGIONS_FILE.conforms(source.value) ? source.value : salvage(REGIONS_FILE, source.value);
  if (written === null) return { table: null, problems };
  const all: unknown = (source.value as { regions?: unknown }).regions;
  // With a region gone, places no longer agree with the file's, and policies that name it are not to blame.
  if (!Array.isArray(all) || all.length !== written.regions.length) return { table: null, problems };
  const { catalogue, problems: found } = parseRegions(REGIONS_FILE.withDefaults(written), credentials);
  return { table: catalogue, problems: [...problems, ...found.map((problem) => locate(problem, source))] };
}

/** Settings with the id of the region that `self.region` names. */
function placeSelf(machine: LoadedMachine, catalogue: Catalogue, problems: FileProblem[]): Settings | null {
  const { settings } = machine;
  if (settings === null) return null;
  const name = settings.self.region;
  const region = catalogue.find(name);
  if (region !== null) return { ...settings, self: { ...settings.self, region: region.id } };
  if (name === NO_REGION) return null;
  const names = catalogue.regions.flatMap(({ id, cloudRegion }) => [id, cloudRegion]);
  problems.push(
    machine.locate({
      code: 'unknown_region',
      path: ['self', 'region'],
      message: `there is no region ${name}${hint(name, names)}`,
      fix: `use one of ${catalogue.regions.map(({ id }) => id).join(', ')}`,
    }),
  );
  return null;
}
