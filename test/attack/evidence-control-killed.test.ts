import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { LoggedEvidence } from '../../src/app/control-evidence.ts';
import { openWitnessedStore } from '../../src/app/witnessed-store.ts';
import { EvidenceLog } from '../../src/audit/evidence-log.ts';
import { evidenceFolder, folderOf } from '../../src/audit/names.ts';
import { LogReader } from '../../src/audit/reader.ts';
import type { Told } from '../control/journal.ts';

const WRITER = fileURLToPath(new URL('evidence-control-writer.ts', import.meta.url));

/**
 * Somebody kills the control plane just when it changes something, so that the change holds and nothing tells of it.
 * Evidence comes first: there may be an entry of what was not done, never something done without an entry.
 */
describe('a control plane that is killed', () => {
  const state = mkdtempSync(join(tmpdir(), 'domicile-killed-'));
  const folder = folderOf(evidenceFolder(state), 'sidecar-1', 'control');
  afterAll(() => rmSync(state, { recursive: true }));

  /** The process, until it is dead. Returns what the store has and what the log says, of this run. */
  async function killed(run: string, moment: string, count: number) {
    const child = spawn(process.execPath, [WRITER, state, run, moment, String(count)], { stdio: 'inherit' });
    expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
    const dead = LogReader.open(folder).checkpoint().size;
    const own = { state, sidecar: 'sidecar-1', name: 'control', key: null };
    const log = await EvidenceLog.open({ ...own, flushMs: 25, capacity: 65_536, onChange: () => {} });
    const evidence = new LoggedEvidence(log, 'sidecar-1', null);
    const store = await openWitnessedStore({ url: null, folder: state }, log.folder, evidence);
    const rows = await store.db.selectFrom('history').select(['id', 'revision']).execute();
    await store.close();
    await log.close(5000);
    const entries: Told[] = Array.from(LogReader.open(folder).entries(), ({ value }) => value);
    const said = entries.filter(({ seq, action }) => seq < dead && action === 'policy.created');
    const retracted = entries.filter(({ seq, outcome }) => seq >= dead && outcome === 'failed');
    const pair = ({ id, revision }: { id: string; revision: number }) => `${id}@${revision}`;
    const witnessed = new Set(said.map(({ object_id: id, revision }) => pair({ id, revision } as never)));
    return {
      done: rows.filter(({ id }) => id.startsWith(`${run}-`)).map(({ id }) => id),
      said: said.filter(({ object_id: id }) => id.startsWith(`${run}-`)).map(({ object_id: id }) => id),
      retracted: retracted.map(({ object_id: id }) => id),
      unsaid: rows.map(pair).filter((each) => !witnessed.has(each)),
    };
  }

  it('before the evidence of a change is written has not done it', async () => {
    const all = ['a-1', 'a-2'];
    expect(await killed('a', 'unwritten', 3)).toEqual({ done: all, said: all, retracted: [], unsaid: [] });
  });

  it('between evidence and commit has said more than it has done, which the next start finds', async () => {
    const all = await killed('b', 'uncommitted', 3);
    const said = ['b-1', 'b-2', 'b-3'];
    expect(all).toEqual({ done: ['b-1', 'b-2'], said, retracted: ['b-3'], unsaid: [] });
  });

  it('after the commit has done what it said', async () => {
    const all = ['c-1', 'c-2'];
    expect(await killed('c', 'committed', 2)).toEqual({ done: all, said: all, retracted: [], unsaid: [] });
  });
});
