// A region (or who speaks in its place) sends more than one answer, or one that ends at two places. Nobody may get a byte
// of an answer to another's request: neither what was left over, nor what was put in front.
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { fieldOf, parseAnswers } from './answers.ts';
import { Wire } from '../rig/upstream.ts';
import { answerTo, startSmuggling } from './smuggling.ts';
import { headWith } from './world.ts';

const smuggling = await startSmuggling();
const EVIL = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Evil: 1\r\n\r\nevil';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const OTHERS = 6;

/** What the client of the request gets, when that is answered with these bytes: status and body, null: cut off. */
type Got = readonly [status: number, body: string] | null;
const PASSED: Got = [200, 'ok'];
const FAILED = 502;

test.each<[string, readonly string[], 'GET' | 'HEAD', Got | typeof FAILED]>([
  ['a second answer in the same write', [OK + EVIL], 'GET', PASSED],
  ['a second answer a turn later', [OK, EVIL], 'GET', PASSED],
  ['ten answers', [OK + EVIL.repeat(9)], 'GET', PASSED],
  ['a second answer that is not whole', [`${OK}HTTP/1.1 200 OK\r\nContent-Le`], 'GET', PASSED],
  ['bytes behind its length', [`${OK}evil`], 'GET', PASSED],
  ['an empty line behind its length', [`${OK}\r\n`], 'GET', PASSED],
  ['an informational answer behind it', [`${OK}HTTP/1.1 100 Continue\r\n\r\n`], 'GET', PASSED],
  ['one of 408 behind it', [OK, 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n'], 'GET', PASSED],
  ['a body to a HEAD', [EVIL], 'HEAD', [200, '']],
  [
    'chunks to a HEAD',
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n'],
    'HEAD',
    [200, ''],
  ],
  ['a body to a HEAD a turn later', ['HTTP/1.1 200 OK\r\nContent-Length: 62\r\n\r\n', EVIL], 'HEAD', [200, '']],
  ['204 and a body', [`HTTP/1.1 204 No Content\r\n\r\n${EVIL}`], 'GET', [204, '']],
  ['204 and a length', ['HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil'], 'GET', FAILED],
  [
    '204 and chunks',
    ['HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n'],
    'GET',
    FAILED,
  ],
  ['304 and a body', [`HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil`], 'GET', [304, '']],
  ['304 and an answer', [`HTTP/1.1 304 Not Modified\r\n\r\n${EVIL}`], 'GET', [304, '']],
  ['100 with a length', [`HTTP/1.1 100 Continue\r\nContent-Length: 4\r\n\r\nevil${OK}`], 'GET', FAILED],
  ['103 with chunks', [`HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${OK}`], 'GET', FAILED],
  ['101', [`HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n${EVIL}`], 'GET', FAILED],
  ['1000 informational answers', ['HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000) + OK], 'GET', FAILED],
  [
    'a length and chunks',
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    'GET',
    FAILED,
  ],
  [
    'chunks and a length',
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n'],
    'GET',
    FAILED,
  ],
  ['two lengths', ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok'], 'GET', FAILED],
  ['two lengths in one', ['HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok'], 'GET', FAILED],
  ['a length with a sign', ['HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok'], 'GET', FAILED],
  ['a length below nothing', ['HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok'], 'GET', FAILED],
  ['a length in hexadecimal', ['HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok'], 'GET', FAILED],
  ['a length of 64 bits', ['HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551618\r\n\r\nok'], 'GET', FAILED],
  ['an empty length', ['HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok'], 'GET', FAILED],
  ['a length that is folded', ['HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\n\r\nok'], 'GET', FAILED],
  ['a length with a space before its colon', ['HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok'], 'GET', FAILED],
  ['a coding that nobody knows', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'], 'GET', FAILED],
  ['two codings', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'], 'GET', FAILED],
  [
    'chunks twice',
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    'GET',
    FAILED,
  ],
  ['chunks in HTTP/1.0', ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'], 'GET', FAILED],
  [
    'a chunk longer than its size',
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nevil\r\n0\r\n\r\n'],
    'GET',
    null,
  ],
  [
    'a chunk whose size has a prefix',
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n'],
    'GET',
    null,
  ],
  [
    'a chunk whose size ends in LF',
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n'],
    'GET',
    null,
  ],
  [
    'an answer behind its chunks',
    [`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${EVIL}`],
    'GET',
    PASSED,
  ],
  [
    'an answer in its trailers',
    [`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${EVIL}`],
    'GET',
    null,
  ],
  [
    'a length in its trailers',
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n'],
    'GET',
    null,
  ],
  ['LF in a value', ['HTTP/1.1 200 OK\r\nX-A: b\nX-Evil: 1\r\nContent-Length: 2\r\n\r\nok'], 'GET', FAILED],
  ['CR in a value', ['HTTP/1.1 200 OK\r\nX-A: b\rX-Evil: 1\r\nContent-Length: 2\r\n\r\nok'], 'GET', FAILED],
  ['a NUL in a value', ['HTTP/1.1 200 OK\r\nX-A: b\0X-Evil: 1\r\nContent-Length: 2\r\n\r\nok'], 'GET', FAILED],
  ['LF in its phrase', ['HTTP/1.1 200 OK\nX-Evil: 1\r\nContent-Length: 2\r\n\r\nok'], 'GET', FAILED],
  ['CR in its phrase', ['HTTP/1.1 200 O\rX-Evil: 1\r\nContent-Length: 2\r\n\r\nok'], 'GET', FAILED],
  ['an empty name', ['HTTP/1.1 200 OK\r\n: X-Evil\r\nContent-Length: 2\r\n\r\nok'], 'GET', FAILED],
  ['a line without a colon', ['HTTP/1.1 200 OK\r\nX-Evil\r\nContent-Length: 2\r\n\r\nok'], 'GET', FAILED],
  ['another protocol', ['ICY 200 OK\r\nContent-Length: 2\r\n\r\nok'], 'GET', FAILED],
  ['another version', ['HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok'], 'GET', FAILED],
  ['four digits', ['HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok'], 'GET', FAILED],
  ['two digits', ['HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok'], 'GET', FAILED],
  ['a status below 100', ['HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok'], 'GET', FAILED],
  ['no head', ['evil'.repeat(9)], 'GET', FAILED],
])('an answer with %s is nobody else’s', async (_, pieces, method, expected) => {
  smuggling.variants++;
  const { storage } = smuggling;
  storage.says.push(pieces);
  const wire = await Wire.open(smuggling.world.rig.storage);
  wire.write(headWith('Connection: close\r\n', `${method} /reports/key HTTP/1.1`));
  // Cut off, the connection is reset, and what had come stays.
  const said = Buffer.from(await wire.closed().catch(() => wire.received), 'latin1');
  expect(said.includes('X-Evil') || said.includes('x-evil')).toBe(method === 'HEAD' && pieces[0] === EVIL);
  if (expected === null) {
    if (said.length > 0) expect(() => parseAnswers(said)).toThrow('cut short');
  } else {
    // What answers 304 has no body, whatever its length says, as what answers a HEAD.
    const answers = parseAnswers(said, [expected !== FAILED && expected[0] === 304 ? 'HEAD' : method]);
    expect(answers).toHaveLength(1);
    const { status, body } = answers[0]!;
    if (expected === FAILED) {
      expect([status, fieldOf(answers[0]!, 'x-residency-reason')]).toEqual([FAILED, 'upstream_reset']);
    } else expect([status, body]).toEqual(expected);
  }
  // What cannot be told from an answer, because it came too late, is not what this is about: the connection ends by then.
  const used = storage.lastAnswered!;
  if (!used.over) await once(used.socket, 'close');
  await othersGetTheirOwn();
});

async function othersGetTheirOwn(): Promise<void> {
  const wires = await Promise.all(Array.from({ length: OTHERS }, () => Wire.open(smuggling.world.rig.storage)));
  for (const [i, wire] of wires.entries()) {
    wire.write(
      headWith('', `GET /reports/${i}a HTTP/1.1`) + headWith('Connection: close\r\n', `GET /reports/${i}b HTTP/1.1`),
    );
  }
  for (const [i, wire] of wires.entries()) {
    const answers = parseAnswers(Buffer.from(await wire.closed(), 'latin1'));
    expect(answers.map(({ body }) => body)).toEqual(['a', 'b'].map((key) => answerTo(`/reports-eu-west-1/${i}${key}`)));
  }
}
