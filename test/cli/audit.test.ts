import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { pseudonym } from '../../src/audit/pseudonym.ts';
import { decision, openLog, type TestLog } from '../audit/make-log.ts';

vi.setConfig({ testTimeout: 120_000 }); // each command is a process of its own
const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const SECRET = 'a key of pseudonyms of 32 characters';

let root: string;
let config: string;
let state: string;
let log: TestLog;
let control: TestLog;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'domicile-audit-cli-'));
  state = join(root, 'state');
  mkdirSync(state);
  config = join(root, 'domicile.yaml');
  writeFileSync(config, JSON.stringify({ self: { name: 'edge', region: 'eu-west' }, state: 'state' }));
  writeFileSync(
    join(root, 'pseudonyms.yaml'),
    JSON.stringify({
      self: { name: 'edge', region: 'eu-west' },
      state: 'state',
      audit: { pseudonyms: { key: '${env:PSEUDONYMS}' } },
    }),
  );
  log = openLog(state);
  log.add(
    decision({ request_id: 'first', subject: 'learner-1', user: 'ann', open: true }),
    {
      kind: 'outcome',
      request_id: 'first',
      tenant: 'acme',
      of: 1,
      reason: 'in_residency',
      effect: 'allow',
      status: 200,
    },
    decision({ request_id: 'second', tenant: 'beta', effect: 'deny', reason: 'region_prohibited', user: '=1+1' }),
    decision({ request_id: 'third', resource: 'b/\u001b[31m,\u202ered"\r\n', user: '@sum' }),
    decision({ request_id: 'fourth', subject: pseudonym(SECRET, 'subject', 'acme', 'learner-9') }),
  );
  log.addDecisions(300);
  control = openLog(state, 'edge', 'control');
  const facts = { actor: 'eve', action: 'policy.created', object: 'policy', object_id: 'p1', outcome: 'done' };
  control.add(
    { kind: 'control', request_id: 'api-1', ...facts },
    { kind: 'gap', cause: 'unclean_stop', lost: 0, refused: 2, from: null, to: null, detail: 'killed' },
  );
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

