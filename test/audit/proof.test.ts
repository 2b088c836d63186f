import { expect, test } from 'vitest';
import { parseVerifier } from '../../src/audit/note.ts';
import { checkProof, proveEntry } from '../../src/audit/proof.ts';
import { LogReader } from '../../src/audit/reader.ts';
import { openLog, temporaryFolder } from './make-log.ts';

function proved(size: number, seq: number) {
  const log = openLog(temporaryFolder());
  if (size > 1) log.addDecisions(size - 1);
  return { log, key: parseVerifier(log.writer.verifier), proof: proveEntry(LogReader.open(log.folder), seq) };
}

test('a proof of any entry, at sizes around the borders of tiles, holds by the key of its log', () => {
  for (const [size, seqs] of [
    [1, [0]],
    [2, [0, 1]],
    [255, [0, 254]],
    [256, [0, 128, 255]],
    [257, [0, 255, 256]],
    [700, [0, 511, 512, 699]],
  ] as const) {
    for (const seq of seqs) {
      const { proof, key } = proved(size, seq);
      const { entry, size: proven } = checkProof(JSON.parse(JSON.stringify(proof)), [key]);
      expect([proven, entry.seq, entry.value['seq'], entry.log]).toEqual([size, seq, seq, 'domicile/edge/1']);
      expect(proof.proof).toMatch(
        /^c2sp\.org\/tlog-proof@v1\nindex \d+\n(?:[A-Za-z0-9+/]{43}=\n)*\ndomicile\/edge\/1\n/,
      );
    }
  }
});

test('any character of a proof that is changed makes it prove nothing', () => {
  const { proof, key } = proved(260, 200);
  const believed: string[] = [];
  for (const part of ['log', 'entry', 'proof'] as const) {
    for (let at = 0; at < proof[part].length; at++) {
      const changed = String.fromCharCode(proof[part].charCodeAt(at) ^ 1);
      const altered = { ...proof, [part]: proof[part].slice(0, at) + changed + proof[part].slice(at + 1) };
      try {
        checkProof(altered, [key]);
        believed.push(`${part} ${at}: ${JSON.stringify(changed)}`);
      } catch (error) {
        expect((error as Error).message).not.toContain('\n');
      }
    }
  }
  expect(believed).toEqual([]);
});

test.for<[string, (proof: string) => string, string]>([
  ['another index', (text) => text.replace('index 200', 'index 201'), 'the entry is not the one at 201'],
  ['an index past its log', (text) => text.replace('index 200', 'index 999'), 'entry 999 is not in a tree of 260'],
  ['a hash too few', (text) => text.replace(/\n[^\n]{44}\n/, '\n'), 'too short'],
  ['a hash too many', (text) => text.replace(/\n([^\n]{44})\n/, '\n$1\n$1\n'), 'too long'],
  ['no hashes', (text) => text.replace(/(?<=index 200\n)(?:[^\n]{44}\n)+/, ''), 'too short'],
  ['another format', (text) => text.replace('@v1', '@v2'), 'does not begin with c2sp.org/tlog-proof@v1'],
  ['no signature', (text) => text.slice(0, text.lastIndexOf('\u2014')), 'no signature'],
  ['nothing', () => '', 'does not begin with'],
])('a proof with %s proves nothing', ([, change, reason]) => {
  const { proof, key } = proved(260, 200);
  expect(() => checkProof({ ...proof, proof: change(proof.proof) }, [key])).toThrow(reason);
});

test('extra data of a proof is passed over, as the format has it', () => {
  const { proof, key } = proved(9, 3);
  const extra = proof.proof.replace('\n', '\nextra YWJj\n');
  expect(checkProof({ ...proof, proof: extra }, [key]).entry.seq).toBe(3);
});

test('a proof is believed by the key of its own log only', () => {
  const { proof } = proved(9, 3);
  const stranger = parseVerifier(openLog(temporaryFolder()).writer.verifier);
  const other = parseVerifier(openLog(temporaryFolder(), 'edge', '2').writer.verifier);
  expect(() => checkProof(proof, [stranger])).toThrow('is not signed by domicile/edge/1+');
  expect(() => checkProof(proof, [other])).toThrow('no key of domicile/edge/1 was given');
  expect(() => checkProof(proof, [])).toThrow('no key of domicile/edge/1 was given');
  for (const none of [null, 7, 'x', [], {}, { ...proof, entry: 1 }])
    expect(() => checkProof(none, [stranger])).toThrow('it is no proof');
});

test('there is no proof of what is not there: past the end, deleted, altered', () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(600);
  const reader = LogReader.open(log.folder);
  expect(() => proveEntry(reader, 601)).toThrow('domicile/edge/1 has 601 entries, and none at 601');
  log.writer.prune(256, 512);
  expect(() => proveEntry(reader, 300)).toThrow('entry 300 of domicile/edge/1 was deleted');
  expect(checkProof(proveEntry(reader, 200), [parseVerifier(log.writer.verifier)]).entry.seq).toBe(200);
});
