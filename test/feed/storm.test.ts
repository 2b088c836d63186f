import { expect, it } from 'vitest';
import { MemorySource } from './source.ts';
import { connected, HELLO, Raw, Relay, serve, until, type Rig } from './world.ts';

const TENANTS = Array.from({ length: 500 }, (_, i) => `tenant-${i}`);
const REGIONS = ['eu-west', 'eu-central', 'us-east', 'ca-central'];

/** Everything that a client holds is what the source has, and nothing that it knew is missing. */
function converged(rig: Rig, source: MemorySource, tenants: readonly string[]): boolean {
  return tenants.every((tenant) => {
    const document = rig.client.get(tenant);
    return (
      document !== undefined && document?.policies?.policies[0]?.revision === source.policies.get(tenant)?.revision
    );
  });
}

it('10,000 changes in a storm reach every client: none is lost, and each ends where the store does', async () => {
  const source = new MemorySource();
  for (const tenant of TENANTS) source.pin(tenant, 'eu-west');
  const { url } = await serve(source);
  const rigs = await Promise.all(Array.from({ length: 4 }, () => connected(url)));
  // The clients hold different ones, and one of them all.
  const of = (i: number) => (i === 0 ? TENANTS : TENANTS.filter((_, t) => t % 4 === i));
  await Promise.all(rigs.flatMap((rig, i) => of(i).map((tenant) => rig.fetch(tenant))));
  const began = performance.now();
  let random = 42;
  // Reads that take their time, so that changes come between a revision and its rows, and before the answer.
  source.pause = () => new Promise((resolve) => setTimeout(resolve, random % 5));
  for (let i = 0; i < 10_000; i++) {
    random = (random * 1_103_515_245 + 12_345) & 0x7fffffff;
    const tenant = TENANTS[random % TENANTS.length]!;
    if (i % 1000 === 999) source.change('*', () => (source.status = i % 2000 === 999 ? 'inactive' : 'active'));
    else source.pin(tenant, REGIONS[random % 4]!);
    // Some come alone, some together.
    if (random % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const changed = performance.now();
  await until(
    () => rigs.every((rig, i) => converged(rig, source, of(i))),
    () => rigs[0]!.log.text.slice(0, 2000),
  );
  await until(() => rigs.every(({ client }) => client.world?.regions[0]?.status === source.status));
  const now = performance.now();
  console.log(`10,000 changes in ${Math.round(changed - began)} ms; converged ${Math.round(now - changed)} ms later`);
  // And it stays so: nothing old is still on its way.
  await until(() =>
    rigs.every(({ client }) => client.state().acknowledged >= source.at - 1 && client.state().revision === source.at),
  );
  expect(rigs.every((rig, i) => converged(rig, source, of(i)))).toBe(true);
});

it('a client that does not read costs no more than it may, and is told that everything has changed when it does', async () => {
  const source = new MemorySource();
  const { url } = await serve(source);
  const raw = Raw.to(url);
  const many = Array.from({ length: 21 }, (_, line) => Array.from({ length: 1000 }, (_, i) => `t-${line}-${i}`));
  raw.send(HELLO, ...many.map((tenants) => ({ type: 'hold', tenants })), { type: 'resume', revision: source.at });
  await raw.next('beat');
  raw.socket.pause();
  // As many as it takes to fill what the system buffers, and then more than are kept by name.
  const rounds = 200;
  for (let round = 0; round < rounds; round++) {
    for (const tenant of many[round % many.length]!) source.change(tenant);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  raw.socket.resume();
  await until(() => raw.of('changed').at(-1)?.['revision'] === source.at);
  const told = raw.of('changed');
  expect(told.at(-1)).toMatchObject({ tenants: null, world: false });
  expect(told.length).toBeLessThan(rounds / 2);
});

it('a client that comes and goes in a storm ends where the store does', async () => {
  const source = new MemorySource();
  const some = TENANTS.slice(0, 50);
  for (const tenant of some) source.pin(tenant, 'eu-west');
  const { url } = await serve(source);
  const relay = new Relay(url);
  const rig = await connected(await relay.listen());
  await Promise.all(some.map((tenant) => rig.fetch(tenant)));
  for (let i = 0; i < 2000; i++) {
    source.pin(some[(i * 7) % some.length]!, REGIONS[i % 4]!);
    if (i % 200 === 100) relay.reset();
    if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await until(
    () => converged(rig, source, some),
    () => rig.log.text.slice(0, 2000),
  );
  expect(rig.log.lines.filter(({ message }) => message === 'connected to the control plane').length).toBeGreaterThan(2);
});
