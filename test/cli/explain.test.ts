import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

vi.setConfig({ testTimeout: 60_000 }); // each command is a process of its own
const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
let folder: string;
let config: string;

const region = (id: string, country: string, geography: string, more = {}) => ({
  id,
  name: id,
  cloud_region: `${id}-1`,
  country,
  geography,
  data_center: 'none',
  availability_zones: [],
  endpoints: {
    storage: { url: `https://s3.${id}.example` },
    search: { url: `https://search.${id}.example` },
    bedrock: { url: `https://b.${id}.example` },
  },
  ...more,
});

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'domicile-explain-'));
  mkdirSync(join(folder, 'policies', 'grants'), { recursive: true });
  mkdirSync(join(folder, 'regimes'));
  const write = (name: string, content: unknown) => writeFileSync(join(folder, name), JSON.stringify(content));
  config = join(folder, 'domicile.yaml');
  write('domicile.yaml', {
    self: { region: 'eu-west' },
    policies: ['policies'],
    regimes: 'regimes',
    identity: { sources: ['headers'] },
  });
  write('regions.yaml', {
    regions: [region('eu-west', 'IE', 'EU'), region('eu-central', 'DE', 'EU'), region('us-east', 'US', 'NA')],
  });
  write('policies/p.yaml', {
    policies: [
      {
        id: 'acme-eu',
        tenant_id: 'acme',
        mode: 'regional',
        primary_region: 'eu-west',
        prohibited_regions: ['us-east'],
        resources: { search: ['acme-*'] },
      },
      {
        id: 'acme-content',
        tenant_id: 'acme',
        mode: 'client-owned',
        primary_region: 'eu-central',
        classifications: ['content'],
      },
      { id: 'beta-eu', tenant_id: 'beta', mode: 'client-owned', primary_region: 'eu-west' },
    ],
  });
  write('policies/grants/g.yaml', {
    grants: [
      {
        id: 'g1',
        tenant_id: 'beta',
        user_id: 'support',
        from_region: 'eu-west',
        to_region: 'us-east-1',
        resource: 'invoices/*',
        not_before: '2026-11-01T00:00:00Z',
        not_after: '2026-11-08T00:00:00Z',
        reason: 'case',
        approved_by: ['dpo'],
      },
    ],
  });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function domicile(args: readonly string[], input = ''): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'pipe' });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

