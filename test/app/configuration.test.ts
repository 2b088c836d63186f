import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { Configuration } from '../../src/app/configuration.ts';
import { Domicile } from '../../src/app/domicile.ts';
import { selfSigned } from '../attack/certificate.ts';
import { TokenIssuer } from '../attack/issuer.ts';
import { regionAt } from '../rig/regions.ts';
import { writeFiles, type Written } from '../rig/domicile.ts';

const POLICY = { id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' };

let folder: string;
let domicile: Domicile | null = null;
const log: Record<string, unknown>[] = [];

afterEach(async () => {
  await domicile?.drain(1000);
  domicile = null;
  log.length = 0;
  rmSync(folder, { recursive: true });
});

/** Begins to start; its files are read before this returns. */
function begin(settings: Written = {}): Promise<Domicile> {
  folder = writeFiles({ regions: [regionAt('eu-west', {})], policies: [POLICY], settings });
  return Domicile.start({
    config: join(folder, 'domicile.yaml'),
    version: '0.0.0-test',
    env: {},
    log: { write: (line) => log.push(JSON.parse(line) as Record<string, unknown>) },
  });
}

const messages = (start: string) =>
  log.map(({ message }) => String(message)).filter((message) => message.startsWith(start));

function write(changes: Written): void {
  const file = join(folder, 'domicile.yaml');
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as Written), ...changes }));
}

interface Dump {
  readonly settings: {
    readonly listeners: { readonly search: { readonly address: { readonly port: number } } | null };
    readonly limits: { readonly connections: number };
  };
}
const dump = async () => (await (await fetch(`${domicile!.opsUrl}/config_dump`)).json()) as Dump;

test('a change of a file while Domicile starts is in force soon after', async () => {
  const starting = begin();
  writeFileSync(join(folder, 'policies', 'policies.yaml'), JSON.stringify({ policies: [] }));
  domicile = await starting;
  await vi.waitFor(() => expect(messages('reloaded')).toHaveLength(1), 10_000);
  expect(domicile.loaded.policySet.policies).toEqual([]);
});

test('a change that was told while nobody listened yet is told to who does, at once', async () => {
  folder = writeFiles({ regions: [regionAt('eu-west', {})], policies: [POLICY] });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const configuration = new Configuration({ config: join(folder, 'domicile.yaml'), env: {} });
  const told = vi.fn();
  try {
    write({});
    while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve));
    vi.runAllTimers();
    configuration.watch(told);
    expect(told).toHaveBeenCalledTimes(1);
  } finally {
    configuration.close();
    vi.useRealTimers();
  }
});

test('a file that refused a reload is watched: once it is put right, it is in force', async () => {
  domicile = await begin();
  mkdirSync(join(folder, 'elsewhere'));
  const other = join(folder, 'elsewhere', 'policies.yaml');
  writeFileSync(other, JSON.stringify({ policies: [{ ...POLICY, mode: 'regionall' }] }));
  write({ policies: ['elsewhere'] });
  await vi.waitFor(() => expect(messages('reload refused')).not.toEqual([]), 10_000);
  writeFileSync(other, JSON.stringify({ policies: [{ ...POLICY, id: 'acme-other' }] }));
  await vi.waitFor(() => expect(domicile!.loaded.policySet.policies[0]!.id).toBe('acme-other'), 10_000);
});

test('keys of the token issuer are watched: one that was taken out is believed no longer', async () => {
  const [old, next] = await Promise.all([TokenIssuer.make('ES256', 'old'), TokenIssuer.make('ES256', 'next')]);
  const { jwt, done } = old.settings();
  onTestFinished(done);
  domicile = await begin({ identity: { sources: ['jwt'], jwt } });
  expect(domicile.loaded.jwks).toEqual(old.jwks);
  writeFileSync(jwt['jwks_file'] as string, JSON.stringify(next.jwks));
  await vi.waitFor(() => expect(domicile!.loaded.jwks).toEqual(next.jwks), 10_000);
});

test('certificates are watched too', async () => {
  const own = mkdtempSync(join(tmpdir(), 'domicile-tls-'));
  onTestFinished(() => rmSync(own, { recursive: true }));
  const tls = { cert: join(own, 'cert.pem'), key: join(own, 'key.pem') };
  const renew = () => {
    const { cert, key } = selfSigned('127.0.0.1');
    writeFileSync(tls.cert, cert);
    writeFileSync(tls.key, key);
    return cert;
  };
  renew();
  domicile = await begin({ listeners: { search: { listen: '127.0.0.1:0', tls } } });
  const cert = renew();
  await vi.waitFor(() => expect(domicile!.loaded.tls.search!.cert).toBe(cert), 10_000);
});

test('what holds after a restart only is named at each reload until it is taken back, and is not shown as in force', async () => {
  domicile = await begin();
  const { port } = domicile.listeners.find(({ name }) => name === 'listeners.search')!;
  write({ limits: { connections: 7 }, listeners: { search: { listen: '127.0.0.1:1' } } });
  expect(await domicile.reload('test')).toBe(true);
  expect(await domicile.reload('test')).toBe(true);
  expect(messages('limits.connections has changed')).toHaveLength(2);
  expect(messages('listeners has changed')).toHaveLength(2);
  const { settings } = await dump();
  expect(settings.listeners.search?.address.port).toBe(port);
  expect(settings.limits.connections).not.toBe(7);
  log.length = 0;
  const any = { listen: '127.0.0.1:0' };
  write({ limits: {}, listeners: { storage: any, search: any, inference: any } });
  expect(await domicile.reload('test')).toBe(true);
  expect(messages('l')).toEqual([]);
});

test('a certificate and a key that are no pair end the start in one line that names listener and files', async () => {
  const own = mkdtempSync(join(tmpdir(), 'domicile-tls-'));
  const tls = { cert: join(own, 'cert.pem'), key: join(own, 'key.pem') };
  writeFileSync(tls.cert, selfSigned('127.0.0.1').cert);
  writeFileSync(tls.key, selfSigned('127.0.0.1').key);
  await expect(begin({ listeners: { search: { listen: '127.0.0.1:0', tls } } })).rejects.toThrow(
    /^listeners\.search\.tls: \S+cert\.pem, \S+key\.pem: [^\n]+\. Give PEM files: [^\n]+$/,
  );
  rmSync(own, { recursive: true });
});

test('a renewed certificate is shown from the next reload on, and one that is no pair refuses the reload', async () => {
  const own = mkdtempSync(join(tmpdir(), 'domicile-tls-'));
  const tls = { cert: join(own, 'cert.pem'), key: join(own, 'key.pem') };
  const renew = () => {
    const { cert, key } = selfSigned('127.0.0.1');
    writeFileSync(tls.cert, cert);
    writeFileSync(tls.key, key);
    return new X509Certificate(cert).fingerprint256;
  };
  const first = renew();
  domicile = await begin({ listeners: { search: { listen: '127.0.0.1:0', tls } } });
  const { port } = domicile.listeners.find(({ name }) => name === 'listeners.search')!;
  const shown = async () => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  expect(await shown()).toBe(first);
  const second = renew();
  expect(await domicile.reload('test')).toBe(true);
  expect(await shown()).toBe(second);
  writeFileSync(tls.key, selfSigned('127.0.0.1').key);
  expect(await domicile.reload('test')).toBe(false);
  expect(messages('reload refused')[0]).toContain('listeners.search.tls');
  expect(await shown()).toBe(second);
  rmSync(own, { recursive: true });
});
