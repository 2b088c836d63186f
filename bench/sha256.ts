/**
 * `node bench/sha256.ts`: what the evidence log's hashes cost, on this machine: the leaf of an entry of 450 bytes and the
 * node above two of 32, in bundles of 256. Beside them the same work by node:crypto, one call a hash. Both take turns, and
 * the fastest of many rounds counts, which is what they take when nothing else runs. Exit code 1 when the two differ.
 */
import { hash, randomFillSync } from 'node:crypto';
import { BundleHasher, HASH_BYTES } from '../src/audit/hash.ts';
import { rounded } from './rows.ts';

const ENTRIES = 256;
const ENTRY_BYTES = 450;
const ROUNDS = 600;

const bundle = randomFillSync(Buffer.alloc(ENTRIES * (2 + ENTRY_BYTES)));
for (let i = 0; i < ENTRIES; i++) bundle.writeUInt16BE(ENTRY_BYTES, i * (2 + ENTRY_BYTES));
const ours = Buffer.alloc((ENTRIES + ENTRIES / 2) * HASH_BYTES);
const theirs = Buffer.alloc(ours.length);
const hasher = new BundleHasher();

const leaf = compared(
  ENTRIES,
  () => hasher.leaves(bundle, 0, bundle.length, ours, 0),
  () => leavesOneByOne(),
);
const node = compared(
  ENTRIES / 2,
  () => hasher.parents(ours, ENTRIES, ours, ENTRIES * HASH_BYTES),
  () => parentsOneByOne(),
);
if (!ours.equals(theirs)) {
  console.error('the hashes differ');
  process.exitCode = 1;
}
console.log('              ns by lanes  ns by node:crypto  times');
for (const [name, { lanes, alone }] of [
  ['leaf', leaf],
  ['node', node],
  ['leaf and node', { lanes: leaf.lanes + node.lanes, alone: leaf.alone + node.alone }],
] as const) {
  const cells = [String(rounded(lanes)).padStart(11), String(rounded(alone)).padStart(17), rounded(alone / lanes)];
  console.log(`${name.padEnd(13)} ${cells.join('  ')}`);
}

/** Nanoseconds for each of `count` hashes. */
function compared(count: number, byLanes: () => unknown, oneByOne: () => unknown): { lanes: number; alone: number } {
  let [lanes, alone] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    lanes = Math.min(lanes, timeOf(byLanes) / count);
    alone = Math.min(alone, timeOf(oneByOne) / count);
  }
  return { lanes, alone };
}

function timeOf(work: () => unknown): number {
  const began = process.hrtime.bigint();
  for (let i = 0; i < 4; i++) work();
  return Number(process.hrtime.bigint() - began) / 4;
}

function leavesOneByOne(): void {
  const input = Buffer.from(bundle);
  for (let offset = 0, place = 0; offset < input.length; place += HASH_BYTES) {
    const end = offset + 2 + input.readUInt16BE(offset);
    input[offset + 1] = 0x00;
    theirs.latin1Write(hash('sha256', input.subarray(offset + 1, end), 'binary'), place);
    offset = end;
  }
}

function parentsOneByOne(): void {
  const input = Buffer.alloc(1 + 2 * HASH_BYTES, 0x01);
  for (let i = 0; i < ENTRIES / 2; i++) {
    theirs.copy(input, 1, i * 2 * HASH_BYTES, (i + 1) * 2 * HASH_BYTES);
    theirs.latin1Write(hash('sha256', input, 'binary'), (ENTRIES + i) * HASH_BYTES);
  }
}
