import { once } from 'node:events';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChunkedBodyError, ChunkedDecoder } from '../../../src/dialect/s3/chunked.ts';

const SIGNATURE = '0123456789abcdef'.repeat(4);
const CRC = 'x-amz-checksum-crc32';

/** Written from the AWS page, without regard to the decoder: chunks, last chunk, trailers. */
function encode(chunks: readonly Buffer[], signed: boolean, trailers: readonly string[] | null): Buffer {
  const line = (size: number): string => `${size.toString(16)}${signed ? `;chunk-signature=${SIGNATURE}` : ''}\r\n`;
  const parts = chunks.flatMap((chunk) => [Buffer.from(line(chunk.length)), chunk, Buffer.from('\r\n')]);
  const end = trailers === null ? [] : [...trailers, ...(signed ? [`x-amz-trailer-signature:${SIGNATURE}`] : [])];
  return Buffer.concat([
    ...parts,
    Buffer.from(line(0)),
    Buffer.from(end.map((text) => `${text}\r\n`).join('')),
    Buffer.from('\r\n'),
  ]);
}

interface Outcome {
  readonly bytes: Buffer;
  readonly error: Error | null;
}

/** Writes the pieces and collects what comes out until the end or the error. */
async function run(decoder: ChunkedDecoder, pieces: readonly Buffer[]): Promise<Outcome> {
  const out: Buffer[] = [];
  decoder.on('data', (bytes: Buffer) => out.push(bytes));
  const ended = once(decoder, 'end').then(
    () => null,
    (error: Error) => error,
  );
  for (const piece of pieces) decoder.write(piece);
  decoder.end();
  const error = await ended;
  return { bytes: Buffer.concat(out), error };
}

function cut(body: Buffer, at: readonly number[]): Buffer[] {
  const edges = [0, ...at.map((n) => n % (body.length + 1)).sort((a, b) => a - b), body.length];
  return edges.slice(1).map((end, i) => body.subarray(edges[i], end));
}

const chunkList = fc.array(
  fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  { maxLength: 6 },
);
const cuts = fc.array(fc.nat(), { maxLength: 12 });

