import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Destination, Rule } from '../../src/audit/destination.ts';
import type { Entry } from '../../src/audit/entry.ts';
import { evidenceFolder } from '../../src/audit/names.ts';
import { FolderDestination } from '../../src/audit/ship-folder.ts';
import { ShipRecord } from '../../src/audit/ship-record.ts';
import { Shipment } from '../../src/audit/shipment.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import { filesIn, scratch, WrittenLog } from './written-log.ts';

const NEVER = new AbortController().signal;

/** A folder to ship to, and what ships there: made anew it is another process. */
class Harbour {
  readonly state = scratch();
  readonly target = scratch();
  readonly log = new WrittenLog(this.state);
  shipment: Shipment = this.anew();

  anew(
    destination: Destination = new FolderDestination(this.target),
    isOwn: (entry: Entry) => boolean = () => false,
  ): Shipment {
    const record = ShipRecord.read(join(this.state, 'ship.json'), destination.id);
    return (this.shipment = new Shipment({ evidence: evidenceFolder(this.state), destination, record, isOwn }));
  }

  /** Ships, and tells what failed. */
  async ship(): Promise<string[]> {
    return (await this.shipment.ship(NEVER)).map(({ log, error }) => `${log}: ${error.message}`);
  }

  /** What lies at the target of the log, without the checkpoints that are kept. */
  get copy(): Record<string, string> {
    const files = Object.entries(filesIn(join(this.target, 's1.1')));
    return Object.fromEntries(files.filter(([path]) => !path.startsWith('checkpoints/')));
  }

  at(path: string): string {
    return join(this.target, 's1.1', path);
  }
}

/** Notes what it is given, and passes it on. */
class Watched implements Destination {
  readonly id: string;
  readonly readable: boolean;
  readonly puts: string[] = [];
  readonly #to: Destination;
  /** Runs before each file. */
  onPut: (path: string) => void = () => undefined;

  constructor(to: Destination, readable = to.readable) {
    this.#to = to;
    this.id = to.id;
    this.readable = readable;
  }

  put(path: string, bytes: Buffer, rule: Rule): Promise<void> {
    this.onPut(path);
    this.puts.push(path);
    return this.#to.put(path, bytes, rule);
  }

  settle(): Promise<void> {
    this.puts.push('settle');
    return this.#to.settle();
  }

  read(path: string): Promise<Buffer | null> {
    return this.#to.read(path);
  }

  remove(path: string): Promise<void> {
    return this.#to.remove(path);
  }
}

test('a copy of a log is the log, file by file, and every checkpoint that was shipped is kept beside it', async () => {
  const harbour = new Harbour();
  for (const size of [1, 17, 256, 300, 1100]) {
    harbour.log.fill(size);
    expect(await harbour.ship()).toEqual([]);
    expect(harbour.copy).toEqual(filesIn(harbour.log.folder));
    expect(await verifyLog(harbour.at('.'))).toMatchObject({ size, fault: null });
    expect(readFileSync(harbour.at(`checkpoints/${size}`))).toEqual(
      readFileSync(join(harbour.log.folder, 'checkpoint')),
    );
  }
  const kept = Object.keys(filesIn(harbour.at('checkpoints')));
  expect(kept).toEqual(['1', '17', '256', '300', '1100']);
});

test('tiles of tiles are shipped when their last bundle is full', { timeout: 60_000 }, async () => {
  const harbour = new Harbour();
  harbour.log.fill(65_537);
  expect(await harbour.ship()).toEqual([]);
  expect(harbour.copy).toHaveProperty('tile/1/000');
  expect(harbour.copy).toEqual(filesIn(harbour.log.folder));
});

test('a checkpoint goes last, when everything that it covers is durable there', async () => {
  const harbour = new Harbour();
  const watched = new Watched(new FolderDestination(harbour.target));
  harbour.anew(watched);
  harbour.log.fill(300);
  expect(await harbour.ship()).toEqual([]);
  expect(watched.puts.map((path) => path.replace('s1.1/', ''))).toEqual([
    'tile/entries/000',
    'tile/0/000',
    'tile/entries/001.p/44',
    'tile/0/001.p/44',
    'tile/1/000.p/1',
    'checkpoints/300',
    'settle',
    'checkpoint',
    'settle',
    'key.pub',
    'settle',
  ]);
});

