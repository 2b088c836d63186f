import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { LogLock } from '../../src/audit/lock.ts';
import { folderIn, newState, openLog, story, verified } from './logs.ts';

const LOCK = new URL('../../src/audit/lock.ts', import.meta.url).href;

describe('the lock of a log', () => {
  it('is had by one at a time, within a process too', () => {
    const state = newState();
    const lock = LogLock.take(state, '1')!;
    expect(LogLock.take(state, '1')).toBeNull();
    const other = LogLock.take(state, '2')!;
    lock.release();
    const again = LogLock.take(state, '1')!;
    expect(again).not.toBeNull();
    again.release();
    other.release();
  });

  it('goes with its process, however that ends', async () => {
    const state = newState();
    const script = `import { LogLock } from '${LOCK}'; globalThis.held = LogLock.take(process.argv[1], '1'); console.log('held'); setInterval(() => {}, 1000)`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, state]);
    await once(child.stdout, 'data');
    expect(LogLock.take(state, '1')).toBeNull();
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lock = LogLock.take(state, '1')!;
    expect(lock).not.toBeNull();
    lock.release();
  });

  it('sends who finds it taken to the next free name', async () => {
    const state = newState();
    const logs = [await openLog(state), await openLog(state), await openLog(state, { name: 'control' })];
    logs.push(await openLog(state, { name: 'control' }));
    expect(logs.map(({ origin }) => origin)).toEqual([
      'domicile/s1/1',
      'domicile/s1/2',
      'domicile/s1/control',
      'domicile/s1/control-2',
    ]);
    expect(logs[3]!.folder).toBe(folderIn(state, 'control-2'));
    for (const log of logs) expect(await log.close(5000)).toBe(0);
    for (const name of ['1', '2', 'control', 'control-2']) await verified(state, name);
    const next = await openLog(state);
    await next.close(5000);
    expect(story(state)).toEqual([
      'key began',
      'control log.opened',
      'control log.closed',
      'control log.opened',
      'control log.closed',
    ]);
  });
});
