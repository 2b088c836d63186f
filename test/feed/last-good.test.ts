import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { LastGood, type LastGoodOptions } from '../../src/feed/last-good.ts';
import { MemorySource } from './source.ts';
import { connected, folder, Lines, Rig, serve, until } from './world.ts';

const NOBODY = 'unix:/nonexistent/feed.sock';

async function lastGood(over: Partial<LastGoodOptions>): Promise<LastGood> {
  const options = { path: join(folder(), 'last-good'), name: 'proxy-1', url: NOBODY, token: null, log: new Lines() };
  const opened = await LastGood.open({ ...options, ...over });
  onTestFinished(() => opened.close());
  return opened;
}

/** A proxy that has `acme` and `globex`, and is gone again; its file stays. */
async function before(path: string, source: MemorySource, work: (rig: Rig) => Promise<void> = () => Promise.resolve()) {
  const { url } = await serve(source);
  const rig = await connected(url, { lastGood: await lastGood({ path }) });
  await Promise.all([rig.fetch('acme'), rig.fetch('globex')]);
  await work(rig);
  await rig.client.close();
}

function filled(): MemorySource {
  const source = new MemorySource();
  source.pin('acme', 'eu-west');
  source.pin('globex', 'us-east');
  source.give('acme', 'g-1');
  return source;
}

it('what restricts is there after a restart without a control plane; what widens is not', async () => {
  const path = join(folder(), 'last-good');
  const source = filled();
  await before(path, source);
  const rig = new Rig(NOBODY, { lastGood: await lastGood({ path }) });
  expect(rig.pinned('acme')).toBe('eu-west');
  expect(rig.pinned('globex')).toBe('us-east');
  expect(rig.client.get('acme')!.policies).toMatchObject({
    grants: [],
    overrides: [],
    records: [['bucket/key', 'identity']],
  });
  expect(rig.client.world?.regions[0]?.id).toBe('eu-west');
  expect(rig.worlds.length).toBe(1);
  expect(rig.client.wideningUntil).toBe(0);
  expect(rig.client.state()).toMatchObject({ connected: false, revision: source.at, documents: 2 });
});

it('neither a grant nor the key of signed URLs is ever in the file, nor is it open to others', async () => {
  const path = join(folder(), 'last-good');
  const source = filled();
  await before(path, source);
  const text = readFileSync(path, 'utf8');
  expect(text).toContain('acme-policy');
  expect(text).not.toContain('g-1');
  expect(text).not.toContain(source.presignKey);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(`${path}.key`).mode & 0o777).toBe(0o600);
  const restored = await lastGood({ path });
  // With a key that is empty, or known, anybody could sign.
  expect(Buffer.from(restored.found.world!.world.presignKey, 'base64').length).toBe(32);
});

it('a proxy that restarts is told of what changed meanwhile, and of nothing else', async () => {
  const path = join(folder(), 'last-good');
  const source = filled();
  await before(path, source);
  source.pin('acme', 'ca-central');
  const { url } = await serve(source);
  const rig = await connected(url, { lastGood: await lastGood({ path }) });
  await until(() => rig.pinned('acme') === 'ca-central');
  expect(rig.dropped).toEqual(['acme']);
  // What it knew of globex it still knows: it was not asked for again.
  expect(source.reads.slice(1)).toEqual([['acme']]);
});

it('what was announced to be outdated is not believed after a restart, though its successor never came', async () => {
  const path = join(folder(), 'last-good');
  const source = filled();
  await before(path, source, async (rig) => {
    source.pause = () => new Promise(() => {});
    const revision = source.pin('acme', 'ca-central');
    await until(() => rig.client.state().acknowledged === revision);
  });
  const kept = await lastGood({ path });
  expect(kept.found.stale).toEqual(['acme']);
  const rig = new Rig(NOBODY, { lastGood: kept });
  expect(rig.client.get('acme')).toBeUndefined();
  expect(rig.pinned('globex')).toBe('us-east');
});

it('nor is a world that was announced to be outdated', async () => {
  const path = join(folder(), 'last-good');
  const source = filled();
  await before(path, source, async (rig) => {
    source.world = () => Promise.reject(new Error('not now'));
    const revision = source.change('*');
    await until(() => rig.client.state().acknowledged === revision);
  });
  const rig = new Rig(NOBODY, { lastGood: await lastGood({ path }) });
  expect(rig.client.world).toBeNull();
  expect(rig.client.get('globex')).toBeUndefined();
});

it('what it says is what the client held, after whatever happened in whatever order', async () => {
  const path = join(folder(), 'last-good');
  const source = new MemorySource();
  const tenants = Array.from({ length: 60 }, (_, i) => `t-${i}`);
  for (const tenant of tenants) source.pin(tenant, 'eu-west');
  const { url } = await serve(source);
  const kept = await lastGood({ path });
  const rig = await connected(url, { lastGood: kept, bundles: 40 });
  for (let i = 0; i < 9000; i++) {
    const tenant = tenants[(i * 17) % 60]!;
    if (i % 1500 === 1499) source.change('*');
    else if (i % 11 === 0) source.change(tenant, () => source.policies.delete(tenant));
    else source.pin(tenant, i % 2 === 0 ? 'eu-west' : 'us-east');
    if (i % 7 === 0) rig.client.fetch(tenants[(i * 31) % 60]!, () => {});
    if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => rig.client.state().revision === source.at);
  await rig.client.close();
  const held = new Map(tenants.map((tenant) => [tenant, rig.pinned(tenant) ?? undefined]));
  const again = new Rig(NOBODY, { lastGood: await lastGood({ path }), bundles: 40 });
  expect(new Map(tenants.map((tenant) => [tenant, again.pinned(tenant)]))).toEqual(held);
  expect(again.client.state().revision).toBe(source.at);
});

it('does not grow with every change', async () => {
  const path = join(folder(), 'last-good');
  const kept = await lastGood({ path });
  const source = filled();
  kept.attach(() => ({ revision: 7, world: null, documents: [source.document('acme')], stale: [] }));
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 500; i++) kept.document(source.document('acme'));
    await kept.flush();
    expect(readFileSync(path, 'utf8').split('\n').length).toBeLessThan(4200);
  }
});

it('a last line that was cut off in the middle was never acknowledged, and is left out', async () => {
  const path = join(folder(), 'last-good');
  await before(path, filled());
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.slice(0, -20));
  const kept = await lastGood({ path });
  expect(kept.state().refused).toBeNull();
  expect(kept.found.documents.length).toBeGreaterThan(0);
});

it('that cannot be written is said, removed, and written again when it can be', async () => {
  const home = folder();
  const path = join(home, 'state', 'last-good');
  const log = new Lines();
  const source = filled();
  const { url } = await serve(source);
  const kept = await lastGood({ path, log });
  const rig = await connected(url, { lastGood: kept });
  await rig.fetch('acme');
  await kept.flush();
  expect(existsSync(path)).toBe(true);
  await kept.close();
  rmSync(join(home, 'state'), { recursive: true });
  const revision = source.pin('acme', 'us-east');
  // It goes on all the same: there is nothing on disk that could mislead.
  await until(() => rig.pinned('acme') === 'us-east' && rig.client.state().acknowledged === revision);
  expect(rig.client.state().lastGood?.error).toContain('ENOENT');
  expect(log.text).toContain('the last good state cannot be written');
  mkdirSync(join(home, 'state'));
  await until(
    () => rig.client.state().lastGood?.error === null,
    () => log.text,
    8000,
  );
  expect(readFileSync(path, 'utf8')).toContain('us-east');
});