test('the logs of workers that are gone are shipped too, and one that fails keeps no other back', async () => {
  const harbour = new Harbour();
  const control = new WrittenLog(harbour.state, { name: 'control' });
  control.fill(3);
  harbour.log.fill(2);
  mkdirSync(harbour.at('checkpoints'), { recursive: true });
  writeFileSync(harbour.at('checkpoints/2'), 'something else');
  const [failure, ...others] = await harbour.ship();
  expect(failure).toMatch(/^s1\.1: .*checkpoints\/2 holds something else than this log: it is not overwritten$/);
  expect(others).toEqual([]);
  expect(filesIn(join(harbour.target, 's1.control'))).toMatchObject(filesIn(control.folder));
});

test('when only shipping itself is new nothing is shipped, and nothing is behind', async () => {
  const harbour = new Harbour();
  const watched = new Watched(new FolderDestination(harbour.target));
  harbour.anew(watched, ({ text }) => text.includes('"request_id":"ship-'));
  harbour.log.fill(10);
  await harbour.ship();
  const before = watched.puts.length;
  harbour.log.fill(500, { request_id: 'ship-1' });
  expect(await harbour.ship()).toEqual([]);
  expect(watched.puts.length).toBe(before);
  expect(harbour.shipment.backlog).toEqual({ entries: 0, since: null });
  harbour.log.fill(501, { time: '2026-11-24T16:00:00.000Z' });
  await harbour.shipment.look();
  expect(harbour.shipment.backlog).toEqual({ entries: 491, since: Date.parse('2026-11-24T16:00:00.000Z') });
  await harbour.ship();
  expect(harbour.copy).toEqual(filesIn(harbour.log.folder));
  expect(harbour.shipment.backlog).toEqual({ entries: 0, since: null });
});

test.each([
  ['a folder compares what it has with what it is given', true, 'tile/entries/000'],
  ['a bucket is given only what is missing', false, 'tile/entries/064'],
])('what was interrupted goes on, also in another process: %s', async (_, readable, first) => {
  const harbour = new Harbour();
  harbour.log.fill(20_000);
  const watched = new Watched(new FolderDestination(harbour.target), readable);
  const stop = new AbortController();
  watched.onPut = (path) => {
    if (path.endsWith('tile/entries/070')) stop.abort();
  };
  const [failure] = await harbour.anew(watched).ship(stop.signal);
  expect(failure?.error.name).toBe('AbortError');
  expect(harbour.copy).not.toHaveProperty('checkpoint');
  const rest = new Watched(new FolderDestination(harbour.target), readable);
  harbour.anew(rest);
  expect(await harbour.ship()).toEqual([]);
  expect(rest.puts[0]).toBe(`s1.1/${first}`);
  expect(harbour.copy).toEqual(filesIn(harbour.log.folder));
});

test('without the record a folder is asked what it has, and a bucket is given everything again', async () => {
  const harbour = new Harbour();
  harbour.log.fill(600);
  await harbour.ship();
  rmSync(join(harbour.state, 'ship.json'));
  harbour.log.fill(700);
  const asked = new Watched(new FolderDestination(harbour.target));
  harbour.anew(asked);
  expect(await harbour.ship()).toEqual([]);
  expect(asked.puts[0]).toBe('s1.1/tile/entries/002.p/188');
  rmSync(join(harbour.state, 'ship.json'));
  const told = new Watched(new FolderDestination(harbour.target), false);
  harbour.anew(told);
  expect(await harbour.ship()).toEqual([]);
  expect(told.puts[0]).toBe('s1.1/tile/entries/000');
  expect(harbour.copy).toEqual(filesIn(harbour.log.folder));
});

test('a log that grows while it is shipped is shipped as its checkpoint found it', async () => {
  const harbour = new Harbour();
  harbour.log.fill(300);
  const watched = new Watched(new FolderDestination(harbour.target));
  watched.onPut = () => harbour.log.fill(harbour.log.size + 101);
  harbour.anew(watched);
  expect(await harbour.ship()).toEqual([]);
  expect(Object.keys(harbour.copy)).toContain('tile/entries/001.p/44');
  expect(harbour.copy['checkpoint']).toContain('\n300\n');
  watched.onPut = () => undefined;
  expect(await harbour.ship()).toEqual([]);
  expect(harbour.copy).toEqual(filesIn(harbour.log.folder));
});