async function audit(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { ...process.env, PSEUDONYMS: SECRET };
  const child = spawn(process.execPath, [MAIN, 'audit', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
    cwd: root,
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

test('verify prints a line for each log, and what a reader should know', async () => {
  const { code, out, err } = await audit('verify', '--config', config);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const id = (of: TestLog) => of.writer.verifier.split('+')[1]!;
  expect(out).toBe(
    `ok  domicile/edge/1  306 entries  ${id(log)}  pruned 0  gaps 0\n` +
      `ok  domicile/edge/control  3 entries  ${id(control)}  pruned 0  gaps 1\n` +
      '    gap: entry 2, unclean_stop: 0 entries lost, 2 refused: killed\n',
  );
});

test('verify of an altered log exits 1, and names the file and the byte', async () => {
  const copy = join(root, 'copy/edge.1');
  cpSync(log.folder, copy, { recursive: true });
  const tile = join(copy, 'tile/0/000');
  const bytes = readFileSync(tile);
  bytes[100]! ^= 1;
  writeFileSync(tile, bytes);
  const { code, out } = await audit('verify', join(root, 'copy'), '--key', log.writer.verifier);
  expect({ code, out }).toEqual({
    code: 1,
    out: `BAD domicile/edge/1  ${tile}, byte 100: is not the hash of its entry\n`,
  });
  const asJson = await audit('verify', copy, '--json');
  expect(asJson.code).toBe(1);
  expect(JSON.parse(asJson.out)).toMatchObject({
    ok: false,
    logs: [{ ok: false, origin: 'domicile/edge/1', size: 306, fault: { file: 'tile/0/000', offset: 100 } }],
  });
});

test('keys that were printed verify, one by one or as a file; a checkpoint of another log is told', async () => {
  const printed = await audit('key', '--config', config);
  expect(printed).toEqual({ code: 0, out: `${log.writer.verifier}\n${control.writer.verifier}\n`, err: '' });
  const keys = join(root, 'keys');
  writeFileSync(keys, printed.out);
  const since = join(root, 'kept');
  cpSync(join(log.folder, 'checkpoint'), since);
  expect((await audit('verify', join(state, 'evidence'), '--key', keys, '--since', since)).code).toBe(0);
  const one = await audit('verify', log.folder, '--key', control.writer.verifier);
  expect(one).toMatchObject({ code: 1, out: expect.stringContaining('no key of domicile/edge/1 was given') });
  const other = await audit('verify', control.folder, '--since', since);
  expect(other).toMatchObject({ code: 1, err: `--since ${since}: its log, domicile/edge/1, is not among these\n` });
});

test('query prints a table, the entries as they are, or CSV that is safe to open', async () => {
  const json = await audit('query', '--config', config, '--tenant', 'beta', '--format', 'json');
  expect(json).toMatchObject({ code: 0, err: '' });
  expect(JSON.parse(json.out)).toMatchObject({ seq: 3, tenant: 'beta', request_id: 'second' });

  const table = await audit('query', log.folder, '--request-id', 'third');
  const [head, row, ...rest] = table.out.split('\n');
  expect(head).toMatch(/^TIME +KIND +TENANT +EFFECT +REASON +CLASS +WHO +REGION +WHAT$/);
  expect(row).toContain('access storage GetObject b/\\u001b[31m,\\u202ered"\\u000d\\u000a  domicile/edge/1#4');
  expect(rest).toEqual(['']);

  const csv = await audit('query', log.folder, '--format', 'csv', '--reason', 'region_prohibited');
  expect(csv.out).toMatch(/^log,seq,time,kind,[a-z_0-9,]+,data\r\ndomicile\/edge\/1,3,[^\r\n]+\r\n$/);
  expect(csv.out).toContain(",'=1+1,");
  const quoted = await audit('query', log.folder, '--format', 'csv', '--request-id', 'third');
  expect(quoted.out).toContain(`,"b/\u001b[31m,\u202ered""\r\n",`);
  expect(quoted.out).toContain(",'@sum,");
});

test('query merges logs, limits to the newest, and goes backwards', async () => {
  const seqs = async (...args: readonly string[]) => {
    const { out } = await audit('query', join(state, 'evidence'), '--format', 'json', ...args);
    const lines = out.trimEnd().split('\n').filter(Boolean);
    return lines.map((line) => (JSON.parse(line) as { seq: number }).seq);
  };
  expect(await seqs('--kind', 'decision', '--limit', '2')).toEqual([304, 305]);
  expect(await seqs('--kind', 'decision', '--limit', '2', '--reverse')).toEqual([305, 304]);
  expect(await seqs('--user', 'eve')).toEqual([1]);
  expect(await seqs('--from', '2100-01-01')).toEqual([]);
  expect((await seqs('--to', '2100-01-01T00:00:00Z')).length).toBe(309);
});

test('query looks for people by their pseudonyms, which are those of a tenant', async () => {
  const own = ['--config', join(root, 'pseudonyms.yaml'), '--subject', 'learner-9'];
  const { out } = await audit('query', ...own, '--tenant', 'acme', '--format', 'json');
  expect(JSON.parse(out)).toMatchObject({ request_id: 'fourth' });
  const { code, err } = await audit('query', ...own);
  expect(code).toBe(2);
  expect(err).toContain('--subject needs --tenant: the log has pseudonyms');
});

test('a proof that was written is checked without the log; an altered one is not believed', async () => {
  const file = join(root, 'first.proof');
  const proved = await audit('prove', 'first', '--config', config, '--out', file);
  expect(proved).toEqual({ code: 0, out: '', err: `${file}: 2 proofs\n` });
  const { code, out } = await audit('check-proof', file, '--key', log.writer.verifier);
  expect(code).toBe(0);
  expect(out).toMatch(/^ok {2}domicile\/edge\/1 {2}entry 1 of 306 {2}[0-9a-f]{8}\n {4}v +1\n {4}kind +decision\n/);
  expect(out).toMatch(/\nok {2}domicile\/edge\/1 {2}entry 2 of 306 {2}[0-9a-f]{8}\n/);
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll('\\"effect\\":\\"allow\\"', '\\"effect\\":\\"audit\\"'));
  const altered = await audit('check-proof', file, '--key', log.writer.verifier);
  expect(altered.code).toBe(1);
  expect(altered.out).toContain(`BAD ${file}, proof 1: the entry is not the one at 1 of the log that was signed\n`);
  const bySeq = await audit('prove', '5', join(state, 'evidence'), '--log', 'domicile/edge/1');
  expect(JSON.parse(bySeq.out)).toMatchObject({
    log: 'domicile/edge/1',
    proof: expect.stringContaining('\nindex 5\n'),
  });
});

test.for<[readonly string[], number, string]>([
  [[], 2, 'say what to do: verify, query, report, prove, check-proof, key'],
  [['verfy'], 2, 'no action "verfy" (did you mean verify?)'],
  [['verify', 'a', 'b'], 2, '"b" is one argument too many'],
  [['verify', '--keys', 'x'], 2, "Unknown option '--keys'"],
  [
    ['verify', 'nowhere'],
    1,
    'nowhere: cannot be read (ENOENT). Name the folder of a log, or a folder that holds some.',
  ],
  [['verify', '.', '--key', 'x'], 1, '--key x: a verifier key is NAME+8 hex digits+base64'],
  [['verify', '.', '--since', 'none'], 1, 'cannot be read (ENOENT). Name a checkpoint that was kept.'],
  [['query', '.', '--effect', 'denied'], 2, '--effect denied: is none'],
  [['query', '.', '--from', 'today'], 2, '--from today: not a time'],
  [['query', '.', '--limit', '0'], 2, '--limit 0: give a whole number from 1 on'],
  [['query', '.', '--format', 'xml'], 2, '--format xml: is none'],
  [['prove'], 2, 'say which entry: its SEQ, or a REQUEST_ID'],
  [['prove', '7', 'state'], 2, 'say which by --log: domicile/edge/1, domicile/edge/control'],
  [['prove', '7', 'state', '--log', 'domicile/edge/2'], 1, '--log domicile/edge/2: is not among these'],
  [['prove', '999', 'state', '--log', 'domicile/edge/1'], 1, 'domicile/edge/1 has 306 entries, and none at 999'],
  [['prove', 'nobody', 'state'], 1, 'nobody: no entry has that request id'],
  [['check-proof', 'none'], 2, '--key is missing'],
  [['check-proof', 'domicile.yaml', '--key', 'x'], 1, '--key x: a verifier key is'],
  [['key', 'turn'], 2, 'no action "turn": use rotate'],
  [['key', '--config', 'none.yaml'], 1, 'none.yaml'],
])('audit %s exits %d and says, in one line: %s', async ([args, code, message]) => {
  const result = await audit(...args);
  expect(result).toMatchObject({ code, out: '' });
  expect(result.err).toContain(message);
  expect(result.err.trimEnd()).not.toContain('\n');
});

test('each action has help of its own', async () => {
  for (const action of ['verify', 'query', 'prove', 'check-proof', 'key'])
    expect(await audit(action, '--help')).toMatchObject({
      code: 0,
      out: expect.stringMatching(`^domicile audit ${action}: `),
    });
  expect((await audit('--help')).out).toMatch(/^domicile audit: /);
});

test('a key that was rotated signs from the next start on, and what was kept verifies it still', async () => {
  const own = join(root, 'rotated');
  mkdirSync(own);
  const file = join(own, 'domicile.yaml');
  writeFileSync(file, JSON.stringify({ self: { name: 'edge', region: 'eu-west' }, state: 'state' }));
  const before = openLog(join(own, 'state'));
  before.addDecisions(3);
  const rotated = await audit('key', 'rotate', '--config', file);
  expect(rotated).toMatchObject({ code: 0, out: expect.stringContaining('Restart the processes that use it') });
  const after = openLog(join(own, 'state'));
  after.addDecisions(3);
  expect((await audit('key', '--config', file)).out).toBe(`${after.writer.verifier}\n`);
  expect(after.writer.verifier).not.toBe(before.writer.verifier);
  expect((await audit('verify', '--config', file, '--key', before.writer.verifier)).code).toBe(0);
});
