import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Domicile } from '../../src/app/domicile.ts';
import { buildWorld, type DemoWorld } from '../../src/cli/demo/world.ts';
import { RULES } from '../../src/control/auth/authorize.ts';
import { ROLES } from '../../src/control/principal.ts';
import { EVENT_KINDS } from '../../src/control/events.ts';
import { quoted, read, ROOT, snippets, table } from './markdown.ts';

const PAGE = read('docs/control-plane.md');
const execute = promisify(execFile);

const SECRET = 'the-secret-of-a-receiver';

describe('the walk through the control plane, in the very world of the demo', () => {
  const folder = mkdtempSync(join(tmpdir(), 'domicile-walk-'));
  const all = snippets(PAGE);
  const walk = all.filter(({ language }) => language === 'sh');
  const told: string[] = [];
  let world: DemoWorld;
  let domicile: Domicile;
  let receiver: ChildProcess;

  beforeAll(async () => {
    world = await buildWorld(Date.now());
    const port = await freePort();
    receiver = receive(port, told);
    const settings = JSON.parse(readFileSync(world.config, 'utf8')) as object;
    const webhooks = [{ url: `http://127.0.0.1:${port}/`, secret: '${env:WEBHOOK_SECRET}' }];
    writeFileSync(world.config, JSON.stringify({ ...settings, webhooks }));
    const free = '127.0.0.1:0';
    domicile = await Domicile.start({
      config: world.config,
      version: '0.0.0-test',
      env: {
        ...world.env,
        WEBHOOK_SECRET: SECRET,
        DOMICILE_LISTENERS__STORAGE__LISTEN: free,
        DOMICILE_LISTENERS__SEARCH__LISTEN: free,
        DOMICILE_LISTENERS__INFERENCE__LISTEN: free,
        DOMICILE_CONTROL__LISTEN: free,
        DOMICILE_OPS__LISTEN: free,
      },
      log: { write: () => {} },
      origin: { kind: 'own' },
    });
  });

  afterAll(async () => {
    await domicile.drain(1000);
    await world.close();
    receiver.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The receiver of the page, on a port of this run; what it prints is told. */
  function receive(port: number, into: string[]): ChildProcess {
    const file = join(folder, 'receiver.mjs');
    const { code } = all.find(({ id }) => id === 'receiver')!;
    writeFileSync(file, code.replace('8080', String(port)));
    const child = spawn(process.execPath, [file], {
      env: { WEBHOOK_SECRET: SECRET },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => into.push(...text.trim().split('\n')));
    return child;
  }

  it('prints what it says, from the policy to the review', async () => {
    const storage = domicile.listeners.find(({ name }) => name === 'listeners.storage')!.port;
    const script = walk
      .map(({ code }) => code)
      .join('\n')
      .replace('/tmp/domicile-demo-XXXXXX/domicile.yaml', world.config)
      .replaceAll('http://127.0.0.1:8000', domicile.controlUrl!)
      .replaceAll('127.0.0.1:9100', `127.0.0.1:${storage}`);
    const env = { ...process.env, WEBHOOK_SECRET: SECRET };
    const { stdout } = await execute('sh', ['-c', script], { cwd: ROOT, env, timeout: 120_000 });
    expect(stdout.trim()).toBe(
      walk
        .map(({ prints }) => prints)
        .filter((prints) => prints !== '')
        .join('\n'),
    );
  }, 120_000);

  it('tells the receiver of all of it, signed so that the receiver believes it', async () => {
    const expected = [
      'access.requested',
      'access.approved',
      'grant.revoked',
      'override.requested',
      'override.approved',
      'override.activated',
      'override.revoked',
    ];
    await vi.waitFor(() => expect(told).toEqual(expect.arrayContaining(expected)), { timeout: 20_000, interval: 100 });
  }, 30_000);
});

describe('the tables of the page', () => {
  it('every role is told, in order', () => {
    expect(table(PAGE, 'role', '## First start, tokens').map(([role]) => quoted(role!)[0])).toEqual(ROLES);
  });

  it('only approvers approve and review, not even the administrator', () => {
    const approving = (['access.approve', 'overrides.approve', 'overrides.review'] as const).map(
      (action): readonly string[] => RULES[action].roles,
    );
    expect(approving).toEqual([['approver'], ['approver'], ['approver']]);
  });

  it('every event of webhooks is told', () => {
    const section = PAGE.slice(PAGE.indexOf('## Webhooks'), PAGE.indexOf('## The feed'));
    const names: string[] = [];
    for (const name of quoted(section.split('`events`')[0]!)) {
      if (name.startsWith('.')) names.push(names.at(-1)!.replace(/\..*/, name));
      else if (/^\w+\.\w+$/.test(name)) names.push(name);
    }
    expect(names.toSorted()).toEqual([...EVENT_KINDS].toSorted());
  });
});

/** A port of loopback that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
