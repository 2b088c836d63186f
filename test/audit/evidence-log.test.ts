import { execFile } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { LogReader } from '../../src/audit/reader.ts';
import { openThread, type OpenPort } from '../../src/audit/thread.ts';
import { inProcess } from './faults.ts';
import { systemFiles } from '../../src/audit/durable.ts';
import { durably, folderIn, newState, openLog, rest, story, verified, writerIn } from './logs.ts';

const LOG = new URL('../../src/audit/evidence-log.ts', import.meta.url).href;

/** A writer in a thread, and how often it was told to commit. */
function counted(openPort: OpenPort = openThread): { openPort: OpenPort; commits(): number } {
  let commits = 0;
  return {
    commits: () => commits,
    openPort(answer, lost) {
      const port = openPort(answer, lost);
      const post: typeof port.post = (message, buffers) => {
        if (message.type === 'commit') commits += 1;
        port.post(message, buffers);
      };
      return { ...port, post };
    },
  };
}

describe('an evidence log', () => {
  it('has an entry durable soon though nobody asks, and tells how many are', async () => {
    const state = newState();
    const log = await openLog(state);
    const first = log.append('query', rest('one'));
    expect(first).toBe(log.size);
    expect(log.append('query', rest('two'))).toBe(first + 1);
    expect(log.depth).toBe(2);
    await expect.poll(() => log.depth, { interval: 1, timeout: 5000 }).toBe(0);
    expect(log.size).toBe(first + 2);
    expect(await log.close(5000)).toBe(0);
    const told = ['query one', 'query two'];
    expect(story(state)).toEqual(['key began', 'control log.opened', ...told, 'control log.closed']);
    expect(await verified(state)).toMatchObject({ size: 5, notes: [], gaps: [] });
  });

  it('has many who wait share what is written, and tells them in their order, never at once', async () => {
    const state = newState();
    const { openPort, commits } = counted();
    const log = await openLog(state, { openPort });
    const before = commits();
    const order: number[] = [];
    const waiting: Promise<Error | null>[] = [];
    for (let i = 0; i < 64; i++) {
      const seq = log.append('control', rest(`change ${i}`));
      waiting.push(durably(log, seq));
      log.durable(seq, () => order.push(seq));
    }
    expect(order).toEqual([]);
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => null));
    expect(commits() - before).toBe(1);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(order).toHaveLength(64);
    let isLater = false;
    const known = new Promise<boolean>((resolve) => log.durable(0, () => resolve(isLater)));
    isLater = true;
    expect(await known).toBe(true);
    await log.close(5000);
  });

  it('gathers whoever asks while something is written for the next time', async () => {
    const state = newState();
    let gate: PromiseWithResolvers<void> | null = null;
    const { openPort, commits } = counted(inProcess(systemFiles, () => gate?.promise ?? Promise.resolve()));
    const log = await openLog(state, { openPort, flushMs: 50 });
    gate = Promise.withResolvers();
    const before = commits();
    const first = durably(log, log.append('control', rest('first')));
    await expect.poll(() => commits(), { interval: 1 }).toBe(before + 1);
    const others = Array.from({ length: 10 }, (_, i) => durably(log, log.append('control', rest(`other ${i}`))));
    gate.resolve();
    expect(await Promise.all([first, ...others])).toEqual(Array.from({ length: 11 }, () => null));
    expect(commits()).toBe(before + 2);
    await log.close(5000);
    await verified(state);
  });

  it('keeps every byte of many entries of many sizes, in buffers that go back and forth', async () => {
    const state = newState();
    const log = await openLog(state, { capacity: 1_000_000 });
    const first = log.size;
    const noteOf = (i: number) => `${i} ${'x'.repeat((i * 37) % 3000)}`;
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 250; i++) log.append('query', rest(noteOf(round * 250 + i)));
      expect(await durably(log, log.size + log.depth - 1)).toBeNull();
    }
    await log.close(5000);
    await verified(state);
    const entries = [...LogReader.open(folderIn(state)).entries(first, first + 5000)];
    expect(entries.map(({ value }) => value['action'])).toEqual(Array.from({ length: 5000 }, (_, i) => noteOf(i)));
  });

  it('refuses an entry of more than 16 KiB, and takes the next in its place', async () => {
    const state = newState();
    const log = await openLog(state);
    const next = log.size;
    expect(() => log.append('query', rest('x'.repeat(16_384)))).toThrow(RangeError);
    expect(log.append('query', rest('short'))).toBe(next);
    await log.close(5000);
    await verified(state);
  });

  it('asks for what is ready before each batch, and now and then while entries are certain to come', async () => {
    const log = await openLog(newState());
    let asked = 0;
    let left = 3;
    const none = Promise.withResolvers<void>();
    log.beforeFlush = () => {
      asked += 1;
      if (left > 0) log.append('query', rest(`late ${left--}`));
      if (asked === 5) {
        log.reserved = 0;
        none.resolve();
      }
    };
    log.reserved = 3;
    await none.promise;
    await expect.poll(() => log.depth, { interval: 1 }).toBe(0);
    await log.close(5000);
    expect(asked).toBeGreaterThanOrEqual(6);
  });

  it('has no room once as many entries as it may hold are under way or certain to come', async () => {
    const log = await openLog(newState(), { capacity: 10 });
    for (let i = 0; i < 6; i++) log.append('query', rest('under way'));
    log.reserved = 3;
    expect(log.hasRoom).toBe(true);
    log.reserved = 4;
    expect(log.hasRoom).toBe(false);
    log.reserved = 0;
    for (let i = 0; i < 10; i++) log.append('query', rest('taken all the same'));
    expect(log.hasRoom).toBe(false);
    expect(await durably(log, log.size + log.depth - 1)).toBeNull();
    expect(log.hasRoom).toBe(true);
    await log.close(5000);
  });

  it('has no room either once its entries are 32 MiB', async () => {
    const log = await openLog(newState(), { capacity: 1_000_000 });
    const long = rest('x'.repeat(16_000));
    let entries = 0;
    while (log.hasRoom) {
      log.append('query', long);
      entries += 1;
    }
    expect(entries * 16_200).toBeGreaterThan(32 << 20);
    expect(entries * 16_000).toBeLessThan(33 << 20);
    expect(await durably(log, log.size + log.depth - 1)).toBeNull();
    expect(log.hasRoom).toBe(true);
    await log.close(5000);
  });

  it('tells how many entries best effort did not take, once there is room', async () => {
    const state = newState();
    const log = await openLog(state);
    log.lose(3);
    log.lose(4);
    await durably(log, log.append('query', rest('next')));
    await log.close(5000);
    const [gap] = (await verified(state)).gaps;
    expect(gap).toMatchObject({ cause: 'best_effort', lost: 7, refused: 0 });
    expect(gap!.from! <= gap!.to!).toBe(true);
  });

  it('deletes full bundles after it has said so, and verifies after that', async () => {
    const state = newState();
    const log = await openLog(state);
    for (let i = 0; i < 600; i++) log.append('query', rest(`entry ${i}`));
    await expect(log.prune({ from: 0, to: 256 })).rejects.toThrow('not full bundles'); // not durable yet
    expect(await durably(log, 600)).toBeNull();
    await expect(log.prune({ from: 0, to: 100 })).rejects.toThrow('not full bundles');
    await log.prune({ from: 256, to: 512 });
    expect(readdirSync(join(folderIn(state), 'tile/entries'))).toEqual(expect.arrayContaining(['000']));
    expect(readdirSync(join(folderIn(state), 'tile/entries'))).not.toContain('001');
    await log.close(5000);
    expect(await verified(state)).toMatchObject({ pruned: 256 });
    expect(story(state)).toContain('control evidence.pruned');
  });
});

