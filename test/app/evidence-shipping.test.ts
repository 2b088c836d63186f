import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Checkpoints } from '../../src/app/evidence-checkpoints.ts';
import type { ShipTarget } from '../../src/app/config/audit-settings.ts';
import { LogLock } from '../../src/audit/lock.ts';
import { startS3StandIn, type S3StandIn } from '../../src/standin/s3.ts';
import { filesIn, scratch, WrittenLog } from '../audit/written-log.ts';
import { startRig, type Rig } from '../rig/domicile.ts';
import { ACCESS_KEY, ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { keptLog, ShippingRig } from './shipping-rig.ts';

const BUCKET: ShipTarget = {
  kind: 'bucket',
  bucket: 'evidence',
  prefix: 'logs/eu',
  tenant: 'operator',
  classification: 'operational',
  region: null,
  objectLock: null,
};

let eu: S3StandIn;
let us: S3StandIn;
let rig: Rig;

beforeAll(async () => {
  eu = await startS3StandIn({ region: 'eu-west', cloudRegion: 'eu-west-1', ...ACCESS_KEY });
  us = await startS3StandIn({ region: 'us-east', cloudRegion: 'us-east-1', ...ACCESS_KEY });
  rig = await startRig({
    regions: [regionAt('eu-west', { storage: eu.url }), regionAt('us-east', { storage: us.url })],
    policies: [
      {
        id: 'operator',
        tenant_id: 'operator',
        mode: 'client-owned',
        primary_region: 'eu-west',
        resources: { storage: ['evidence'] },
      },
      { id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' },
    ],
    settings: { credentials: SETTINGS_CREDENTIALS },
    env: ENV,
  });
});
afterAll(async () => {
  await rig.stop();
  await Promise.all([eu.close(), us.close()]);
});

/** Something that leaves a record. */
const ask = (headers: Record<string, string> = {}) =>
  fetch(`${rig.storage}/reports/none`, {
    headers: { 'x-tenant-id': 'acme', 'x-data-classification': 'content', ...headers },
  });

const stored = (path: string, prefix = 'logs/eu') =>
  eu.object('evidence-eu-west-1', `${prefix}/sidecar-1.1/${path}`)?.body.toString('latin1') ?? null;

describe('to a bucket', () => {
  let shipping: ShippingRig;
  const begin = (target: Partial<typeof BUCKET> = {}) => {
    shipping = new ShippingRig(rig, { ...BUCKET, ...target } as ShipTarget);
    return shipping;
  };

  test('every file of the log lies there under its prefix, put by requests that are decided and recorded', async () => {
    await ask();
    await begin().settled();
    const files = filesIn(shipping.folder);
    const { size } = shipping.reader.checkpoint();
    await shipping.turn();
    expect(shipping.lines).toEqual([]);
    for (const [path, content] of Object.entries(files)) expect(stored(path), path).toBe(content);
    expect(stored(`checkpoints/${size}`)).toBe(files['checkpoint']);
    expect(us.bytes).toBe(0);
    // One that takes longer is recorded twice: when it leaves, and when it ends.
    const own = [...shipping.reader.entries(size)].map(({ value }) => value).filter(({ kind }) => kind === 'decision');
    expect(own.length).toBe(Object.keys(files).length + 1);
    expect(own[0]).toMatchObject({
      kind: 'decision',
      tenant: 'operator',
      classification: 'operational',
      service: 'storage',
      verb: 'store',
      operation: 'PutObject',
      resource: expect.stringMatching(/^evidence\/logs\/eu\/sidecar-1\.1\/tile\//),
      effect: 'allow',
      reason: 'in_residency',
      target_region: 'eu-west',
      policy: 'operator',
    });
    expect(own[0]!['request_id']).toMatch(/^ship-[0-9a-f]{24}-1$/);
  });

  test('its own requests are no reason to ship again, and whatever a client calls its requests is', async () => {
    const before = eu.requests;
    await shipping.turn();
    expect(eu.requests).toBe(before);
    expect(shipping.shipping.lagEntries).toBe(0);
    expect(shipping.shipping.lagSeconds).toBe(0);
    await ask({ 'x-request-id': 'ship-0123456789abcdef01234567-1' });
    await shipping.settled();
    const asked = eu.requests;
    await shipping.turn();
    expect(eu.requests).toBeGreaterThan(asked);
    await shipping.shipping.close();
  });

  test('a request carries sums of its body, and holds the object for the days that are asked for', async () => {
    await ask();
    await begin({ prefix: 'locked', objectLock: { mode: 'COMPLIANCE', days: 30 } }).settled();
    shipping.now = Date.parse('2026-11-24T15:00:00.123Z');
    await shipping.turn();
    expect(shipping.lines).toEqual([]);
    const { headers, target } = eu.lastRequest!;
    expect(target).toBe('/evidence-eu-west-1/locked/sidecar-1.1/key.pub');
    const body = Buffer.from(stored('key.pub', 'locked')!, 'latin1');
    expect(headers).toMatchObject({
      'x-amz-object-lock-mode': 'COMPLIANCE',
      'x-amz-object-lock-retain-until-date': '2026-12-24T15:00:00Z',
      'content-md5': hash('md5', body, 'base64'),
      'x-amz-content-sha256': hash('sha256', body, 'hex'),
    });
    expect(headers.authorization).toMatch(
      /SignedHeaders=[^,]*x-amz-object-lock-mode;x-amz-object-lock-retain-until-date/,
    );
    await shipping.shipping.close();
  });

  test('what another region is asked for is refused by the policy, told once, counted, and tried less and less often', async () => {
    await ask();
    await begin({ prefix: 'refused', region: 'us-east' }).settled();
    const { shipping: it } = shipping;
    await shipping.turn();
    expect(shipping.lines).toMatchObject([
      {
        level: 'error',
        message: 'evidence is not shipped: PutObject to evidence: 403 region_not_allowed AccessDenied',
      },
    ]);
    const lag = it.lagEntries;
    expect(lag).toBeGreaterThan(0);
    for (const [seconds, failures] of [
      [29, 1],
      [31, 2],
      [89, 2],
      [31, 3],
    ] as const) {
      shipping.now += seconds * 1000;
      await ask();
      await shipping.turn();
      expect([seconds, it.failures]).toEqual([seconds, failures]);
    }
    expect(shipping.lines.length).toBe(1);
    expect(it.lagEntries).toBeGreaterThan(lag + 3);
    expect(it.lagSeconds).toBeGreaterThan(170);
    expect(stored('checkpoint', 'refused')).toBe(null);
    expect(us.bytes).toBe(0);
    await it.close();
  });

  test('a region that is not in the catalogue is refused by name', async () => {
    await begin({ region: 'atlantis' }).turn();
    expect(shipping.lines).toMatchObject([{ message: expect.stringContaining('400 region_unknown InvalidRequest') }]);
    await shipping.shipping.close();
  });
});

test('a policy that lists other buckets lets nothing through', async () => {
  const shipping = new ShippingRig(rig, { ...BUCKET, bucket: 'elsewhere' });
  const before = eu.bytes;
  await shipping.turn();
  expect(shipping.lines).toMatchObject([{ message: expect.stringContaining('403 resource_not_permitted') }]);
  expect(eu.bytes).toBe(before);
  await shipping.shipping.close();
});

test('of several processes one ships, and another takes over when it goes', async () => {
  const folder = scratch();
  const shipping = new ShippingRig(rig, { kind: 'folder', folder });
  const other = LogLock.take(rig.domicile.plane.loaded.settings.state, 'ship')!;
  await shipping.turn();
  expect(filesIn(folder)).toEqual({});
  other.release();
  await shipping.turn();
  expect(filesIn(join(folder, 'sidecar-1.1'))).toMatchObject(filesIn(shipping.folder));
  await shipping.shipping.close();
});

test('what fails is told again when it has worked in between', async () => {
  const folder = join(scratch(), 'mount');
  const shipping = new ShippingRig(rig, { kind: 'folder', folder }, 1);
  const turn = () => {
    shipping.now += 10_000;
    return shipping.turn();
  };
  await turn();
  await turn();
  mkdirSync(folder);
  await turn();
  rmSync(folder, { recursive: true });
  await ask();
  await shipping.settled();
  await turn();
  expect(shipping.lines.map(({ message }) => message)).toEqual([
    `evidence is not shipped: ${folder} is not there: mount it, or make it`,
    'evidence is shipped again',
    expect.stringMatching(/^evidence is not shipped: .* entries were shipped there; mount or restore it/),
  ]);
  await shipping.shipping.close();
});

describe('checkpoints', () => {
  const bodies: string[] = [];
  let status = 200;
  const peer = createServer((request, response) => {
    let body = `${request.method} ${request.headers['content-type']}\n`;
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      bodies.push(body);
      response.writeHead(status, status === 302 ? { location: `http://127.0.0.1:${us.port}/` } : {}).end();
    });
  });
  beforeAll(() => new Promise<void>((resolve) => peer.listen(0, '127.0.0.1', resolve)));
  afterAll(() => new Promise((resolve) => peer.close(resolve)));

  test('each that is new is one line, and posted until the peer takes it', async () => {
    const written = new WrittenLog(scratch());
    const { log, lines } = keptLog();
    const url = `http://127.0.0.1:${(peer.address() as AddressInfo).port}/`;
    const checkpoints = new Checkpoints({ folder: written.folder, everySeconds: 60, peer: url, log });
    await checkpoints.turn();
    await checkpoints.turn();
    const first = readFileSync(join(written.folder, 'checkpoint'), 'utf8');
    const [origin, size, root] = first.split('\n');
    const key_id = readFileSync(join(written.folder, 'key.pub'), 'utf8').split('+')[1];
    expect(lines).toMatchObject([
      { level: 'info', message: 'evidence checkpoint', origin, size: Number(size), root, key_id },
    ]);
    expect(bodies).toEqual([`POST text/plain; charset=utf-8\n${first}`]);

    for (status of [500, 302, 503]) {
      written.fill(written.size + 1);
      await checkpoints.turn();
    }
    status = 200;
    await checkpoints.close();
    expect(bodies.length).toBe(5);
    expect(bodies[4]).toBe(
      `POST text/plain; charset=utf-8\n${readFileSync(join(written.folder, 'checkpoint'), 'utf8')}`,
    );
    expect(us.bytes, 'bytes that followed the redirect').toBe(0);
    expect(lines.map(({ message }) => message)).toEqual([
      'evidence checkpoint',
      'evidence checkpoint',
      'the peer does not take checkpoints: it answered 500: look at audit.checkpoint.peer',
      'evidence checkpoint',
      'evidence checkpoint',
      'the peer takes checkpoints again',
    ]);
  });
});
