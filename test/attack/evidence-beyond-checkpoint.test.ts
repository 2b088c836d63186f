/**
 * While a process is down somebody without its key puts entries behind the last checkpoint of its log. What lies whole
 * there after a crash is taken in and signed: it must not become a licence to delete what was signed before, and must be
 * told apart from what the process itself had signed, however it ends.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { logEntry } from '../../src/audit/log-entry.ts';
import { LogReader } from '../../src/audit/reader.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import { folderIn, frames, newState, openLog, story, verified, writerIn } from '../audit/logs.ts';

const ORIGIN = 'domicile/s1/1';

function frame(seq: number, rest: string): Buffer {
  const text = `{"v":1,"kind":"control","seq":${seq},"time":"2026-11-24T15:00:00.000Z",${rest}`;
  const bytes = Buffer.alloc(2 + text.length);
  bytes.writeUInt16BE(text.length);
  bytes.write(text, 2, 'latin1');
  return bytes;
}

/** A log of 300 entries, with more behind its checkpoint. */
function forged(...entries: readonly Buffer[]): string {
  const state = newState();
  const writer = writerIn(state);
  writer.add(frames(1, 299));
  writer.commit();
  const known = readFileSync(join(folderIn(state), 'tile/entries/001.p/44'));
  const path = join(folderIn(state), `tile/entries/001.p/${44 + entries.length}`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, Buffer.concat([known, ...entries]));
  return state;
}

test('an entry that says that bundles were deleted is not taken in: without it their loss is a fault', async () => {
  const pruned = logEntry('s1', ORIGIN, 'evidence.pruned', { from: 0, to: 256 });
  for (const rest of [pruned, pruned.replace('"action"', String.raw`"\u0061ction"`)]) {
    const state = forged(frame(300, rest));
    await (await openLog(state)).close(5000);
    expect(story(state).slice(300)).toEqual(['gap unclean_stop', 'control log.opened', 'control log.closed']);
    rmSync(join(folderIn(state), 'tile/entries/000'));
    expect((await verifyLog(folderIn(state))).fault).toMatchObject({ file: 'tile/entries/000', message: 'is missing' });
  }
});

test('entries that end as a log ends that was closed are told apart all the same', async () => {
  const state = forged(
    frame(300, logEntry('s1', ORIGIN, 'config.reloaded', {})),
    frame(301, logEntry('s1', ORIGIN, 'log.closed', {})),
  );
  await (await openLog(state)).close(5000);
  const { gaps } = await verified(state);
  const detail = expect.stringContaining('the 2 entries before this one lay behind its last checkpoint');
  expect(gaps).toMatchObject([{ seq: 302, cause: 'unclean_stop', detail }]);
});

test('they are told apart under the first checkpoint that covers them: a crash right after it hides nothing', async () => {
  const state = forged(frame(300, logEntry('s1', ORIGIN, 'log.closed', {})));
  const { size } = writerIn(state);
  expect(size).toBe(302);
  expect([...LogReader.open(folderIn(state)).entries(301)]).toMatchObject([{ value: { kind: 'gap' } }]);
});