async function batch(lines: readonly unknown[]): Promise<Record<string, unknown>[]> {
  const input = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  const { code, out, err } = await domicile(['explain', '--config', config, '--batch', '-'], input);
  expect(err).toBe('');
  expect(code).toBe(0);
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const ACME = { tenant: 'acme', classification: 'identity', verb: 'access', service: 'storage', resource: 'b/k' };
const BETA = { ...ACME, tenant: 'beta', resource: 'invoices/1', region: 'us-east', user: 'support' };

test('one answer a line, in order, denials included', async () => {
  const cases: [unknown, Record<string, unknown>][] = [
    [
      ACME,
      {
        allowed: true,
        effect: 'allow',
        reason: 'in_residency',
        target_region: 'eu-west',
        policy: 'acme-eu',
        grant: null,
        override: null,
      },
    ],
    [
      { ...ACME, classification: 'content' },
      { reason: 'cross_border_class', target_region: 'eu-central', policy: 'acme-content' },
    ],
    [
      { ...ACME, classification: 'educational' },
      { reason: 'in_residency', policy: 'acme-eu' },
    ],
    [
      { ...ACME, tenant: 'nobody' },
      { allowed: false, effect: 'deny', reason: 'no_policy', target_region: null, policy: null },
    ],
    [
      { ...ACME, region: 'us-east-1' },
      { reason: 'region_prohibited', policy: 'acme-eu' },
    ],
    [{ ...ACME, caller_region: 'us-east' }, { reason: 'region_prohibited' }],
    [{ ...ACME, region: 'mars' }, { reason: 'region_unknown' }],
    [{ ...ACME, tenant: '' }, { reason: 'tenant_missing' }],
    [{ ...ACME, tenant: '-x' }, { reason: 'tenant_invalid' }],
    [{ ...ACME, classification: null }, { reason: 'classification_missing' }],
    [{ ...ACME, classification: 'secret' }, { reason: 'classification_invalid' }],
    [{ ...ACME, user: 'a b' }, { reason: 'request_malformed' }],
    [{ ...ACME, verb: 'peek' }, { reason: 'request_malformed' }],
    [{ ...ACME, service: 'queue', tenant: '' }, { reason: 'request_malformed' }],
    [{ ...ACME, service: 'inference' }, { reason: 'request_malformed' }],
    [{ ...ACME, service: 'inference', dialect: 'bedrock', verb: 'process', resource: 'm' }, { reason: 'in_residency' }],
    [
      { ...ACME, service: 'inference', dialect: 'openai', verb: 'process', resource: 'm' },
      { reason: 'no_compliant_region' },
    ],
    [{ ...ACME, service: 'search', resource: 'acme-1,acme-2*,-acme-3' }, { reason: 'in_residency' }],
    [{ ...ACME, service: 'search', resource: 'acme-1,other' }, { reason: 'resource_not_permitted' }],
    [{ ...ACME, service: 'search', resource: '*' }, { reason: 'resource_not_permitted' }],
    [{ ...ACME, service: 'search', resource: '_all' }, { reason: 'resource_not_permitted' }],
    [{ ...ACME, service: 'search', resource: undefined }, { reason: 'resource_not_permitted' }],
    [
      { ...BETA, at: '2026-11-02T00:00:00Z' },
      { reason: 'grant', grant: 'g1', target_region: 'us-east' },
    ],
    [
      { ...BETA, at: '2026-11-08T00:00:00Z' },
      { reason: 'region_not_allowed', grant: null },
    ],
    [{ ...BETA, at: '2026-11-02T00:00:00Z', user: undefined }, { reason: 'region_not_allowed' }],
    [{ ...BETA, at: '2026-11-02T00:00:00Z', resource: 'other/1' }, { reason: 'region_not_allowed' }],
    [{ ...BETA, at: 'yesterday' }, { reason: 'request_malformed' }],
    [{ ...BETA, at: '2026-02-30T00:00:00Z' }, { reason: 'request_malformed' }],
    ['no json', { reason: 'request_malformed' }],
    ['[1]', { reason: 'request_malformed' }],
    [
      '{"tenant":"beta","tenant":"acme","classification":"identity","verb":"access","service":"storage"}',
      { reason: 'request_malformed' },
    ],
    [{ ...ACME, tenant: 5 }, { reason: 'request_malformed' }],
    [{ ...ACME, verb: 'process' }, { reason: 'in_residency' }],
    ['', { reason: 'request_malformed' }],
    [ACME, { reason: 'in_residency' }],
  ];
  const answers = await batch(cases.map(([line]) => line));
  expect(answers).toHaveLength(cases.length);
  cases.forEach(([line, expected], i) => expect(answers[i], JSON.stringify(line)).toMatchObject(expected));
});

test('a key that is no fact is named once, and changes nothing', async () => {
  const { out, err, code } = await domicile(
    ['explain', '--config', config, '--batch', '-'],
    `${JSON.stringify({ ...ACME, tennant: 'x' })}\n`.repeat(3),
  );
  expect(code).toBe(0);
  expect(err.match(/tennant/g)).toHaveLength(1);
  expect(out.trimEnd().split('\n')).toHaveLength(3);
});

test('one decision is told step by step, as text and as JSON', async () => {
  const args = [
    'explain',
    '--config',
    config,
    '--tenant',
    'acme',
    '--classification',
    'identity',
    '--verb',
    'access',
    '--service',
    'storage',
    '--resource',
    'b/k',
    '--caller-region',
    'us-east',
  ];
  const text = await domicile(args);
  expect(text.code).toBe(0);
  for (const step of ['facts', 'bundle', 'policy', 'placement', 'target', 'border', 'outcome'])
    expect(text.out).toContain(step);
  expect(text.out).toContain('DENY  region_prohibited');
  const json = JSON.parse((await domicile([...args, '--json'])).out) as {
    reason: string;
    steps: { step: string; rule: string }[];
  };
  expect(json.reason).toBe('region_prohibited');
  expect(json.steps.every(({ rule }) => rule.length > 0)).toBe(true);
});

test('misuse is one line and exit 2', async () => {
  for (const args of [
    ['explain', '--config', config, '--tenant', 'acme'],
    ['explain', '--config', config, '--verb', 'peek', '--service', 'storage'],
    ['explain', '--nonsense'],
    ['explain', '--config', config, '--batch', '-', '--tenant', 'acme'],
    ['nonsense'],
  ]) {
    const { code, err, out } = await domicile(args);
    expect(code, args.join(' ')).toBe(2);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(out).toBe('');
  }
});

test('a configuration that does not hold together is told by file and line, exit 1', async () => {
  const { code, err } = await domicile(['explain', '--config', join(folder, 'regions.yaml'), '--batch', '-']);
  expect(code).toBe(1);
  expect(err).toMatch(/regions\.yaml:\d+: /);
});

test('every command has help, and so has domicile itself', async () => {
  for (const args of [
    ['--help'],
    ['explain', '--help'],
    ['serve', '--help'],
    ['check', '--help'],
    ['demo', '--help'],
  ]) {
    const { code, out } = await domicile(args);
    expect(code).toBe(0);
    expect(out).toContain('domicile');
  }
});

test('a decision is explained where the secrets of the configuration are not at hand', async () => {
  const { code, out, err } = await domicile([
    'explain',
    '--config',
    new URL('../../config/domicile.yaml', import.meta.url).pathname,
    '--tenant',
    'acme',
    '--classification',
    'identity',
    '--verb',
    'store',
    '--service',
    'storage',
    '--resource',
    'invoices/1',
  ]);
  expect(err).toBe('');
  expect(code).toBe(0);
  expect(out).toContain('ALLOW  in_residency  -> eu-west  (policy acme-eu)');
});
