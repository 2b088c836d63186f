import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ControlOnly } from '../../src/app/control-only.ts';
import { Domicile } from '../../src/app/domicile.ts';
import { selfSigned } from '../attack/certificate.ts';
import { writeFiles } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';

/** Files whose ops port has a certificate and another's key, which is found out last of all. */
function files() {
  const folder = writeFiles({ regions: [regionAt('eu-west', {})], policies: [] });
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  writeFileSync(tls.cert, selfSigned('127.0.0.1').cert);
  writeFileSync(tls.key, selfSigned('127.0.0.1').key);
  return {
    folder,
    options: {
      config: join(folder, 'domicile.yaml'),
      version: '0.0.0-test',
      env: { DOMICILE_OPS__TLS__CERT: tls.cert, DOMICILE_OPS__TLS__KEY: tls.key },
      log: { write: () => undefined },
    },
  };
}

test('a proxy that cannot start leaves no connection to its control plane behind, and tries none again', async () => {
  const { folder, options } = files();
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.resume().on('error', () => undefined)));
  const path = join(folder, 'feed.sock');
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  await expect(Domicile.start({ ...options, origin: { kind: 'remote', url: `unix:${path}` } })).rejects.toThrow(
    /^ops\.tls: /,
  );
  await expect.poll(() => sockets.every((socket) => socket.readableEnded || socket.destroyed)).toBe(true);
  const tried = sockets.length;
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(sockets).toHaveLength(tried);
});

test('a control plane that cannot start leaves no feed behind: the command would never end', async () => {
  const { folder, options } = files();
  await expect(ControlOnly.start(options)).rejects.toThrow(/^ops\.tls: /);
  expect(existsSync(join(folder, 'state', 'domicile.db'))).toBe(true);
  expect(existsSync(join(folder, 'state', 'feed.sock'))).toBe(false);
});
