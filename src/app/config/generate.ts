/**
 * Writes what follows from the schemas: config/schema/*.json for editors, docs/configuration.md for people.
 *   node src/app/config/generate.ts          writes
 *   node src/app/config/generate.ts --check  writes nothing, exits 1 when a file is not current
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SchemaNode } from '../../core/conform.ts';
import { POLICY_FILE, REGIME_FILE } from '../../policy/schema.ts';
import { REGIONS_FILE } from '../../region/schema.ts';
import { keyTable } from './reference.ts';
import { CONFIGURATION_FILE } from './schema.ts';

const ROOT = new URL('../../../', import.meta.url);

const SCHEMAS: readonly (readonly [name: string, schema: object])[] = [
  ['domicile', CONFIGURATION_FILE.schema],
  ['regions', REGIONS_FILE.schema],
  ['policies', POLICY_FILE.schema],
  ['regime', REGIME_FILE.schema],
];

const INTRODUCTION = `# Configuration

<!-- Generated from the schemas by \`node src/app/config/generate.ts\`. Do not edit. -->

Four kinds of files, all YAML 1.2 (or JSON), each up to 1 MiB: \`domicile.yaml\` (this machine), \`regions.yaml\` (the
catalogue), \`policies/*.yaml\` with \`policies/grants/*.yaml\`, and \`policies/regimes/*.yaml\`. \`domicile check\` lists every
problem with file, line, key and fix; a key that is not below is an error. Editors that know the YAML language server
check while you type: the first line of each sample names its schema in \`config/schema/\`.

- **Paths** in \`domicile.yaml\` are relative to that file. In a folder of policies the files \`*.yaml\`, \`*.yml\`, \`*.json\`
  are read, and those of its folder \`grants\`; \`regimes\`, \`tests\` and \`examples\` beside them are not policies.
- **References**: in every string of \`domicile.yaml\`, \`\${env:NAME}\` stands for an environment variable and
  \`\${file:PATH}\` for the content of a file without its last line end. One that is missing or empty is an error. Secrets
  are accepted in no other way.
- **Environment variables** override \`domicile.yaml\`: \`DOMICILE_\`, then the key in capitals with two underscores between
  its parts, as in \`DOMICILE_LISTENERS__STORAGE__LISTEN\`; one underscore will do where it names one key only, as in
  \`DOMICILE_SELF_REGION\`. Lists are separated by commas. An empty variable is as none; an unknown one is warned about.
- **Regions** are named by id or by cloud region name everywhere.
- **Moments** are written as \`2026-11-01T00:00:00Z\` or, for midnight UTC, \`2026-11-01\`.
- **Reload**: SIGHUP loads everything anew, and so does a change of one of these files; a file with an error changes
  nothing. So it is with the data listeners’ certificates and \`identity.jwt.jwks_file\`; files that \`\${file:PATH}\` names
  are not watched: send SIGHUP.
- **Workers**: \`serve\` and \`proxy\` serve from one process for each core that they may use (\`--workers N\`), and one more,
  the primary, reads the files, watches over the workers and has the ops port, and of \`serve\` the control plane. All
  workers have the same files in force. What bounds connections, requests in flight, upstream connections and the cache
  holds for each worker by itself. Keys that need a restart hold after one of the whole, not of a worker. With
  \`--workers 1\` there is one process.
`;

/** Path below the project, and what belongs there. */
function outputs(): readonly (readonly [path: string, text: string])[] {
  const schemas = SCHEMAS.map(([name, schema]): readonly [string, string] => [
    `config/schema/${name}.schema.json`,
    `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...schema }, null, 2)}\n`,
  ]);
  const sections = SCHEMAS.map(
    ([, schema]: readonly [string, SchemaNode]) =>
      `\n## ${schema.title ?? ''}\n\n${schema.description ?? ''}\n\n${keyTable(schema)}`,
  );
  return [...schemas, ['docs/configuration.md', INTRODUCTION + sections.join('')]];
}

function current(file: URL): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

const checking = process.argv.includes('--check');
for (const [path, text] of outputs()) {
  const file = new URL(path, ROOT);
  if (current(file) === text) continue;
  if (checking) {
    process.stderr.write(`${path} is not current. Fix: node src/app/config/generate.ts\n`);
    process.exitCode = 1;
  } else {
    mkdirSync(dirname(fileURLToPath(file)), { recursive: true });
    writeFileSync(file, text);
    process.stdout.write(`wrote ${path}\n`);
  }
}
