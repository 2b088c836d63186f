import { expect, test } from 'vitest';
import { join } from 'node:path';
import { evidenceFolder } from '../../src/audit/names.ts';
import { FolderDestination } from '../../src/audit/ship-folder.ts';
import { ShipRecord } from '../../src/audit/ship-record.ts';
import { Shipment } from '../../src/audit/shipment.ts';
import type { RetentionRules } from '../../src/audit/retention.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import { EvidenceRetention, type EvidenceRetentionOptions } from '../../src/app/evidence-retention.ts';
import { Log } from '../../src/telemetry/log.ts';
import { scratch, WrittenLog } from '../audit/written-log.ts';

const DAY = 86_400_000;
const START = Date.parse('2026-01-01T00:00:00.000Z');

/** A log of `bundles` bundles beside its first, all of which may go after 5 days. */
function written(bundles: number): WrittenLog {
  const log = new WrittenLog(scratch());
  log.fill(256 * (bundles + 1), { time: new Date(START).toISOString(), retention_days: 5 });
  return log;
}

function retention(evidence: WrittenLog, options: Partial<EvidenceRetentionOptions>) {
  const lines: Record<string, unknown>[] = [];
  const log = new Log({
    level: 'info',
    destination: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const rules: RetentionRules = { days: null, classes: {}, hold: [] };
  return { lines, retention: new EvidenceRetention({ evidence, rules: () => rules, shipping: null, log, ...options }) };
}

test('many bundles past their time go at once, and few when they have waited for a week', async () => {
  const many = written(16);
  const { retention: large, lines } = retention(many, { now: () => START + 5 * DAY });
  await large.turn();
  expect(lines).toMatchObject([{ message: 'evidence past its time was deleted', log: 's1.1', from: 256, to: 4352 }]);
  expect(await verifyLog(many.folder)).toMatchObject({ pruned: 4096, fault: null });
  await large.turn();
  expect(lines.length).toBe(1);

  const few = written(2);
  let day = 11.9;
  const { retention: small } = retention(few, { now: () => START + day * DAY });
  await small.turn();
  expect(await verifyLog(few.folder)).toMatchObject({ pruned: 0, fault: null });
  day = 12;
  await small.turn();
  expect(await verifyLog(few.folder)).toMatchObject({ pruned: 512, fault: null });
});

test('what was not shipped stays, until it was', async () => {
  const log = written(3);
  const destination = new FolderDestination(scratch());
  const recordFile = join(log.state, 'ship.json');
  const { retention: keeper } = retention(log, {
    now: () => START + 99 * DAY,
    shipping: { recordFile, destination: destination.id },
  });
  await keeper.turn();
  expect(await verifyLog(log.folder)).toMatchObject({ pruned: 0, fault: null });

  const evidence = evidenceFolder(log.state);
  const record = ShipRecord.read(recordFile, destination.id);
  const shipment = new Shipment({ evidence, destination, record, isOwn: () => false });
  expect(await shipment.ship(new AbortController().signal)).toEqual([]);
  const elsewhere = retention(log, {
    now: () => START + 99 * DAY,
    shipping: { recordFile, destination: 'folder:/another' },
  });
  await elsewhere.retention.turn();
  expect(await verifyLog(log.folder)).toMatchObject({ pruned: 0, fault: null });
  await keeper.turn();
  expect(await verifyLog(log.folder)).toMatchObject({ pruned: 768, fault: null });
  expect(await shipment.ship(new AbortController().signal)).toEqual([]);
});

test('a hold that comes by a reload keeps what it names, and one that is lifted lets it go', async () => {
  const log = written(3);
  let rules: RetentionRules = { days: null, classes: {}, hold: ['acme'] };
  const { retention: keeper } = retention(log, { now: () => START + 99 * DAY, rules: () => rules });
  await keeper.turn();
  expect(await verifyLog(log.folder)).toMatchObject({ pruned: 0, fault: null });
  rules = { ...rules, hold: [] };
  await keeper.turn();
  expect(await verifyLog(log.folder)).toMatchObject({ pruned: 768, fault: null });
});
