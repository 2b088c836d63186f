import { expect, it } from 'vitest';
import { MemorySource } from './source.ts';
import { connected, serve, until } from './world.ts';

it('one change reaches 200 clients in less than a second', async () => {
  const source = new MemorySource();
  source.pin('acme', 'eu-west');
  const { url, server } = await serve(source);
  const rigs = await Promise.all(Array.from({ length: 200 }, () => connected(url)));
  await Promise.all(rigs.map((rig) => rig.fetch('acme')));
  expect(server.sidecars().length).toBe(200);
  const took: number[] = [];
  for (let change = 0; change < 20; change++) {
    let dropped = 0;
    let last = 0;
    for (const rig of rigs)
      rig.onDropped = () => {
        dropped++;
        last = performance.now();
      };
    const began = performance.now();
    const region = change % 2 === 0 ? 'us-east' : 'eu-west';
    const revision = source.pin('acme', region);
    await until(() => dropped === rigs.length);
    took.push(last - began);
    // All have it again, too, and have said that the old one is gone.
    await until(() => rigs.every((rig) => rig.pinned('acme') === region));
    await until(() => server.sidecars().every((sidecar) => sidecar.revision === revision));
  }
  took.sort((a, b) => a - b);
  console.log(`a change to 200 clients: median ${took[10]!.toFixed(1)} ms, longest ${took.at(-1)!.toFixed(1)} ms`);
  expect(took.at(-1)).toBeLessThan(1000);
  // Read once or twice for all of them, not 200 times.
  expect(source.reads.length).toBeLessThan(200);
});