describe('an evidence log that is opened', () => {
  it('says that the one before it did not close, and until when it wrote', async () => {
    const state = newState();
    writerIn(state);
    const log = await openLog(state);
    await log.close(5000);
    expect(story(state)).toEqual(['key began', 'gap unclean_stop', 'control log.opened', 'control log.closed']);
    const [gap] = (await verified(state)).gaps;
    expect(gap).toMatchObject({
      lost: null,
      refused: 0,
      detail: 'the log was not closed: what was not yet durable is lost',
    });
    const [began] = [...LogReader.open(folderIn(state)).entries()];
    expect(gap!.from).toBe(began!.value['time']);
  });

  it('refuses one that is not as it was left, and does not begin another instead', async () => {
    const state = newState();
    await (await openLog(state)).close(5000);
    rmSync(join(folderIn(state), 'checkpoint'));
    for (let i = 0; i < 2; i++)
      await expect(openLog(state)).rejects.toThrow('checkpoint is missing, but there are tiles');
    expect(readdirSync(join(state, 'evidence'))).toEqual(['s1.1']);
  });

  it('does not keep its process alive, and loses nothing when that ends by itself', async () => {
    const state = newState();
    const script = `import { EvidenceLog } from '${LOG}';
      const log = await EvidenceLog.open({ state: process.argv[1], sidecar: 's1', name: '1', key: null, flushMs: 25, capacity: 100, onChange() {} });
      log.append('query', ${JSON.stringify(rest('last'))});`;
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, state], { timeout: 15_000 });
    expect(story(state)).toEqual(['key began', 'control log.opened', 'query last']);
  });

  it('is failing for good once what writes it has ended, and says how much was not written', async () => {
    let kill: (error: Error) => void = () => undefined;
    const inner = inProcess(systemFiles);
    const states: (string | null)[] = [];
    const log = await openLog(newState(), {
      onChange: ({ failing }) => states.push(failing),
      openPort: (answer, lost) => inner(answer, (kill = lost)),
    });
    const waiting = durably(log, log.append('control', rest('waits')));
    kill(new Error('out of memory'));
    expect((await waiting)?.message).toContain('its thread ended: out of memory: restart');
    expect(log.hasRoom).toBe(false);
    expect(states).toEqual([log.failing]);
    expect((await durably(log, log.append('control', rest('later'))))?.message).toBe(log.failing);
    expect(await log.close(100)).toBe(3);
  });
});
