import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evidenceFolder } from '../../src/audit/names.ts';
import { ControlRig } from '../control/rig.ts';
import { WrittenLog } from '../audit/written-log.ts';

const NAMED = 'connect ECONNREFUSED 10.0.0.9:9000';
const PATHS = ['/audit/access-logs/acme', '/audit/violations', '/access/audit', '/audit/reports?tenant_id=acme'];

/**
 * An auditor of one tenant reads whatever the API tells about logs that all tenants share, to learn where they are, how
 * much the others do, and what is behind the proxy.
 */
describe('an auditor', () => {
  let folder: string;
  let rig: ControlRig;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'domicile-shown-'));
    const before = new WrittenLog(folder);
    const time = new Date().toISOString();
    const failed = { effect: 'deny', reason: 'upstream_connect_failed', detail: NAMED, status: 502, time };
    const refused = { ...failed, reason: 'region_not_allowed', status: 403 };
    const write = (log: WrittenLog, others: number) => {
      log.add(failed);
      log.add(refused);
      for (let i = 0; i < others; i++) log.add({ tenant: 'other', time });
      log.commit();
    };
    write(before, 4321);
    rig = await ControlRig.start({ evidence: evidenceFolder(folder) });
    await rig.context.index.look();
    // It is put back to an older state, and another log does not open.
    rmSync(evidenceFolder(folder), { recursive: true });
    write(new WrittenLog(folder), 321);
    const broken = new WrittenLog(folder, { name: 'control' });
    writeFileSync(join(broken.folder, 'checkpoint'), 'nothing');
    await rig.context.index.look();
  });
  afterAll(async () => {
    await rig.stop();
    rmSync(folder, { recursive: true });
  });
  const get = async (path: string, tenant: string | null) =>
    rig.send('GET', `/api/v1${path}`, { token: await rig.token('auditor', tenant) });

  it('of one tenant learns that something is wrong, and neither where, nor how large the logs are, nor what is upstream', async () => {
    for (const path of PATHS) {
      const { status, text } = await get(path, 'acme');
      expect(status, text).toBe(200);
      for (const secret of [folder, '10.0.0.9', 'had 4324']) expect(text, path).not.toContain(secret);
    }
    const { body } = await get('/audit/access-logs/acme', 'acme');
    expect(body.problems).toEqual([
      { log: 'domicile/s1/1', problem: 'it was put back or rewritten' },
      { log: '', problem: expect.stringContaining('cannot be read or indexed') },
    ]);
    expect(body.items.map(({ detail }: { detail: string }) => detail)).toEqual([
      'told only to those who may read the evidence of all tenants',
      'told only to those who may read the evidence of all tenants',
    ]);
    const { body: report } = await get('/audit/reports', 'acme');
    expect(report.coverage.logs[0]).toMatchObject({ size: null, root: null, problem: 'it was put back or rewritten' });
    expect(report.findings.map(({ code }: { code: string }) => code)).toContain('evidence_broken');
  });

  it('of all tenants is told it all', async () => {
    const { body } = await get('/audit/access-logs/acme', null);
    expect(body.items[0].detail).toBe(NAMED);
    const told = JSON.stringify(body.problems);
    expect(told).toContain('had 4324 entries and now has 324');
    expect(told).toContain(folder);
    const { body: report } = await get('/audit/reports?tenant_id=acme', null);
    expect(report.coverage.logs[0]).toMatchObject({ size: 324, root: expect.any(String) });
  });
});
