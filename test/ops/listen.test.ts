import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isLoopback } from '../../src/core/loopback.ts';
import { OpsServer } from '../../src/ops/server.ts';
import { Redactor } from '../../src/telemetry/redact.ts';
import { State } from './state.ts';

function server(): OpsServer {
  const metrics = { contentType: 'text/plain', expose: () => Promise.resolve('') };
  return new OpsServer({ state: new State([]), metrics, redactor: new Redactor(), onError: () => {} });
}

describe('the address', () => {
  it('that is taken is one line that names it and the fix', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(server().listen({ host: '127.0.0.1', port })).rejects.toThrow(
      new Error(
        `ops: 127.0.0.1:${port} is in use. Stop what listens there, or choose another address in the configuration.`,
      ),
    );
    other.close();
  });

  it('that is none of this machine is said so', async () => {
    await expect(server().listen({ host: '192.0.2.1', port: 0 })).rejects.toThrow(
      'ops: 192.0.2.1:0 is not an address of this machine. Choose one that is.',
    );
  });

  it.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['localhost', true],
    ['10.0.0.1', false],
    ['0.0.0.0', false],
    ['::', false],
    ['::ffff:10.0.0.1', false],
    ['localhost.evil.example', false],
  ])('%s: loopback %s', (host, loopback) => {
    expect(isLoopback(host)).toBe(loopback);
  });
});

describe('a Unix socket', () => {
  let folder: string;
  let path: string;
  let onSocket: OpsServer;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'domicile-ops-'));
    path = join(folder, 'ops.sock');
    onSocket = server();
  });
  afterEach(async () => {
    await onSocket.close();
    rmSync(folder, { recursive: true });
  });

  async function post(): Promise<number> {
    const outgoing = request({ socketPath: path, method: 'POST', path: '/drain', agent: false });
    outgoing.end();
    const [response] = await once(outgoing, 'response');
    response.resume();
    return response.statusCode;
  }

  it('is served, changes included, and is gone after close', async () => {
    expect(await onSocket.listen({ path })).toBe(`unix:${path}`);
    expect(await post()).toBe(202);
    await onSocket.close();
    expect(existsSync(path)).toBe(false);
  });

  it('that a killed process left behind is taken over', async () => {
    const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script, path], { stdio: 'ignore' }), 'exit');
    expect(existsSync(path)).toBe(true);
    await onSocket.listen({ path });
    expect(await post()).toBe(202);
  });

  it('that is being served is in use, and is not taken away', async () => {
    const other = createServer((socket) => socket.on('error', () => {}).end('mine'));
    other.listen(path);
    await once(other, 'listening');
    await expect(onSocket.listen({ path })).rejects.toThrow(`ops: unix:${path} is in use`);
    expect(await text(connect(path))).toBe('mine');
    other.close();
  });

  it('is never made out of another file', async () => {
    writeFileSync(path, 'precious');
    await expect(onSocket.listen({ path })).rejects.toThrow(`ops: unix:${path} is in use`);
    expect(existsSync(path)).toBe(true);
  });
});
