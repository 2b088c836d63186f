import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { loadCatalogue, loadConfiguration, loadMachine } from '../app/config/load.ts';
import { findAllFiles, findRegimeFiles } from '../app/config/find.ts';
import { PolicyLoader } from '../app/config/policies.ts';
import { fileProblem, formatProblem, inOrder, type FileProblem } from '../app/config/problem.ts';
import { kindOfFile } from '../app/config/kind.ts';
import { readSourceFile, shownName } from '../app/config/source-file.ts';
import { readArguments, type Command } from './command.ts';

const HELP = `domicile check: lists every problem of configuration, regions, policies and regimes

  domicile check [--config FILE] [--json] [PATH…]

  --config FILE   default: config/domicile.yaml
  --json          one JSON object: ok, errors, warnings, problems
  PATH            check these instead: a file of policies, regimes or regions, or a folder of such, against the regions
                  and regimes of --config, whose own problems are then not listed; a domicile.yaml, or a folder
                  that holds one, is checked with everything that it names

Prints a line for each problem, FILE:LINE: KEY: what is wrong. Fix: what to do. Not looked at is the store: where it
contradicts the files, the start says so.
Exits 0 when there are no errors (warnings do not count), 1 when there are, 2 on misuse.
`;

const OPTIONS = {
  config: { type: 'string', default: 'config/domicile.yaml' },
  json: { type: 'boolean', default: false },
} as const;

export const check: Command = {
  help: HELP,
  async run(args) {
    const { values, positionals } = readArguments(args, OPTIONS, true);
    const problems =
      positionals.length === 0
        ? loadConfiguration(values.config, process.env).problems
        : checkPaths(positionals, values.config);
    print(inOrder(problems), values.json);
    return problems.some(({ severity }) => severity === 'error') ? 1 : 0;
  },
};

function print(problems: readonly FileProblem[], json: boolean): void {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  if (json) {
    process.stdout.write(`${JSON.stringify({ ok: errors === 0, errors, warnings, problems })}\n`);
    return;
  }
  for (const problem of problems) process.stdout.write(`${formatProblem(problem)}\n`);
  const files = new Set(problems.map(({ file }) => file)).size;
  const where = problems.length === 0 ? '' : ` in ${count(files, 'file')}`;
  process.stdout.write(
    `${errors === 0 ? 'ok' : 'not ok'}: ${count(errors, 'error')}, ${count(warnings, 'warning')}${where}\n`,
  );
}

function count(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}

/** Checks files as what they are: each configuration with all it names, the rest together against that of `--config`. */
function checkPaths(paths: readonly string[], config: string): FileProblem[] {
  const problems: FileProblem[] = [];
  const files: Record<'configuration' | 'regions' | 'policies' | 'regime', string[]> = {
    configuration: [],
    regions: [],
    policies: [],
    regime: [],
  };
  for (const path of paths) {
    if (existsSync(path) && statSync(path).isDirectory() && existsSync(join(path, 'domicile.yaml'))) {
      files.configuration.push(resolve(path, 'domicile.yaml'));
      continue;
    }
    const found = findAllFiles(resolve(path));
    problems.push(...found.problems);
    if (found.files.length === 0 && found.problems.length === 0)
      problems.push(
        fileProblem(path, 'nothing_found', 'holds no YAML files', 'name a file, or a folder that holds some'),
      );
    for (const file of found.files) {
      const { source, problems: unreadable } = readSourceFile(file);
      problems.push(...unreadable);
      if (source !== null) files[kindOfFile(source.value)].push(file);
    }
  }
  for (const file of files.configuration) problems.push(...loadConfiguration(file, process.env).problems);

  const machine = loadMachine(resolve(config), process.env);
  const regionsFile = machine.settings?.catalogue ?? resolve(dirname(config), 'regions.yaml');
  const { table } = loadCatalogue(regionsFile, machine.credentials);
  for (const file of files.regions) problems.push(...loadCatalogue(file, machine.credentials).problems);
  if (files.policies.length + files.regime.length === 0) return problems;
  if (table === null)
    problems.push(
      fileProblem(config, 'no_catalogue', 'gives no regions to check policies against', 'check it first, by itself'),
    );

  // A regime that is among the files stands for the one of the same name that is in force.
  const inForce = machine.settings === null ? [] : findRegimeFiles(machine.settings.regimes, 'regimes', true).files;
  const regimes = [...new Set([...files.regime, ...inForce.filter((file) => !isReplaced(file, files.regime))])];
  const aliases = machine.settings?.classification.aliases ?? new Map<string, string>();
  const loaded = new PolicyLoader().loadFiles(
    { policies: files.policies, regimes },
    { defaultPolicy: null, aliases },
    table,
    Date.now(),
  );
  const asked = new Set([...files.policies, ...files.regime].map(shownName));
  return [...problems, ...loaded.problems.filter(({ file }) => asked.has(file))];
}

function isReplaced(file: string, by: readonly string[]): boolean {
  const id = regimeIdOf(file);
  return by.some((other) => other !== file && regimeIdOf(other) === id);
}

function regimeIdOf(file: string): unknown {
  return (readSourceFile(file).source?.value as { id?: unknown } | null | undefined)?.id;
}
