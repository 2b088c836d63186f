import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Domicile } from '../../src/app/domicile.ts';
import { buildWorld, type DemoWorld } from '../../src/cli/demo/world.ts';
import { REASONS } from '../../src/core/reasons.ts';
import { IDENTITY_HEADERS } from '../../src/core/http.ts';
import { ROUTES } from '../../src/ops/routes.ts';
import { available, program } from '../servers/servers.ts';
import { quoted, read, ROOT, snippets, table, type Snippet } from './markdown.ts';

const README = read('README.md');
const execute = promisify(execFile);

/** What a snippet needs beyond npm. */
const NEEDS = new Map([
  ['boto3', 'boto3'],
  ['aws-cli', 'aws'],
] as const);

describe('every snippet of the README, in the very world of the demo', () => {
  let world: DemoWorld;
  let domicile: Domicile;
  let folder: string;
  const log: Record<string, unknown>[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'domicile-readme-'));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    world = await buildWorld(Date.now());
    const free = '127.0.0.1:0';
    domicile = await Domicile.start({
      config: world.config,
      version: '0.0.0-test',
      env: {
        ...world.env,
        DOMICILE_LISTENERS__STORAGE__LISTEN: free,
        DOMICILE_LISTENERS__SEARCH__LISTEN: free,
        DOMICILE_LISTENERS__INFERENCE__LISTEN: free,
        DOMICILE_OPS__LISTEN: free,
      },
      log: { write: (line) => log.push(JSON.parse(line) as Record<string, unknown>) },
    });
  });

  afterAll(async () => {
    await domicile.drain(1000);
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a snippet as its reader would, against the ports of this run; gives what it printed. */
  async function run({ id, language, code }: Snippet): Promise<string> {
    let text = code;
    for (const [name, port] of [
      ['storage', 9100],
      ['search', 9200],
      ['inference', 9300],
    ] as const) {
      const listener = domicile.plane.listeners.find((known) => known.name === `listeners.${name}`)!;
      text = text.replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${listener.port}`);
    }
    const file = join(folder, `${id}.${language === 'js' ? 'mjs' : language}`);
    writeFileSync(file, text);
    const needs = NEEDS.get(id as 'boto3' | 'aws-cli');
    const found = needs === undefined ? process.execPath : program(needs);
    const { stdout } = await execute(language === 'sh' ? 'sh' : found, [file], {
      cwd: folder,
      env: { HOME: folder, PATH: [dirname(found), dirname(process.execPath), process.env['PATH']].join(delimiter) },
      timeout: 60_000,
    });
    return stdout.replaceAll('\r', '').trim();
  }

  const all = snippets(README);

  it('there is one for each client', () => {
    expect(all.map(({ id }) => id)).toEqual([
      'curl',
      's3-js',
      'bedrock-js',
      'boto3',
      'aws-cli',
      'openai-js',
      'openai-env',
      'anthropic-js',
      'opensearch-js',
    ]);
  });

  for (const snippet of all) {
    const needs = NEEDS.get(snippet.id as 'boto3' | 'aws-cli');
    it.skipIf(needs !== undefined && available(needs) !== null)(
      `${snippet.id} prints what it says`,
      async () => {
        expect(snippet.prints).not.toBe('');
        const before = log.length;
        expect(await run(snippet)).toBe(snippet.prints);
        const decided = log.slice(before).filter(({ message }) => message === 'forwarded' || message === 'refused');
        expect(decided.length).toBeGreaterThan(0);
        for (const { tenant_id: tenant, region, reason } of decided) {
          expect(region, String(reason)).toBe(
            reason === 'region_not_allowed' ? null : tenant === 'acme' ? 'eu-west' : 'us-east',
          );
        }
      },
      60_000,
    );
  }

  it('and none of them sent a byte to the storage or search of another region', () => {
    for (const { id, storage, search } of world.regions.filter((region) => region.id !== 'eu-west'))
      expect([id, storage.bytes, search.bytes]).toEqual([id, 0, 0]);
  });
});

describe('the tables of the README', () => {
  it('every reason is told, in order, with its status', () => {
    const rows = table(README, 'reason').map(([reason, status]) => [quoted(reason!)[0], Number(status)]);
    const named = Object.fromEntries(rows);
    expect(named).toEqual(REASONS);
    expect(rows).toHaveLength(Object.keys(REASONS).length);
    for (const [reason, , meaning] of table(README, 'reason')) expect(meaning, reason).not.toBe('');
  });

  it('every refusal says what to do about it, unless this version does not give it', () => {
    for (const [reason, status, meaning, remedy] of table(README, 'reason'))
      if (status !== '200' && !meaning!.includes('not given in this version')) expect(remedy, reason).not.toBe('');
  });

  it('every identity header is told, and no other', () => {
    const told = table(README, 'header').flatMap(([header]) => quoted(header!).map((name) => name.toLowerCase()));
    expect(new Set(told)).toEqual(IDENTITY_HEADERS);
  });

  it('every command is told, as `domicile --help` tells it', async () => {
    const { stdout } = await execute(process.execPath, [join(ROOT, 'src/main.ts'), '--help']);
    const known = [...stdout.matchAll(/^ {2}(\w+) {2,}/gm)].map(([, name]) => name);
    expect(table(README, 'command').map(([command]) => quoted(command!)[0])).toEqual(known);
  });

  it('every path of the ops port is told', () => {
    const cell = table(README, 'port').find(([port]) => port === '8001')![1]!;
    const told = quoted(cell).map((path) => path.split('?')[0]);
    expect(new Set(['/', '/version', ...told])).toEqual(new Set(ROUTES.keys()));
  });

  it('the ports are the defaults', () => {
    const defaults = read('docs/configuration.md');
    for (const [port] of table(README, 'port')) expect(defaults).toContain(`"127.0.0.1:${port}"`);
  });
});

it('the two commands of the README are scripts of the package', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect(README).toContain('npm ci && npm run demo');
  expect(README).toContain('npm ci && npm test');
  expect(scripts).toMatchObject({ demo: 'node src/main.ts demo', test: 'vitest run' });
});
