import { renameSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { selfSigned } from '../attack/certificate.ts';
import { FeedServer } from '../../src/feed/server.ts';
import { MemorySource } from './source.ts';
import { connected, folder, HELLO, Lines, Raw, Rig, serve, until } from './world.ts';

describe('a document', () => {
  it('is fetched once however many wait for it, and then held', async () => {
    const source = new MemorySource();
    source.pin('acme', 'eu-west');
    const { url } = await serve(source);
    const rig = await connected(url);
    expect(rig.client.get('acme')).toBeUndefined();
    const documents = await Promise.all(Array.from({ length: 100 }, () => rig.fetch('acme')));
    expect(documents.every((document) => document === documents[0])).toBe(true);
    expect(documents[0]).toEqual(source.document('acme'));
    expect(source.reads).toEqual([['acme']]);
    expect(rig.client.get('acme')).toBe(documents[0]);
  });

  it('of several tenants asked for in one turn comes in one question', async () => {
    const source = new MemorySource();
    for (const tenant of ['a', 'b', 'c']) source.pin(tenant, 'eu-west');
    const { url } = await serve(source);
    const rig = await connected(url);
    await Promise.all(['a', 'b', 'c', 'd'].map((tenant) => rig.fetch(tenant)));
    expect(source.reads).toEqual([['a', 'b', 'c', 'd']]);
    expect(rig.client.get('d')).toBeNull();
  });

  it('that has no policy is remembered, and asked for anew once it has one', async () => {
    const source = new MemorySource();
    const { url } = await serve(source);
    const rig = await connected(url);
    expect(await rig.fetch('late')).toBeNull();
    source.pin('late', 'us-east');
    await until(() => rig.client.get('late') === undefined);
    expect(rig.dropped).toEqual(['late']);
    await rig.fetch('late');
    expect(rig.pinned('late')).toBe('us-east');
  });

  it('that changes is dropped at once and fetched anew unasked, as it was in use', async () => {
    const source = new MemorySource();
    source.pin('acme', 'eu-west');
    const { url } = await serve(source);
    const rig = await connected(url);
    await rig.fetch('acme');
    let dropped: unknown = 'not yet';
    rig.onDropped = (tenant) => (dropped = rig.client.get(tenant!));
    source.pin('acme', 'us-east');
    await until(() => rig.pinned('acme') === 'us-east');
    expect(dropped).toBeUndefined();
  });

  it('of a tenant that nobody asked for is not announced', async () => {
    const source = new MemorySource();
    const { url, server } = await serve(source);
    const rig = await connected(url);
    await rig.fetch('acme');
    source.pin('other', 'eu-west');
    const last = source.pin('acme', 'eu-west');
    await until(() => server.sidecars()[0]!.revision === last);
    expect(rig.dropped).toEqual(['acme']);
  });

  it('read before a change that is announced while it is on its way is not used, and fetched again', async () => {
    const source = new MemorySource();
    source.pin('acme', 'eu-west');
    const { url, server } = await serve(source);
    const rig = await connected(url);
    const held = Promise.withResolvers<void>();
    const reading = Promise.withResolvers<void>();
    source.pause = () => {
      reading.resolve();
      return held.promise;
    };
    const answer = rig.fetch('acme');
    await reading.promise;
    source.pause = () => Promise.resolve();
    const changed = source.pin('acme', 'us-east');
    await until(() => rig.client.state().acknowledged === changed);
    held.resolve();
    expect((await answer)?.revision).toBe(changed);
    expect(rig.pinned('acme')).toBe('us-east');
    // An ordinary race, and no fault of the server's.
    expect(server.sidecars()[0]!.refused).toBeNull();
  });

  it('that cannot be read is an error to who waits for it, and not for the others', async () => {
    const source = new MemorySource();
    source.pin('acme', 'eu-west');
    const { url, log } = await serve(source);
    const rig = await connected(url);
    const bundles = source.bundles.bind(source);
    source.bundles = (tenants) =>
      tenants.includes('broken') ? Promise.reject(new Error('row is damaged')) : bundles(tenants);
    const broken = rig.fetch('broken').catch(String);
    expect((await rig.fetch('acme'))?.tenant).toBe('acme');
    expect(await broken).toBe('Error: the control plane cannot read it now');
    expect(log.text).toContain('row is damaged');
  });

  it('that is longer than a line may be is an error too, and a long answer comes in parts', async () => {
    const source = new MemorySource();
    const named = (tenant: string, length: number) => {
      source.pin(tenant, 'eu-west');
      source.policies.set(tenant, { ...source.policies.get(tenant)!, name: 'x'.repeat(length) });
    };
    for (let i = 0; i < 5; i++) named(`long-${i}`, 700_000);
    named('too-long', 64 << 20);
    const { url, log } = await serve(source);
    const raw = Raw.to(url);
    raw.send(HELLO, { type: 'resume', revision: 0 });
    const tenants = ['long-0', 'too-long', 'long-1', 'long-2', 'long-3', 'long-4'];
    raw.send({ type: 'get', id: 1, tenants });
    expect(await raw.next('failed')).toMatchObject({ id: 1, tenants: ['too-long'] });
    expect(raw.of('bundles').map(({ bundles }) => (bundles as unknown[]).length)).toEqual([1, 1, 1, 1, 1]);
    expect(log.text).toContain('its bundle is longer than the feed carries');
  });

  it('is not waited for longer than a second, and its late answer is of use', async () => {
    const source = new MemorySource();
    source.pin('acme', 'eu-west');
    const { url } = await serve(source);
    const rig = await connected(url);
    const held = Promise.withResolvers<void>();
    source.pause = () => held.promise;
    const began = performance.now();
    await expect(rig.fetch('acme')).rejects.toThrow('the control plane did not answer in 1000 ms');
    expect(performance.now() - began).toBeLessThan(1500);
    held.resolve();
    await until(() => rig.pinned('acme') === 'eu-west');
  });

  it('is an error at once where there is no control plane', async () => {
    const rig = new Rig(`unix:${join(folder(), 'nobody.sock')}`);
    await expect(rig.fetch('acme')).rejects.toThrow('the control plane is not connected');
    await until(() => rig.client.state().error !== null);
    expect(rig.client.state()).toMatchObject({ connected: false, revision: 0, wideningUntil: 0 });
  });

  it('of a name that cannot be a tenant never leaves for the control plane', async () => {
    const { url } = await serve(new MemorySource());
    const rig = await connected(url);
    await expect(rig.fetch('../etc')).rejects.toThrow('not the id of a tenant');
    expect(rig.client.state().connected).toBe(true);
  });

  it('that made room for another is told of, and bounds what is held', async () => {
    const source = new MemorySource();
    for (const tenant of ['a', 'b', 'c']) source.pin(tenant, 'eu-west');
    const { url } = await serve(source);
    const rig = await connected(url, { bundles: 2 });
    for (const tenant of ['a', 'b', 'c']) await rig.fetch(tenant);
    expect(rig.dropped).toEqual(['a']);
    expect(rig.client.state().documents).toBe(2);
    expect(rig.client.get('a')).toBeUndefined();
  });
});

describe('what holds for all', () => {
  it('is told at once, and with a change of it every document is dropped', async () => {
    const source = new MemorySource();
    source.pin('acme', 'eu-west');
    const { url } = await serve(source);
    const rig = await connected(url);
    await rig.fetch('acme');
    source.change('*', () => (source.status = 'inactive'));
    await until(() => rig.client.world?.regions[0]?.status === 'inactive');
    expect(rig.dropped).toEqual([null]);
    await until(() => rig.pinned('acme') === 'eu-west');
  });

  it('that was announced to be outdated is not used before the new comes, nor is any document', async () => {
    const source = new MemorySource();
    source.pin('acme', 'eu-west');
    const { url } = await serve(source);
    const rig = await connected(url);
    const world = source.world.bind(source);
    source.world = () => Promise.reject(new Error('not now'));
    const raw = Raw.to(url);
    raw.send(HELLO, { type: 'resume', revision: 0 });
    await raw.next('beat');
    source.change('*', () => (source.status = 'inactive'));
    await until(() => rig.client.world === null);
    // What may be used until then is not prolonged either.
    expect((await raw.next('beat', 2))['now']).toBeNull();
    await expect(rig.fetch('acme')).rejects.toThrow('did not answer');
    source.world = world;
    await until(() => rig.client.world?.regions[0]?.status === 'inactive');
    expect((await rig.fetch('acme'))?.tenant).toBe('acme');
  });

  it('that cannot be put in force is refused, and what held before holds', async () => {
    const source = new MemorySource();
    const { url, server } = await serve(source);
    const rig = await connected(url);
    rig.onWorld = () => {
      throw new Error('eu-west: no credential named backup');
    };
    source.change('*', () => (source.status = 'inactive'));
    await until(() => server.sidecars()[0]!.refused !== null);
    expect(server.sidecars()[0]!.refused!.error).toBe(
      'what holds for all cannot be put in force here: eu-west: no credential named backup',
    );
    expect(rig.client.world?.regions[0]?.status).toBe('active');
  });
});

describe('a grant', () => {
  it('is taken once, by whoever comes first', async () => {
    const source = new MemorySource();
    source.give('acme', 'g-1');
    const { url } = await serve(source);
    const [one, other] = await Promise.all([connected(url), connected(url)]);
    expect([await one.take('g-1'), await other.take('g-1')]).toEqual([true, false]);
    expect(source.used.get('g-1')).toBe(1);
  });

  it('is not taken where the store does not say so, or nobody is there', async () => {
    const source = new MemorySource();
    source.give('acme', 'g-1');
    const { url, server, log } = await serve(source);
    const rig = await connected(url);
    source.take = () => Promise.reject(new Error('disk full'));
    expect(await rig.take('g-1')).toBe(false);
    expect(log.text).toContain('disk full');
    source.take = () => new Promise(() => {});
    const began = performance.now();
    expect(await rig.take('g-1')).toBe(false);
    expect(performance.now() - began).toBeGreaterThan(900);
    const asked = rig.take('g-1');
    await server.close();
    expect(await asked).toBe(false);
    expect(await rig.take('g-1')).toBe(false);
  });

  it('without limit, or an override, is counted when its client ends', async () => {
    const source = new MemorySource();
    const { url } = await serve(source);
    const rig = await connected(url);
    for (const id of ['o-1', 'g-2', 'o-1']) rig.client.noteUse(id);
    await rig.client.close();
    await until(() => source.used.get('o-1') === 2 && source.used.get('g-2') === 1);
  });
});

describe('a client that comes back', () => {
  it('is told of what changed meanwhile, and keeps the rest', async () => {
    const source = new MemorySource();
    for (const tenant of ['a', 'b']) source.pin(tenant, 'eu-west');
    const path = join(folder(), 'feed.sock');
    const first = await serve(source, { listen: { path } });
    const rig = await connected(first.url);
    await Promise.all([rig.fetch('a'), rig.fetch('b')]);
    const kept = rig.client.get('b');
    await first.server.close();
    await until(() => !rig.client.state().connected);
    const revision = source.pin('a', 'us-east');
    source.pin('unheld', 'us-east');
    const second = await serve(source, { listen: { path } });
    await until(() => rig.pinned('a') === 'us-east');
    expect(rig.dropped).toEqual(['a']);
    expect(rig.client.get('b')).toBe(kept);
    await until(() => second.server.sidecars()[0]!.revision >= revision);
  });

  it('is told of what changes while it is told of what changed', async () => {
    const source = new MemorySource();
    source.pin('acme', 'eu-west');
    const { url, server } = await serve(source);
    const raw = Raw.to(url);
    const told = Promise.withResolvers<void>();
    const touchedSince = source.touchedSince.bind(source);
    source.touchedSince = async (revision) => {
      const touched = await touchedSince(revision);
      source.touchedSince = touchedSince;
      const changed = source.pin('acme', 'us-east');
      // The server has announced it to all that it serves, before it learns here what this one missed.
      await until(() => server.revision === changed);
      told.resolve();
      return touched;
    };
    raw.send(HELLO, { type: 'hold', tenants: ['acme'] }, { type: 'resume', revision: source.at });
    await told.promise;
    expect(await raw.next('changed')).toMatchObject({ revision: source.at, tenants: ['acme'] });
  });

  it('after longer than the outbox reaches back drops everything', async () => {
    const source = new MemorySource();
    for (const tenant of ['a', 'b']) source.pin(tenant, 'eu-west');
    const path = join(folder(), 'feed.sock');
    const first = await serve(source, { listen: { path } });
    const rig = await connected(first.url);
    await Promise.all([rig.fetch('a'), rig.fetch('b')]);
    await first.server.close();
    source.pin('a', 'us-east');
    source.reachesTo = source.at;
    await serve(source, { listen: { path } });
    await until(() => rig.pinned('a') === 'us-east' && rig.pinned('b') === 'eu-west');
    expect(rig.dropped).toEqual([null]);
  });
});

describe('the server', () => {
  it('shows each sidecar, what it has applied, and how far it lags', async () => {
    const source = new MemorySource();
    const { url, server } = await serve(source);
    await connected(url, { name: 'proxy-7', region: 'ca-central', version: '2.1.0', worker: 3 });
    await until(() => server.sidecars()[0]?.lag.milliseconds === 0);
    expect(server.sidecars()).toMatchObject([
      { name: 'proxy-7', region: 'ca-central', version: '2.1.0', worker: 3, address: 'unix', refused: null },
    ]);
    const silent = Raw.to(url);
    silent.send(HELLO, { type: 'hold', tenants: ['acme'] }, { type: 'resume', revision: source.at });
    await silent.next('beat');
    const before = source.at;
    source.pin('acme', 'eu-west');
    source.pin('acme', 'us-east');
    await silent.next('changed');
    await until(() => server.sidecars()[1]!.lag.milliseconds > 20);
    expect(server.sidecars()[1]).toMatchObject({ revision: before, lag: { revisions: 2 } });
    expect(server.sidecars()[0]!.lag).toEqual({ revisions: 0, milliseconds: 0 });
    silent.send({ type: 'ack', nonce: 99, revision: source.at });
    await until(() => server.sidecars()[1]!.lag.milliseconds === 0);
    silent.socket.destroy();
    await until(() => server.sidecars().length === 1);
  });

  it('tells a client that does not acknowledge only so much, and the rest as one', async () => {
    const source = new MemorySource();
    const { url } = await serve(source);
    const raw = Raw.to(url);
    raw.send(HELLO, { type: 'hold', tenants: ['acme'] }, { type: 'resume', revision: source.at });
    await raw.next('beat');
    for (let i = 0; i < 400; i++) {
      source.pin('acme', 'eu-west');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    const told = raw.of('changed').length;
    expect(told).toBe(255);
    raw.send({ type: 'ack', nonce: 256, revision: source.at });
    expect(await raw.next('changed', told + 1)).toMatchObject({ revision: source.at, tenants: ['acme'] });
  });

  it('finds out by itself what the store did not tell it, before it prolongs anything', async () => {
    const source = new MemorySource();
    const { url } = await serve(source);
    const raw = Raw.to(url);
    raw.send(HELLO, { type: 'hold', tenants: ['acme'] }, { type: 'resume', revision: source.at });
    await raw.next('beat');
    // As another replica would, whose notice was lost.
    source.at++;
    source.outbox.push({ revision: source.at, tenant: 'acme' });
    const beat = await raw.next('beat', 2);
    expect(beat['revision']).toBe(source.at);
    expect(raw.messages.slice(-2).map(({ type }) => type)).toEqual(['changed', 'beat']);
  });

  it('lets nobody who asks after a change wait for what was asked before it', async () => {
    const source = new MemorySource();
    source.pin('acme', 'eu-west');
    const { url } = await serve(source);
    const [early, late] = await Promise.all([connected(url), connected(url)]);
    const reading = Promise.withResolvers<void>();
    source.pause = () => {
      reading.resolve();
      return new Promise(() => {});
    };
    const never = early.fetch('acme').catch(String);
    await reading.promise;
    source.pause = () => Promise.resolve();
    const changed = source.pin('acme', 'us-east');
    await until(() => early.client.state().revision === changed);
    expect((await late.fetch('acme'))?.revision).toBe(changed);
    expect(await never).toContain('did not answer');
  });

  it('whose store does not answer says that it lives, and no more', async () => {
    const source = new MemorySource();
    const { url, log } = await serve(source);
    const raw = Raw.to(url);
    raw.send(HELLO, { type: 'resume', revision: 0 });
    expect((await raw.next('beat'))['now']).toEqual(expect.any(Number));
    source.down = new Error('connection refused');
    expect((await raw.next('beat', 2))['now']).toBeNull();
    expect(log.text).toContain('the feed cannot read the store: leases lapse until it can');
  });

  it('opens its Unix socket to its own user alone, and takes the place of a dead one', async () => {
    const path = join(folder(), 'feed.sock');
    const dead = createServer().listen(`${path}.dead`);
    await once(dead, 'listening');
    renameSync(`${path}.dead`, path);
    dead.close();
    const { url } = await serve(new MemorySource(), { listen: { path } });
    expect(url).toBe(`unix:${path}`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = new FeedServer({
      source: new MemorySource(),
      listen: { path },
      tls: null,
      token: null,
      log: new Lines(),
    });
    await expect(again.listen()).rejects.toThrow(`feed: unix:${path} is in use. Stop what listens there`);
  });

  it('does not start on a network without TLS, or without asking for proof', () => {
    const options = { source: new MemorySource(), listen: { host: '127.0.0.1', port: 0 }, log: new Lines() };
    const { cert, key } = selfSigned('127.0.0.1');
    expect(() => new FeedServer({ ...options, tls: null, token: 'a secret' })).toThrow(
      'feed.listen: 127.0.0.1:0 can be reached by a network, and is in the clear. Give feed.tls (cert and key), or listen on a Unix socket.',
    );
    expect(() => new FeedServer({ ...options, tls: { cert, key, clientCa: null }, token: null })).toThrow(
      'feed.listen: 127.0.0.1:0 can be reached by a network, and asks nobody for proof. Give feed.token or feed.tls.client_ca, or listen on a Unix socket.',
    );
  });

  it('does not start with a token that is none', () => {
    const options = { source: new MemorySource(), listen: { path: '/nonexistent' }, tls: null, log: new Lines() };
    expect(() => new FeedServer({ ...options, token: '' })).toThrow('feed.token is empty');
  });

  it('says in one line that its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const { port } = other.address() as { port: number };
    const tls = { ...selfSigned('127.0.0.1'), clientCa: null };
    const listen = { host: '127.0.0.1', port };
    const server = new FeedServer({ source: new MemorySource(), listen, tls, token: 'x', log: new Lines() });
    await expect(server.listen()).rejects.toThrow(`feed: 127.0.0.1:${port} is in use.`);
  });
});

describe('over a network', () => {
  const certificate = selfSigned('127.0.0.1');
  const { cert, key } = certificate;

  it('TLS and a token carry the feed', async () => {
    const source = new MemorySource();
    source.pin('acme', 'eu-west');
    const { url, server } = await serve(source, {
      listen: { host: '127.0.0.1', port: 0 },
      tls: { cert, key, clientCa: null },
      token: 'a secret',
    });
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const rig = await connected(url, { tls: { ca: cert, cert: null, key: null }, token: 'a secret' });
    expect((await rig.fetch('acme'))?.tenant).toBe('acme');
    expect(server.sidecars()[0]!.address).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('so does a certificate of the client', async () => {
    const client = selfSigned('proxy-1.example');
    const { url } = await serve(new MemorySource(), {
      listen: { host: '127.0.0.1', port: 0 },
      tls: { cert, key, clientCa: client.cert },
      token: null,
    });
    await connected(url.replace('https:', 'tls:'), { tls: { ca: cert, cert: client.cert, key: client.key } });
  });

  it('a client does not speak to a server that it cannot know', async () => {
    const { url } = await serve(new MemorySource(), {
      listen: { host: '127.0.0.1', port: 0 },
      tls: { cert, key, clientCa: null },
      token: 'a secret',
    });
    const rig = new Rig(url, { token: 'a secret' });
    await until(() => rig.client.state().error !== null);
    expect(rig.client.state().error).toContain('self-signed certificate');
  });

  it.each([
    ['http://127.0.0.1:8002', 'not the address of a feed'],
    ['tcp://127.0.0.1:8002', 'not the address of a feed'],
    ['unix:feed.sock', 'is not absolute'],
    ['https://127.0.0.1:8002/feed', 'more than host and port'],
    ['https://user:pass@127.0.0.1:8002', 'more than host and port'],
  ])('%s is none of a feed', (url, why) => {
    expect(() => new Rig(url)).toThrow(why);
  });
});