test('bundles that were pruned are not shipped, and their hashes are', async () => {
  const harbour = new Harbour();
  harbour.log.fill(600);
  await harbour.log.prune({ from: 0, to: 256 });
  expect(await harbour.ship()).toEqual([]);
  expect(harbour.copy).toEqual(filesIn(harbour.log.folder));
  expect(harbour.copy).not.toHaveProperty('tile/entries/000');
  expect(harbour.copy).toHaveProperty('tile/0/000');
});

test('a full tile at the target is never overwritten with another', async () => {
  const harbour = new Harbour();
  mkdirSync(harbour.at('tile/0'), { recursive: true });
  writeFileSync(harbour.at('tile/0/000'), 'older');
  harbour.log.fill(300);
  const [failure] = await harbour.ship();
  expect(failure).toContain('tile/0/000 holds something else than this log: it is not overwritten');
  expect(readFileSync(harbour.at('tile/0/000'), 'utf8')).toBe('older');
  expect(harbour.copy).not.toHaveProperty('checkpoint');
});

test('a log that was rolled back, or begun anew, does not follow what was shipped of it', async () => {
  const harbour = new Harbour();
  harbour.log.fill(20);
  const earlier = scratch();
  cpSync(harbour.log.folder, earlier, { recursive: true });
  harbour.log.fill(300);
  await harbour.ship();
  const replace = (by: string) => {
    rmSync(harbour.log.folder, { recursive: true });
    cpSync(by, harbour.log.folder, { recursive: true });
  };
  replace(earlier);
  expect(await harbour.ship()).toEqual([
    expect.stringContaining('has 20 entries, less than the 300 recorded as shipped: it was rolled back'),
  ]);
  const other = new WrittenLog(scratch());
  other.fill(400, { tenant: 'globex' });
  replace(other.folder);
  const rewritten = 'does not continue the checkpoint of 300 entries';
  expect(await harbour.ship()).toEqual([expect.stringContaining(`${rewritten} recorded as shipped`)]);
  rmSync(join(harbour.state, 'ship.json')); // the folder knows it too
  harbour.anew();
  expect(await harbour.ship()).toEqual([expect.stringContaining(`${rewritten} at folder:`)]);
});

test('a bundle that was altered here does not leave', async () => {
  const harbour = new Harbour();
  harbour.log.fill(600);
  const path = join(harbour.log.folder, 'tile/entries/001');
  const bytes = readFileSync(path, 'latin1');
  rmSync(path);
  writeFileSync(path, bytes.replace('"tenant":"acme"', '"tenant":"acne"'), 'latin1');
  expect(await harbour.ship()).toEqual([
    expect.stringContaining('tile/entries/001 does not hash to what the checkpoint covers: it was altered'),
  ]);
  expect(harbour.copy).not.toHaveProperty('tile/entries/001');
});

test('a target that lost what was shipped, or that is not mounted, is not begun anew unasked', async () => {
  const harbour = new Harbour();
  harbour.log.fill(20);
  await harbour.ship();
  harbour.log.fill(30);
  rmSync(harbour.at('.'), { recursive: true });
  expect(await harbour.ship()).toEqual([expect.stringContaining('20 entries were shipped there; mount or restore it')]);
  expect(harbour.shipment.backlog.entries).toBe(10);
  rmSync(join(harbour.state, 'ship.json'));
  rmSync(harbour.target, { recursive: true });
  harbour.anew();
  expect(await harbour.ship()).toEqual([`s1.1: ${harbour.target} is not there: mount it, or make it`]);
  mkdirSync(harbour.target);
  expect(await harbour.ship()).toEqual([]);
  expect(harbour.copy).toEqual(filesIn(harbour.log.folder));
});

test('two machines of one name do not ship over each other', async () => {
  const [here, there] = [new Harbour(), new Harbour()];
  here.log.fill(20);
  there.log.fill(30, { tenant: 'globex' });
  await here.ship();
  there.anew(new FolderDestination(here.target));
  expect(await there.ship()).toEqual([
    expect.stringContaining('does not continue the checkpoint of 20 entries at folder:'),
  ]);
  expect(here.copy).toEqual(filesIn(here.log.folder));
});
