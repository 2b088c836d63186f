// A replica that lags, a store restored from a backup, or whoever stands in the way and plays an old conversation again: what
// is older than what a proxy knows would bring back a policy that was replaced, and a grant that was revoked. It is refused.
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { MemorySource } from '../feed/source.ts';
import { connected, folder, HELLO, Raw, serve, until, type Rig } from '../feed/world.ts';

/** A control plane that says what it is told to say. */
async function impostor(path: string): Promise<{ next(): Promise<Raw> }> {
  const waiting: Raw[] = [];
  const server: Server = createServer((socket) => waiting.push(new Raw(socket)));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
  return {
    async next() {
      await until(() => waiting.length > 0);
      const raw = waiting.shift()!;
      await raw.next('resume');
      return raw;
    },
  };
}

const beat = (revision: number) => ({ type: 'beat', revision, now: Date.now() });

/** A client of a server that is gone, which knows much; and an impostor in its place. */
async function knowing(): Promise<{ rig: Rig; source: MemorySource; raw: Raw }> {
  const source = new MemorySource();
  source.at = 50;
  const path = join(folder(), 'feed.sock');
  const { url, server } = await serve(source, { listen: { path } });
  const rig = await connected(url);
  await rig.fetch('acme');
  // The world that it knows is of revision 50; it does know that nothing in it has changed since.
  source.at = 100;
  source.pin('acme', 'eu-west');
  await until(() => rig.client.state().acknowledged === 101);
  await rig.fetch('acme');
  await server.close();
  const raw = await (await impostor(path)).next();
  return { rig, source, raw };
}

test('a world that is older is refused, and said to be', async () => {
  const { rig, source, raw } = await knowing();
  const world = { ...(await source.world()), revision: 90, regions: [] };
  raw.send({ type: 'world', nonce: 1, revision: 90, world });
  expect(await raw.next('nack')).toMatchObject({
    nonce: 1,
    revision: 101,
    error: 'it sent a world of revision 90, and 101 is known here',
  });
  expect(rig.client.world?.regions.length).toBe(1);
});

test('an announcement that is older is refused, with the connection, and what was held stays', async () => {
  const { rig, raw } = await knowing();
  raw.send({ type: 'changed', nonce: 1, revision: 90, tenants: null, world: true });
  await until(() => raw.closed);
  expect(rig.pinned('acme')).toBe('eu-west');
  expect(rig.client.world).not.toBeNull();
  expect(rig.client.state().revision).toBe(101);
  expect(rig.log.text).toContain('it announced revision 90, and 101 is known here');
});

test('a bundle that is older is not used, and asked for again', async () => {
  const { rig, source, raw } = await knowing();
  const old = { ...source.document('acme'), revision: 101 };
  raw.send({ type: 'changed', nonce: 1, revision: 105, tenants: ['acme'], world: false }, beat(105));
  const first = await raw.next('get');
  expect(first['tenants']).toEqual(['acme']);
  raw.send({ type: 'bundles', nonce: 2, id: first['id'], bundles: [old] });
  const second = await raw.next('get', 2);
  expect(rig.client.get('acme')).toBeUndefined();
  raw.send({ type: 'bundles', nonce: 3, id: second['id'], bundles: [{ ...old, revision: 105 }] });
  await until(() => rig.pinned('acme') === 'eu-west');
});

test('a beat of a server that is behind prolongs nothing', async () => {
  const { rig, raw } = await knowing();
  const until = rig.client.wideningUntil;
  raw.send(beat(100));
  await raw.next('beat'); // it has heard ours, so it is connected
  expect(rig.client.state().connected).toBe(true);
  expect(rig.client.wideningUntil).toBe(until);
  expect(rig.log.text).toContain('the control plane is behind what is known here');
});

test('a bundle that nobody asked for changes nothing', async () => {
  const { rig, source, raw } = await knowing();
  source.pin('acme', 'us-east');
  source.pin('globex', 'us-east');
  const bundles = [source.document('acme'), source.document('globex')];
  raw.send({ type: 'bundles', nonce: 1, id: 1, bundles }, beat(101));
  await until(() => rig.client.state().connected);
  expect(rig.pinned('acme')).toBe('eu-west');
  expect(rig.client.get('globex')).toBeUndefined();
});

test('what is no message of the protocol ends the connection, and changes nothing', async () => {
  const { rig, raw } = await knowing();
  raw.socket.write('{"type":"changed","nonce":1,"revision":200,"tenants":"*","world":true}\n');
  await until(() => raw.closed);
  expect(rig.client.state().error).toBe(
    'it does not keep to the protocol: a message changed is misshapen: tenants must be a list or null, not "*"',
  );
  expect(rig.client.state().revision).toBe(101);
  expect(rig.pinned('acme')).toBe('eu-west');
});

test('a server that is behind says so itself, and takes no client that knows more', async () => {
  const source = new MemorySource();
  source.at = 50;
  const { url } = await serve(source);
  const raw = Raw.to(url);
  raw.send(HELLO, { type: 'resume', revision: 60 });
  expect(await raw.next('refused')).toEqual({
    type: 'refused',
    reason: 'the client knows revision 60, and this control plane only 50',
  });
});
