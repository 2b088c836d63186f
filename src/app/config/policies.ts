import { basename } from 'node:path';
import type { Grant, Override, Policy, RegionTable } from '../../policy/model.ts';
import { parsePolicyFile, parseRegimeFile, type ParsedPolicyFile, type Placed } from '../../policy/parse.ts';
import type { PolicySet, RegimeRecord } from '../../policy/policy-set.ts';
import { validatePolicySet } from '../../policy/validate.ts';
import { findPolicyFiles, findRegimeFiles } from './find.ts';
import { hasErrors, locate, type FileProblem } from './problem.ts';
import { readSourceFile, type SourceFile } from './source-file.ts';

/** Where policies come from: everything that a reload of them alone needs. */
export interface PolicySources {
  /** Absolute paths of files and folders. */
  readonly policies: readonly string[];
  /** Null: none are read. */
  readonly regimes: string | null;
  /** Whether the two above are defaults, which need not exist. */
  readonly policiesByDefault: boolean;
  readonly regimesByDefault: boolean;
  readonly defaultPolicy: string | null;
  /** There is a store of the control plane too: what no file has may be in it. */
  readonly store?: boolean;
  readonly aliases: ReadonlyMap<string, string>;
}

export interface LoadedPolicies {
  /** Null when there are errors. */
  readonly policySet: PolicySet | null;
  readonly problems: readonly FileProblem[];
  /** A problem of `default_policy`, which stands in domicile.yaml. */
  readonly defaultPolicyProblems: readonly Pick<FileProblem, 'code' | 'message' | 'fix' | 'severity'>[];
}

/** Files to read, already found. */
export interface PolicyFiles {
  readonly policies: readonly string[];
  readonly regimes: readonly string[];
}

interface Origin {
  readonly source: SourceFile;
  /** Place in its list of the file. */
  readonly index: number;
}

/**
 * Loads policies and regimes, again and again: a file whose text has not changed is not parsed twice, so that a reload
 * costs what was edited.
 */
export class PolicyLoader {
  #clean = new Map<string, { readonly source: SourceFile; readonly parsed: ParsedPolicyFile }>();

  /**
   * @param table null when the catalogue could not be read: what needs it is not checked, and nothing comes of it
   * @param now milliseconds since the epoch
   */
  load(sources: PolicySources, table: RegionTable | null, now: number): LoadedPolicies {
    const found = sources.policies.map((entry, i) =>
      findPolicyFiles(entry, `policies[${i}]`, sources.policiesByDefault),
    );
    const regimes =
      sources.regimes === null
        ? { files: [], problems: [] }
        : findRegimeFiles(sources.regimes, 'regimes', sources.regimesByDefault);
    const files = { policies: [...new Set(found.flatMap(({ files }) => files))], regimes: regimes.files };
    const loaded = this.loadFiles(files, sources, table, now);
    return {
      ...loaded,
      policySet:
        hasErrors(found.flatMap(({ problems }) => problems)) || hasErrors(regimes.problems) ? null : loaded.policySet,
      problems: [...found.flatMap(({ problems }) => problems), ...regimes.problems, ...loaded.problems],
    };
  }

  /** As `load`, for files that have been found. */
  loadFiles(
    files: PolicyFiles,
    sources: Pick<PolicySources, 'defaultPolicy' | 'store' | 'aliases'>,
    table: RegionTable | null,
    now: number,
  ): LoadedPolicies {
    const problems: FileProblem[] = [];
    const policies = new Gathered<Policy>();
    const grants = new Gathered<Grant>();
    const overrides = new Gathered<Override>();
    const unreadPolicies = new Set<string>();
    const aliases = Object.fromEntries(sources.aliases);
    const clean = new Map<string, { readonly source: SourceFile; readonly parsed: ParsedPolicyFile }>();
    for (const file of files.policies) {
      const before = this.#clean.get(file);
      const { source, problems: unreadable } = readSourceFile(file, before?.source);
      problems.push(...unreadable);
      if (source === null) continue;
      const parsed = source === before?.source ? before.parsed : parsePolicyFile(source.value, aliases);
      if (parsed.problems.length === 0) clean.set(file, { source, parsed });
      problems.push(...parsed.problems.map((problem) => locate(problem, source)));
      for (const id of parsed.unreadPolicies) unreadPolicies.add(id);
      policies.add(source, parsed.policies);
      grants.add(source, parsed.grants);
      overrides.add(source, parsed.overrides);
    }
    this.#clean = clean;

    const regimes = new Gathered<RegimeRecord>();
    const unreadRegimes = new Set<string>();
    for (const file of files.regimes) {
      const { source, problems: unreadable } = readSourceFile(file);
      problems.push(...unreadable);
      const parsed = source && parseRegimeFile(source.value);
      if (source && parsed) problems.push(...parsed.problems.map((problem) => locate(problem, source)));
      if (source && parsed?.regime) regimes.add(source, [{ value: parsed.regime, index: -1 }]);
      else unreadRegimes.add(parsed?.id ?? basename(file).replace(/\.\w+$/, ''));
    }

    const gathered = { policies, grants, overrides, regimes };
    const set = {
      policies: policies.values,
      grants: grants.values,
      overrides: overrides.values,
      regimes: regimes.values,
    };
    const defaultPolicyProblems: LoadedPolicies['defaultPolicyProblems'][number][] = [];
    for (const problem of validatePolicySet(set, table, {
      now,
      defaultPolicy: sources.defaultPolicy,
      store: sources.store ?? false,
      unreadPolicies,
      unreadRegimes,
    })) {
      const [list, place, ...rest] = problem.path;
      if (list === 'default_policy') {
        defaultPolicyProblems.push({ ...problem, severity: problem.severity ?? 'error' });
        continue;
      }
      const origin = gathered[list as keyof typeof gathered].origins[place as number] as Origin;
      const inFile = origin.index < 0 ? rest : [list as string, origin.index, ...rest];
      problems.push(locate(problem, origin.source, inFile));
    }
    const good = table !== null && !hasErrors(problems) && !defaultPolicyProblems.some((p) => p.severity === 'error');
    const defaultPolicy = set.policies.find(({ id }) => id === sources.defaultPolicy) ?? null;
    return { policySet: good ? { ...set, defaultPolicy } : null, problems, defaultPolicyProblems };
  }
}

/** Entries of many files, each with where it came from. */
class Gathered<T> {
  readonly values: T[] = [];
  readonly origins: Origin[] = [];

  add(source: SourceFile, entries: readonly Placed<T>[]): void {
    for (const { value, index } of entries) {
      this.values.push(value);
      this.origins.push({ source, index });
    }
  }
}
