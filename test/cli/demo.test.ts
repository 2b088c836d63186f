import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, test, vi } from 'vitest';

vi.setConfig({ testTimeout: 60_000 }); // a process, nine stand-ins and seventeen scenes

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const FREE_PORTS = {
  DOMICILE_LISTENERS__STORAGE__LISTEN: '127.0.0.1:0',
  DOMICILE_LISTENERS__SEARCH__LISTEN: '127.0.0.1:0',
  DOMICILE_LISTENERS__INFERENCE__LISTEN: '127.0.0.1:0',
  DOMICILE_OPS__LISTEN: '127.0.0.1:0',
};

function demo(args: readonly string[], env: NodeJS.ProcessEnv): { child: ChildProcess; text: () => string } {
  const child = spawn(process.execPath, [MAIN, 'demo', ...args], { env: { ...process.env, ...FREE_PORTS, ...env } });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  return { child, text: () => text };
}

test('demo --once runs every command that it prints, and each ends as printed', async () => {
  const { child, text } = demo(['--once'], {});
  const [code] = (await once(child, 'close')) as [number];
  expect(text()).not.toContain('NOT AS PRINTED');
  expect(text()).toMatch(/\n(\d+) of \1 as printed\.\n$/);
  expect(code).toBe(0);
});

test('demo stays, tells each decision in a line, and Ctrl-C stops everything', async () => {
  const { child, text } = demo([], {});
  while (!text().includes('Decisions, as they are made')) await once(child.stdout!, 'data');
  const url = /Domicile +storage (\S+)/.exec(text())?.[1] as string;
  const response = await fetch(`${url}/invoices/1`, {
    headers: { 'x-tenant-id': 'nobody', 'x-data-classification': 'identity' },
  });
  expect(response.status).toBe(403);
  while (!text().includes('no_policy  ')) await once(child.stdout!, 'data');
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(0);
  await expect(fetch(url)).rejects.toThrow();
});

test('a port that is taken is one line with the fix', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const { child, text } = demo(['--once'], { DOMICILE_LISTENERS__SEARCH__LISTEN: `127.0.0.1:${port}` });
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(1);
  expect(text()).toBe(
    `listeners.search: 127.0.0.1:${port} is in use. Stop what listens there, or choose another address in the configuration.\n`,
  );
  taken.close();
});
