// Whoever can write to the folder that evidence is shipped to rewrites what lies there: an older checkpoint with other
// content, a tile, an emptied folder. What is shipped later must not cover that up, nor overwrite what proves it.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { evidenceFolder } from '../../src/audit/names.ts';
import { FolderDestination } from '../../src/audit/ship-folder.ts';
import { ShipRecord } from '../../src/audit/ship-record.ts';
import { Shipment } from '../../src/audit/shipment.ts';
import { filesIn, scratch, WrittenLog } from '../audit/written-log.ts';

interface Scene {
  readonly log: WrittenLog;
  readonly copy: string;
  /** Forgets what was shipped. */
  forget(): void;
  ship(): Promise<string[]>;
}

async function shipped(): Promise<Scene> {
  const [log, root] = [new WrittenLog(scratch()), scratch()];
  const record = join(log.state, 'ship.json');
  const ship = async () => {
    const destination = new FolderDestination(root);
    const shipment = new Shipment({
      evidence: evidenceFolder(log.state),
      destination,
      record: ShipRecord.read(record, destination.id),
      isOwn: () => false,
    });
    return (await shipment.ship(new AbortController().signal)).map(({ error }) => error.message);
  };
  log.fill(100);
  expect(await ship()).toEqual([]);
  log.fill(300);
  expect(await ship()).toEqual([]);
  log.fill(400);
  return { log, copy: join(root, 's1.1'), ship, forget: () => rmSync(record) };
}

/** Nothing at the target has changed but what the attack changed. */
async function refuses({ copy, ship }: Scene, why: string): Promise<void> {
  const before = filesIn(copy);
  expect(await ship()).toEqual([expect.stringContaining(why)]);
  expect(filesIn(copy)).toEqual(before);
}

/** The checkpoint of a log of the same name that tells another story, signed by a key that the attacker has. */
function forged(size: number): Buffer {
  const other = new WrittenLog(scratch());
  other.fill(size, { tenant: 'innocent' });
  return readFileSync(join(other.folder, 'checkpoint'));
}

test.each([false, true])('an older checkpoint with other content is refused (record lost: %s)', async (lost) => {
  const scene = await shipped();
  if (lost) scene.forget();
  writeFileSync(join(scene.copy, 'checkpoint'), forged(200));
  await refuses(scene, 'does not continue the checkpoint of 200 entries at folder:');
});

test('an older checkpoint of our own is refused too: what it does not cover may be gone', async () => {
  const scene = await shipped();
  writeFileSync(join(scene.copy, 'checkpoint'), readFileSync(join(scene.copy, 'checkpoints/100')));
  await refuses(scene, 'is of 100 entries only: 300 entries were shipped there; mount or restore it');
});

test('one that is no checkpoint, or of another log, is refused', async () => {
  const scene = await shipped();
  const path = join(scene.copy, 'checkpoint');
  const honest = readFileSync(path, 'utf8');
  writeFileSync(path, honest.slice(0, -10));
  await refuses(scene, 's1.1/checkpoint at folder:');
  writeFileSync(path, honest.replace('domicile/s1/1', 'domicile/s1/9'));
  await refuses(scene, 'is of another log: "domicile/s1/9"');
});

test('a checkpoint that lies where ours will be kept stays as it is', async () => {
  const scene = await shipped();
  const other = forged(400);
  writeFileSync(join(scene.copy, 'checkpoints/400'), other);
  expect(await scene.ship()).toEqual([
    expect.stringContaining('checkpoints/400 holds something else than this log: it is not overwritten'),
  ]);
  expect(readFileSync(join(scene.copy, 'checkpoints/400'))).toEqual(other);
  expect(readFileSync(join(scene.copy, 'checkpoint'), 'utf8')).toContain('\n300\n');
});
