import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { selfSigned } from '../attack/certificate.ts';
import { startRig } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';

const folder = mkdtempSync(join(tmpdir(), 'domicile-ops-tls-'));
const cert = join(folder, 'cert.pem');
const key = join(folder, 'key.pem');
const { cert: certText, key: keyText } = selfSigned('127.0.0.1');
writeFileSync(cert, certText);
writeFileSync(key, keyText);

const start = (client_ca: string | null) =>
  startRig({
    regions: [regionAt('eu-west', {})],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', primary_region: 'eu-west' }],
    settings: { ops: { listen: '127.0.0.1:0', tls: { cert, key, client_ca } } },
  });

/** Resolves to the status; rejects when the connection is refused. */
async function status(url: string, client: { cert?: string; key?: string } = {}): Promise<number | undefined> {
  const request = get(url, { ca: certText, agent: false, ...client });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

afterAll(() => rmSync(folder, { recursive: true }));

test('with ops.tls the ops port speaks TLS and nothing else', async () => {
  const rig = await start(null);
  expect(rig.ops).toMatch(/^https:/);
  expect(await status(`${rig.ops}/livez`)).toBe(200);
  await expect(fetch(`${rig.ops.replace('https:', 'http:')}/livez`)).rejects.toThrow();
  await rig.stop();
});

test('with client_ca it answers only who shows a certificate of that authority', async () => {
  const rig = await start(cert);
  await expect(status(`${rig.ops}/livez`)).rejects.toThrow();
  const stranger = selfSigned('127.0.0.1');
  await expect(status(`${rig.ops}/livez`, stranger)).rejects.toThrow();
  expect(await status(`${rig.ops}/livez`, { cert: certText, key: keyText })).toBe(200);
  await rig.stop();
});
