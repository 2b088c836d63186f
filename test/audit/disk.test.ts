import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemFiles, type DurableFiles } from '../../src/audit/durable.ts';
import type { EvidenceLog } from '../../src/audit/evidence-log.ts';
import { evidenceFolder } from '../../src/audit/names.ts';
import { diskError, inProcess } from './faults.ts';
import { durably, folderIn, newState, openLog, rest, story, verified } from './logs.ts';

/** A disk of which each change fails with a code, while there is one. */
function switched(): { code: string | null; files: DurableFiles } {
  const disk = { code: null as string | null, files: { ...systemFiles } };
  for (const name of ['write', 'rename', 'syncFolder', 'remove'] as const) {
    disk.files[name] = (...parameters: unknown[]) => {
      if (disk.code !== null) throw diskError(disk.code);
      (systemFiles[name] as (...all: unknown[]) => void)(...parameters);
    };
  }
  return disk;
}

/** Resolves once it can be written again. */
async function writable(log: EvidenceLog): Promise<void> {
  await expect.poll(() => log.failing ?? log.depth, { interval: 5, timeout: 10_000 }).toBe(0);
}

describe('a disk that fails', () => {
  it.each([
    ['ENOSPC', 'free space there'],
    ['EIO', 'look at the disk'],
    ['EROFS', 'mount it writable'],
    ['EACCES', 'let this user write there'],
  ])('refuses whoever waits, keeps what came, and writes it when it can be: %s', async (code, fix) => {
    const state = newState();
    const disk = switched();
    const states: (string | null)[] = [];
    const log = await openLog(state, {
      openPort: inProcess(disk.files),
      onChange: ({ failing }) => states.push(failing),
    });
    disk.code = code;
    const first = log.append('control', rest('change'));
    const error = await durably(log, first);
    expect(error?.message).toMatch(`evidence cannot be written to ${folderIn(state)}: ${code}`);
    expect(error?.message).toContain(fix);
    expect([log.hasRoom, log.failing]).toEqual([false, error?.message]);
    expect((await durably(log, log.append('control', rest('another'))))?.message).toBe(error?.message);
    log.append('query', rest('under way'));
    log.refuse();
    log.refuse();
    expect(await verified(state)).toMatchObject({ size: first });
    disk.code = null;
    await writable(log);
    expect(states).toEqual([error?.message, null]);
    expect(log.hasRoom).toBe(true);
    expect(await log.close(5000)).toBe(0);
    const told = ['control change', 'control another', 'query under way', 'gap unwritable'];
    expect(story(state)).toEqual(['key began', 'control log.opened', ...told, 'control log.closed']);
    const [gap] = (await verified(state)).gaps;
    expect(gap).toMatchObject({ cause: 'unwritable', lost: 0, refused: 2 });
  });

  it('does not keep a log from closing in time, which says how much was not written', async () => {
    const state = newState();
    const disk = switched();
    const log = await openLog(state, { openPort: inProcess(disk.files) });
    disk.code = 'EIO';
    log.append('query', rest('one'));
    log.append('query', rest('two'));
    const start = performance.now();
    expect(await log.close(300)).toBe(3); // and that it was closed
    expect(performance.now() - start).toBeLessThan(2000);
    disk.code = null;
    const next = await openLog(state, { openPort: inProcess(disk.files) });
    await next.close(5000);
    expect((await verified(state)).gaps).toMatchObject([{ cause: 'unclean_stop' }]);
  });

  it('does not keep anyone waiting for more than 5 s, and is named, when it only hangs', async () => {
    const state = newState();
    let hangs: Promise<void> = Promise.resolve();
    const log = await openLog(state, { openPort: inProcess(systemFiles, () => hangs) });
    const { promise, resolve } = Promise.withResolvers<void>();
    hangs = promise;
    const start = performance.now();
    const error = await durably(log, log.append('control', rest('waits')));
    expect(error?.message).toContain('more than 5 s');
    expect(performance.now() - start).toBeGreaterThan(4900);
    expect(performance.now() - start).toBeLessThan(7000);
    expect(log.hasRoom).toBe(false);
    resolve();
    await writable(log);
    expect(await log.close(5000)).toBe(0);
    expect(story(state)).toContain('control waits');
  });
});

function mount(...parameters: string[]): boolean {
  try {
    execFileSync('mount', parameters, { stdio: 'pipe' });
    return true;
  } catch {
    return false; // not root, or not allowed to
  }
}

const state = newState();
const disk = evidenceFolder(state);
mkdirSync(disk);
const isMounted = mount('-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', disk);

describe.skipIf(!isMounted)('a real disk, with a thread that writes', () => {
  let log: EvidenceLog;
  beforeAll(async () => void (log = await openLog(state)));
  afterAll(() => execFileSync('umount', [disk]));

  it('that is full loses nothing, and goes on when it is larger', async () => {
    let entries = 0;
    while (log.failing === null) {
      for (let i = 0; i < 10; i++) log.append('query', rest(`${entries++} ${'x'.repeat(1000)}`));
      await durably(log, log.size + log.depth - 1);
    }
    expect(log.failing).toMatch(/ENOSPC.*free space there/);
    expect(log.depth).toBeGreaterThan(0);
    await verified(state);
    expect(mount('-o', 'remount,size=8m', disk)).toBe(true);
    await writable(log);
    expect(await verified(state)).toMatchObject({ size: entries + 2 });
    expect(story(state)).toHaveLength(entries + 2);
  });

  it('that is read-only loses nothing, and goes on when it is not', async () => {
    expect(mount('-o', 'remount,ro', disk)).toBe(true);
    const { size } = log;
    expect((await durably(log, log.append('control', rest('kept'))))?.message).toMatch(/EROFS.*mount it writable/);
    expect(await verified(state)).toMatchObject({ size });
    expect(mount('-o', 'remount,rw', disk)).toBe(true);
    await writable(log);
    expect(await log.close(5000)).toBe(0);
    expect(story(state).slice(size)).toEqual(['control kept', 'control log.closed']);
    expect(await verified(state)).toMatchObject({ gaps: [] });
  });
});
