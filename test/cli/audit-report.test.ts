import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { evidenceFolder } from '../../src/audit/names.ts';
import { WrittenLog } from '../audit/written-log.ts';

vi.setConfig({ testTimeout: 120_000 }); // each command is a process of its own
const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

let root: string;
let state: string;
let logs: string;
let worker: WrittenLog;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'domicile-report-'));
  state = join(root, 'state');
  mkdirSync(state);
  logs = evidenceFolder(state);
  writeFileSync(
    join(root, 'domicile.yaml'),
    JSON.stringify({ self: { name: 's1', region: 'eu-west' }, state: 'state' }),
  );
  worker = new WrittenLog(state);
  const stayed = {
    service: 'storage',
    verb: 'access',
    effect: 'allow',
    reason: 'in_residency',
    status: 200,
    bytes_out: 10,
  };
  for (let i = 0; i < 300; i++) worker.add({ ...stayed, tenant: i % 3 === 0 ? 'other' : 'acme' });
  worker.add({
    ...stayed,
    reason: 'grant',
    grant: 'g1',
    target_region: 'eu-west',
    caller_region: 'us-east',
    user: 'ann',
  });
  worker.commit();
  const control = new WrittenLog(state, { name: 'control' });
  const data = {
    request_id: 'q1',
    approved_by: ['dpo', 'cto'],
    legal_basis: 'SCC',
    from_region: 'eu-west',
    to_region: 'us-east',
  };
  const facts = { kind: 'control', time: '2026-09-01T00:00:00.000Z', outcome: 'done' };
  control.add({ ...facts, actor: 'dpo', action: 'grant.granted', object: 'grant', object_id: 'g1', data });
  control.commit();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function report(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [MAIN, 'audit', 'report', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: root,
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

const PERIOD = ['--from', '2026-11-01', '--to', '2026-12-01'];

test('a report is made from logs that verified first', async () => {
  const { code, out, err } = await report(
    '--config',
    'domicile.yaml',
    '--tenant',
    'acme',
    ...PERIOD,
    '--format',
    'json',
  );
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const made = JSON.parse(out);
  expect(made).toMatchObject({ tenant: 'acme', from: '2026-11-01T00:00:00.000Z', to: '2026-12-01T00:00:00.000Z' });
  expect(made.summary).toMatchObject({ requests: 201, allowed: 201, refused: 0, crossings: 1 });
  expect(made.crossings).toMatchObject([
    { user: 'ann', approved_by: ['dpo', 'cto'], legal_basis: ['SCC'], log: 'domicile/s1/1', seq: 301 },
  ]);
  expect(made.coverage.verified).toBe(true);
  expect(made.coverage.logs).toMatchObject([
    {
      origin: 'domicile/s1/1',
      size: 302,
      verified: true,
      problem: null,
      key_ids: [expect.stringMatching(/^[0-9a-f]{8}$/)],
    },
    { origin: 'domicile/s1/control', size: 2, verified: true },
  ]);
  expect(made.findings).toEqual([]);
});

test('it is Markdown on standard output, or a page in a file', async () => {
  const markdown = await report(logs, '--tenant', 'acme', ...PERIOD);
  expect(markdown.out).toMatch(/^# Data residency report: acme\n/);
  expect(markdown.out).toContain('2 logs, every log verified');
  const out = join(root, 'report.html');
  expect(await report(logs, '--tenant', 'acme', ...PERIOD, '--format', 'html', '--out', out)).toEqual({
    code: 0,
    out: '',
    err: '',
  });
  expect(readFileSync(out, 'utf8')).toMatch(/^<!doctype html>[^]*<td>dpo, cto<\/td>[^]*<\/html>\n$/);
});

test('a log that was altered is reported in it, and by the exit code', async () => {
  const copy = join(root, 'altered');
  cpSync(worker.folder, join(copy, 's1.1'), { recursive: true });
  const bundle = join(copy, 's1.1', 'tile', 'entries', '000');
  writeFileSync(bundle, readFileSync(bundle, 'latin1').replace('in_residency', 'in_residencY'), 'latin1');
  const { code, out, err } = await report(copy, '--tenant', 'acme', ...PERIOD, '--format', 'json');
  expect(code).toBe(1);
  expect(err).toMatch(/^domicile\/s1\/1: tile\/.*byte \d+: /);
  const made = JSON.parse(out);
  expect(made.coverage.verified).toBe(false);
  expect(made.findings[0]).toMatchObject({ severity: 'high', code: 'evidence_broken' });
  const unverified = await report(copy, '--tenant', 'acme', ...PERIOD, '--format', 'json', '--no-verify');
  expect(unverified.code).toBe(0);
  expect(JSON.parse(unverified.out).coverage.verified).toBeNull();
});

test('a log and its copy are counted once, and the longer is read', async () => {
  const place = join(root, 'copies');
  cpSync(worker.folder, join(place, 'one', 's1.1'), { recursive: true });
  cpSync(worker.folder, join(place, 'two', 's1.1'), { recursive: true });
  const { out } = await report(place, '--tenant', 'acme', ...PERIOD, '--format', 'json');
  expect(JSON.parse(out).summary.requests).toBe(201);
});

test('a key that did not sign is no proof', async () => {
  const other = new WrittenLog(join(root, 'other'), { sidecar: 's1' });
  const key = join(other.folder, 'key.pub');
  const { code, out } = await report(worker.folder, '--tenant', 'acme', ...PERIOD, '--format', 'json', '--key', key);
  expect(code).toBe(1);
  expect(JSON.parse(out).findings[0].text).toMatch(/the key that was given did not sign it/);
});

test.each([
  [[], /--tenant is missing/],
  [['--tenant', 'a', '--format', 'pdf'], /--format pdf: is none: use one of markdown, html, json/],
  [['--tenant', 'a', '--from', '2026-02-30'], /--from 2026-02-30: not a time/],
  [['--tenant', 'a', '--from', '2026-03-02', '--to', '2026-03-01'], /--from must be before --to/],
  [['--tenant', 'a', '--colour'], /Unknown option '--colour'/],
])('misuse is one line and exit 2: %j', async (args, told) => {
  const { code, out, err } = await report(...args);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(told);
  expect(err.trim().split('\n')).toHaveLength(1);
});

test('what cannot be read or written is one line and exit 1', async () => {
  for (const args of [[join(root, 'nowhere')], [logs, '--out', join(root, 'no', 'such', 'folder')]]) {
    const { code, err } = await report(...args, '--tenant', 'acme');
    expect(code).toBe(1);
    expect(err.trim().split('\n')).toHaveLength(1);
  }
});

test('a longer copy of another history is not believed for its length', async () => {
  const place = join(root, 'forged');
  cpSync(worker.folder, join(place, 'real', 's1.1'), { recursive: true });
  const forged = new WrittenLog(join(place, 'forged'));
  for (let i = 0; i < 400; i++) forged.add({ tenant: 'acme', effect: 'allow', reason: 'in_residency' });
  forged.commit();
  const { code, out, err } = await report(place, '--tenant', 'acme', ...PERIOD, '--format', 'json');
  expect(code).toBe(1);
  expect(err).toContain('two histories were signed');
  const made = JSON.parse(out);
  expect(made.coverage.verified).toBe(false);
  expect(made.findings[0]).toMatchObject({ severity: 'high', code: 'evidence_broken' });
});
