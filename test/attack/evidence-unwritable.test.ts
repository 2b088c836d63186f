// Whoever can break the disk of a sidecar would have requests that leave no trace. Where no record can be kept nothing is
// forwarded, and what was refused in the meantime is told by the log itself, once it can be written again.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startRig, type Rig } from '../rig/domicile.ts';
import { endOf, recordsUnder } from '../rig/evidence.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream } from '../rig/upstream.ts';

const upstream = await startUpstream((_, response) => response.end('{}'));
const rigs: Rig[] = [];
afterAll(async () => {
  for (const rig of rigs) await rig.stop();
  await upstream.close();
});

async function start(audit: Record<string, unknown>): Promise<{ readonly rig: Rig; readonly tiles: string }> {
  const rig = await startRig({
    regions: [regionAt('eu-west', { search: upstream.url })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
    settings: { audit },
  });
  rigs.push(rig);
  return { rig, tiles: join(rig.folder, 'state', 'evidence', 'sidecar-1.1', 'tile') };
}

let sent = 0;
async function ask({ search }: Rig, classification: string) {
  const id = `r-${++sent}`;
  const headers = { 'x-tenant-id': 'acme', 'x-data-classification': classification, 'x-request-id': id };
  const answer = await fetch(`${search}/orders/_search`, { headers });
  await answer.text();
  return { id, told: `${answer.status} ${answer.headers.get('x-residency-reason')}` };
}

/** A file where a folder should be: no process, not even root's, can write into it. */
function breakDisk(tiles: string): () => void {
  renameSync(tiles, `${tiles}-away`);
  writeFileSync(tiles, '');
  return () => {
    rmSync(tiles);
    renameSync(`${tiles}-away`, tiles);
  };
}

const readiness = async ({ ops }: Rig) => (await fetch(`${ops}/readyz`)).text();

test('nothing is forwarded while evidence cannot be written, and a gap record says how much was refused', async () => {
  const { rig, tiles } = await start({});
  const before = await ask(rig, 'identity');
  expect(before.told).toBe('200 in_residency');
  await endOf(join(rig.folder, 'state'), before.id);
  const mend = breakDisk(tiles);
  // The first may still pass: it is known only when the batch that it is in is written.
  await ask(rig, 'identity');
  await expect.poll(() => readiness(rig)).toMatch(/evidence cannot be written/);
  const forwarded = upstream.requests.length;
  for (const classification of ['identity', 'analytical', 'none'])
    expect((await ask(rig, classification)).told).toBe('503 audit_unavailable');
  expect(upstream.requests.length).toBe(forwarded);
  expect(await rig.metrics()).toMatch(/domicile_audit_failures_total 3/);

  mend();
  await expect.poll(() => readiness(rig)).not.toMatch(/evidence/);
  const after = await ask(rig, 'identity');
  expect(after.told).toBe('200 in_residency');
  await endOf(join(rig.folder, 'state'), after.id);
  const records = await recordsUnder(join(rig.folder, 'state'));
  expect(records.filter(({ kind }) => kind === 'gap')).toMatchObject([{ cause: 'unwritable', refused: 3 }]);
  // What passed before it was known is there too: it waited.
  expect(records.filter(({ kind, effect }) => kind === 'decision' && effect === 'allow')).toHaveLength(3);
});

test('only classes that the operator has named pass without a record, and how many is on record', async () => {
  const { rig, tiles } = await start({ best_effort: ['content'] });
  const mend = breakDisk(tiles);
  await ask(rig, 'content');
  await expect.poll(() => readiness(rig)).toMatch(/evidence cannot be written/);
  expect((await ask(rig, 'content')).told).toBe('200 in_residency');
  expect((await ask(rig, 'content')).told).toBe('200 in_residency');
  expect((await ask(rig, 'operational')).told).toBe('503 audit_unavailable');
  mend();
  await expect
    .poll(async () => (await recordsUnder(join(rig.folder, 'state'))).filter(({ kind }) => kind === 'gap'))
    .toEqual(
      expect.arrayContaining([
        expect.objectContaining({ cause: 'best_effort', lost: 2 }),
        expect.objectContaining({ cause: 'unwritable', refused: 1 }),
      ]),
    );
});