describe('signed chunks', () => {
  test('come out as the object, whatever the chunks and wherever the wire cuts them', async () => {
    await fc.assert(
      fc.asyncProperty(chunkList, cuts, async (chunks, at) => {
        const object = Buffer.concat(chunks);
        const { bytes, error } = await run(new ChunkedDecoder(object.length, []), cut(encode(chunks, true, null), at));
        expect(error).toBeNull();
        expect(bytes.equals(object)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('with trailers come out in the unsigned framing, the checksums kept', async () => {
    await fc.assert(
      fc.asyncProperty(chunkList, cuts, async (chunks, at) => {
        const length = Buffer.concat(chunks).length;
        const trailers = [`${CRC}:NSRBwg==`, 'x-amz-checksum-sha256:abc='];
        const decoder = new ChunkedDecoder(length, [CRC, 'x-amz-checksum-sha256']);
        const { bytes, error } = await run(decoder, cut(encode(chunks, true, trailers), at));
        expect(error).toBeNull();
        expect(bytes.toString('latin1')).toBe(encode(chunks, false, trailers).toString('latin1'));
      }),
      { numRuns: 300 },
    );
  });

  test('may be split at every single byte', async () => {
    const chunks = [Buffer.from('hello\r\n'), Buffer.from('0;chunk-signature=')];
    const object = Buffer.concat(chunks);
    const plain = encode(chunks, true, null);
    const trailed = encode(chunks, true, [`${CRC}:NSRBwg==`]);
    for (let i = 0; i <= plain.length; i++) {
      expect(await run(new ChunkedDecoder(object.length, []), cut(plain, [i]))).toEqual({ bytes: object, error: null });
    }
    for (let i = 0; i <= trailed.length; i++) {
      const { error } = await run(new ChunkedDecoder(object.length, [CRC]), cut(trailed, [i]));
      expect(error).toBeNull();
    }
    const bytewise = Array.from(plain, (byte) => Buffer.of(byte));
    expect(await run(new ChunkedDecoder(object.length, []), bytewise)).toEqual({ bytes: object, error: null });
  });
});

describe('a body that deviates', () => {
  const good = encode([Buffer.from('hello'), Buffer.from('world!')], true, null).toString('latin1');
  const trailed = encode([Buffer.from('hello world')], true, [`${CRC}:NSRBwg==`]).toString('latin1');

  test.each<[string, string, readonly string[]]>([
    ['no last chunk', good.slice(0, good.lastIndexOf('0;')), []],
    ['no empty line at the end', good.slice(0, -2), []],
    ['bytes behind the end', `${good}x`, []],
    ['another request behind the end', `${good}GET / HTTP/1.1\r\n\r\n`, []],
    ['a bare line feed', good.replace('\r\n', '\n'), []],
    ['a chunk longer than its size', good.replace('hello', 'hello!'), []],
    ['a chunk shorter than its size', good.replace('hello', 'hell'), []],
    ['more chunks than the stated length', good.replace('6;', '7;').replace('world!', 'world!!'), []],
    ['fewer chunks than the stated length', good.replace('6;', '5;').replace('world!', 'world'), []],
    ['no signature', good.replace(/;chunk-signature=[0-9a-f]*/, ''), []],
    ['a short signature', good.replace(SIGNATURE, SIGNATURE.slice(1)), []],
    ['another extension', good.replace('chunk-signature', 'chunk-other'), []],
    ['a size that is no number', good.replace('5;', 'x;'), []],
    ['a negative size', good.replace('5;', '-5;'), []],
    ['a size past every bound', good.replace('5;', 'ffffffffffffffffff;'), []],
    ['a line without end', 'a'.repeat(5000), []],
    ['an empty body', '', []],
    ['a trailer where none was stated', trailed, []],
    ['a missing trailer', trailed.replace(`${CRC}:NSRBwg==\r\n`, ''), [CRC]],
    ['a trailer that was not stated', trailed.replace(CRC, 'x-amz-copy-source'), [CRC]],
    ['a trailer twice', trailed.replace(`${CRC}:NSRBwg==\r\n`, `${CRC}:NSRBwg==\r\n${CRC}:NSRBwg==\r\n`), [CRC]],
    ['an unsigned trailer', trailed.replace(/x-amz-trailer-signature:[0-9a-f]*\r\n/, ''), [CRC]],
    [
      'a trailer signature that is none',
      trailed.replace(/x-amz-trailer-signature:[0-9a-f]*/, 'x-amz-trailer-signature:zz'),
      [CRC],
    ],
    ['a trailer behind its signature', `${trailed.slice(0, -2)}${CRC}:NSRBwg==\r\n\r\n`, [CRC]],
    ['a trailer without end', trailed.replace('NSRBwg==', 'N'.repeat(5000)), [CRC]],
  ])('with %s is request_malformed, and no whole request comes out', async (_, body, trailers) => {
    const { bytes, error } = await run(new ChunkedDecoder(11, trailers), [Buffer.from(body, 'latin1')]);
    expect(error).toBeInstanceOf(ChunkedBodyError);
    expect((error as ChunkedBodyError).refusal.reason).toBe('request_malformed');
    if (trailers.length === 0) expect(bytes.length).toBeLessThan(11);
    else expect(bytes.toString('latin1').endsWith('\r\n\r\n')).toBe(false);
  });

  test('in any one byte of its framing is refused', async () => {
    const body = Buffer.from(good, 'latin1');
    for (let i = 0; i < body.length; i++) {
      const isData = (start: number, length: number): boolean => i >= start && i < start + length;
      if (isData(good.indexOf('hello'), 5) || isData(good.indexOf('world!'), 6)) continue;
      const bent = Buffer.from(body);
      bent[i] = 0x21;
      const { bytes, error } = await run(new ChunkedDecoder(11, []), [bent]);
      expect(error).toBeInstanceOf(ChunkedBodyError);
      expect(bytes.length).toBeLessThan(11);
    }
  });
});
