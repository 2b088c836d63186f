import { chunkedHead, each, head, table, words, type Message } from './message.ts';

const GET = head();
const HIDDEN = head('', 'GET /hidden HTTP/1.1');
const LAST = '0\r\n\r\n';
const POST = 'POST /x HTTP/1.1';
const posted = (lines: string, body: string, first = POST) => head(lines, first) + body;

const lengths = table(
  'length',
  [400],
  [
    ...each(
      [
        ...words(
          '5,5 5, ,5 +5 -5 -0 0x5 5h x5 5x 5e0 5.0 5;a "5" 1_0 +1_0 five 0b101 0o5 5# 9007199254740992 ' +
            '18446744073709551616 18446744073709551621 99999999999999999999999 0000000000000005 NaN Infinity ' +
            '(5)',
        ),
        '',
        ' ',
        '5, 5',
        '5, 99',
        '5 5',
        '5\x0b',
        '\x0b5',
        '5\x0c',
        '\xa05',
        '5\xa0',
        '\x855',
        '\xb2',
        '5\0',
        '\t5\t5',
        '5\t',
        '5 \t ',
        '\xd9\xa5',
        '5 ; 5',
        '5\t5',
      ],
      (value) => posted(`Content-Length: ${value}\r\n`, `hello${HIDDEN}`),
    ),
    ['twice, alike', posted('Content-Length: 5\r\nContent-Length: 5\r\n', `hello${HIDDEN}`)],
    ['twice, unlike', posted('Content-Length: 5\r\nContent-Length: 6\r\n', `hello${HIDDEN}`)],
    ['twice, with other zeros', posted('Content-Length: 5\r\nContent-Length: 05\r\n', `hello${HIDDEN}`)],
    ['twice, in other letters', posted('Content-Length: 5\r\ncontent-length: 6\r\n', `hello${HIDDEN}`)],
    ['twice, the first empty', posted('Content-Length:\r\nContent-Length: 5\r\n', `hello${HIDDEN}`)],
    ['twice, the second empty', posted('Content-Length: 5\r\nContent-Length:\r\n', `hello${HIDDEN}`)],
    ['twice, with fields between', posted('Content-Length: 5\r\nX: y\r\nContent-Length: 0\r\n', `hello${HIDDEN}`)],
    ['twice, of GET', posted('Content-Length: 0\r\nContent-Length: 5\r\n', `hello${HIDDEN}`, 'GET /x HTTP/1.1')],
    ['in hexadecimal digits', posted('Content-Length: a\r\n', `0123456789${HIDDEN}`)],
    ['of a GET, and no number', posted('Content-Length: x\r\n', HIDDEN, 'GET /x HTTP/1.1')],
    ['on HTTP/1.0, twice', posted('Content-Length: 5\r\nContent-Length: 6\r\n', `hello${HIDDEN}`, 'POST /x HTTP/1.0')],
  ],
);

const both = table(
  'both length and chunks',
  [400],
  [
    ['CL.TE', posted(`Content-Length: ${5 + HIDDEN.length}\r\nTransfer-Encoding: chunked\r\n`, `${LAST}${HIDDEN}`)],
    ['TE.CL', posted('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `5c\r\n${HIDDEN}\r\n${LAST}`)],
    ['a length of zero', posted('Content-Length: 0\r\nTransfer-Encoding: chunked\r\n', LAST + HIDDEN)],
    ['fields between', posted('Content-Length: 4\r\nX: y\r\nTransfer-Encoding: chunked\r\n', LAST + HIDDEN)],
    ['other letters', posted('content-length: 4\r\nTRANSFER-ENCODING: CHUNKED\r\n', LAST + HIDDEN)],
    ['of GET', posted('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', LAST + HIDDEN, 'GET /x HTTP/1.1')],
    ['of DELETE', posted('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', LAST + HIDDEN, 'DELETE /x HTTP/1.1')],
    ['a coding of nobody', posted('Transfer-Encoding: pigeons\r\nContent-Length: 5\r\n', `hello${HIDDEN}`)],
    ['identity', posted('Transfer-Encoding: identity\r\nContent-Length: 5\r\n', `hello${HIDDEN}`)],
    ['an empty coding', posted('Transfer-Encoding:\r\nContent-Length: 5\r\n', `hello${HIDDEN}`)],
    ['an empty coding behind', posted('Content-Length: 5\r\nTransfer-Encoding:\r\n', `hello${HIDDEN}`)],
    ['a comma before the coding', posted('Transfer-Encoding: ,chunked\r\nContent-Length: 5\r\n', LAST + HIDDEN)],
    ['on HTTP/1.0', posted('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', LAST + HIDDEN, 'POST /x HTTP/1.0')],
  ],
);

const codings = table(
  'coding',
  [400],
  [
    ...each(
      [
        ...words(
          'xchunked chunkedx chunkedchunked chunke hunked identity chunked,chunked chunked, ,chunked ' +
            'chunked;q=1 chunked; "chunked" (chunked) pigeons gzip chunked= chunked: compress x-chunked cow ' +
            'trailers',
        ),
        '',
        ' ',
        'chunked, identity',
        'identity, chunked',
        'gzip, chunked',
        'deflate, chunked',
        'chunked, gzip',
        'chunked, chunked',
        ', chunked',
        'chunked; a=b',
        "'chunked'",
        'chunked\x0b',
        '\x0bchunked',
        'chunked\x0c',
        '\xa0chunked',
        'chunked\xa0',
        '\x85chunked',
        '\xffchunked',
        'chunked\0',
        'chun\tked',
        'chunked\t',
        'chunked \t ',
        'chunked x',
        'x chunked',
        'chunk\xe9d',
        'chunked, x, chunked',
        'Chunked\x7f',
      ],
      (value) => posted(`Transfer-Encoding: ${value}\r\n`, LAST + HIDDEN),
    ),
    ['twice', posted('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', LAST + HIDDEN)],
    ['once true, once false', posted('Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n', LAST + HIDDEN)],
    [
      'once true, once false, the other way',
      posted('Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n', LAST + HIDDEN),
    ],
    ['once true, once empty', posted('Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n', LAST + HIDDEN)],
    ['gzip in a field before', posted('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n', LAST + HIDDEN)],
    ['on HTTP/1.0', posted('Transfer-Encoding: chunked\r\n', LAST + HIDDEN, 'POST /x HTTP/1.0')],
    [
      'on HTTP/1.0 that stays',
      posted('Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n', LAST + HIDDEN, 'POST /x HTTP/1.0'),
    ],
    ['of a GET, of nobody', posted('Transfer-Encoding: x\r\n', HIDDEN, 'GET /x HTTP/1.1')],
    ['named in Connection', posted('Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n', LAST), 200],
  ],
);

const sizes = table(
  'chunk size',
  [400],
  [
    ...each(
      [
        ...words(
          '+5 -5 -1 0x5 0X5 0_5 5_ 5h g x 5x 5.0 5,5 "5" $5 5these-bytes 5: 5= 5/ 5- INVALID!!! ' +
            '00000000000005 10000000000000005 ffffffffffffffffff 100000000000000005',
        ),
        '',
        ' ',
        ' 5',
        '5 ',
        '\t5',
        '5\t',
        '5 5',
        '5\0',
        '\x0b5',
        '5\x0b',
        '\xa05',
        '5\xa0',
        '\xd9\xa5',
        `${'0'.repeat(40)}${'f'.repeat(40)}`,
      ],
      (size) => `${chunkedHead()}${size}\r\nhello\r\n${LAST}${HIDDEN}`,
    ),
    ['2^64', `${chunkedHead()}10000000000000000\r\nhello\r\n${LAST}${HIDDEN}`],
    ['2^64 - 1', `${chunkedHead()}ffffffffffffffff\r\nhello\r\n${LAST}${HIDDEN}`],
    ['2^63', `${chunkedHead()}8000000000000000\r\nhello\r\n${LAST}${HIDDEN}`],
    ['2^53', `${chunkedHead()}20000000000000\r\nhello\r\n${LAST}${HIDDEN}`],
    ['zeros without end', `${chunkedHead()}${'0'.repeat(40_000)}5\r\nhello\r\n${LAST}`],
    ['LF at its end', `${chunkedHead()}5\nhello\r\n${LAST}${HIDDEN}`],
    ['CR at its end', `${chunkedHead()}5\rhello\r\n${LAST}${HIDDEN}`],
    ['CR CR LF at its end', `${chunkedHead()}5\r\r\nhello\r\n${LAST}${HIDDEN}`],
    ['CR and an extension', `${chunkedHead()}5\r\r;ABCD\r\n34\r\nE\r\n${LAST}${HIDDEN}`],
    ['spaces and LF', `${chunkedHead()}5 \n  \r\nhello\r\n${LAST}${HIDDEN}`],
    ['of the second chunk', `${chunkedHead()}5\r\nhello\r\nx\r\n${LAST}${HIDDEN}`],
    ['an empty line before the last', `${chunkedHead()}5\r\nhello\r\n\r\n${LAST}${HIDDEN}`],
  ],
);

const chunks = table(
  'chunk',
  [400],
  [
    ['longer than its size', `${chunkedHead()}4\r\nhello\r\n${LAST}${HIDDEN}`],
    ['shorter than its size', `${chunkedHead()}6\r\nhello\r\n${LAST}${HIDDEN}`],
    ['ends in LF', `${chunkedHead()}5\r\nhello\n${LAST}${HIDDEN}`],
    ['ends in CR', `${chunkedHead()}5\r\nhello\r${LAST}${HIDDEN}`],
    ['ends in CR and a letter', `${chunkedHead()}5\r\nhello\rX${LAST}${HIDDEN}`],
    ['ends in two letters', `${chunkedHead()}5\r\nhelloXX${LAST}${HIDDEN}`],
    ['ends in nothing', `${chunkedHead()}5\r\nhello${LAST}${HIDDEN}`],
    ['ends in LF CR', `${chunkedHead()}5\r\nhello\n\r${LAST}${HIDDEN}`],
    ['no last one', `${chunkedHead()}5\r\nhello\r\n${HIDDEN}`],
    ['the last one ends in LF', `${chunkedHead()}0\n\r\n${HIDDEN}`],
    ['the last line is LF', `${chunkedHead()}0\r\n\n${HIDDEN}`],
    ['the last line is CR', `${chunkedHead()}0\r\n\r${HIDDEN}`],
    ['the last line is two letters', `${chunkedHead()}0\r\nXX${HIDDEN}`],
    ['the last line is CR and a letter', `${chunkedHead()}0\r\n\rX${HIDDEN}`],
    ['a request where one should be', `${chunkedHead()}${HIDDEN}`],
    ['a length where one should be', `${chunkedHead()}hello${HIDDEN}`],
  ],
);

const extensions = table(
  'chunk extension',
  [400],
  [
    ['LF in it', `${chunkedHead()}5;\nx\r\nhello\r\n${LAST}${HIDDEN}`],
    ['LF behind its name', `${chunkedHead()}5;a\nhello\r\n${LAST}${HIDDEN}`],
    ['LF behind its value', `${chunkedHead()}5;a=b\nhello\r\n${LAST}${HIDDEN}`],
    ['LF in quotes', `${chunkedHead()}5;a="b\nc"\r\nhello\r\n${LAST}${HIDDEN}`],
    ['CR in it', `${chunkedHead()}5;a\rb\r\nhello\r\n${LAST}${HIDDEN}`],
    ['CR CR behind it', `${chunkedHead()}5;a=b\r\rhello\r\n${LAST}${HIDDEN}`],
    ['CR in quotes', `${chunkedHead()}5;a="b\rc"\r\nhello\r\n${LAST}${HIDDEN}`],
    ['CRLF in quotes', `${chunkedHead()}5;a="b\r\nhello\r\n0"\r\n${LAST}${HIDDEN}`],
    ['NUL in it', `${chunkedHead()}5;a=\0\r\nhello\r\n${LAST}${HIDDEN}`],
    ['NUL in quotes', `${chunkedHead()}5;a="\0"\r\nhello\r\n${LAST}${HIDDEN}`],
    ['a control character in it', `${chunkedHead()}5;a\x01\r\nhello\r\n${LAST}${HIDDEN}`],
    ['a byte above ASCII in its name', `${chunkedHead()}5;\xe9\r\nhello\r\n${LAST}${HIDDEN}`],
    ['no semicolon', `${chunkedHead()}5 a\r\nhello\r\n${LAST}${HIDDEN}`],
    ['no name', `${chunkedHead()}5;\r\nhello\r\n${LAST}${HIDDEN}`],
    ['no name behind a name', `${chunkedHead()}5;a;\r\nhello\r\n${LAST}${HIDDEN}`],
    ['a space in front of it', `${chunkedHead()}5 ;a\r\nhello\r\n${LAST}${HIDDEN}`],
    ['a space behind the semicolon', `${chunkedHead()}5; a\r\nhello\r\n${LAST}${HIDDEN}`],
    ['a space behind it', `${chunkedHead()}5;a \r\nhello\r\n${LAST}${HIDDEN}`],
    ['quotes', `${chunkedHead()}5;a="b"\r\nhello\r\n${LAST}${HIDDEN}`],
    ['quotes with a quote in them', `${chunkedHead()}5;a="b; \\" c"\r\nhello\r\n${LAST}${HIDDEN}`],
    ['quotes in the middle', `${chunkedHead()}5;a=b"c"\r\nhello\r\n${LAST}${HIDDEN}`],
    ['no value', `${chunkedHead()}5;a=\r\nhello\r\n${LAST}${HIDDEN}`],
    ['a value and no name', `${chunkedHead()}5;=a\r\nhello\r\n${LAST}${HIDDEN}`],
    ['quotes without an end', `${chunkedHead()}5;a="b\r\nhello\r\n${LAST}${HIDDEN}`],
    ['something behind quotes', `${chunkedHead()}5;a="b"c\r\nhello\r\n${LAST}${HIDDEN}`],
    ['a colon in it', `${chunkedHead()}5;a:b\r\nhello\r\n${LAST}${HIDDEN}`],
    ['without end', `${chunkedHead()}5;${'a'.repeat(40_000)}\r\nhello\r\n${LAST}`, 413],
    ['without end, in many chunks', `${chunkedHead()}${`1;${'a'.repeat(100)}\r\nx\r\n`.repeat(400)}${LAST}`, 413],
  ],
);

const trailers = table(
  'trailer',
  [400],
  [
    ['no colon', `${chunkedHead()}0\r\nX\r\n\r\n${HIDDEN}`],
    ['a space before the colon', `${chunkedHead()}0\r\nX : y\r\n\r\n${HIDDEN}`],
    ['nothing for a name', `${chunkedHead()}0\r\n: y\r\n\r\n${HIDDEN}`],
    ['folded', `${chunkedHead()}0\r\nX: y\r\n z\r\n\r\n${HIDDEN}`],
    ['a space in front', `${chunkedHead()}0\r\n X: y\r\n\r\n${HIDDEN}`],
    ['NUL', `${chunkedHead()}0\r\nX: y\0\r\n\r\n${HIDDEN}`],
    ['DEL', `${chunkedHead()}0\r\nX: y\x7f\r\n\r\n${HIDDEN}`],
    ['LF', `${chunkedHead()}0\r\nX: y\nZ: z\r\n\r\n${HIDDEN}`],
    ['CR', `${chunkedHead()}0\r\nX: y\rZ: z\r\n\r\n${HIDDEN}`],
    ['a request', `${chunkedHead()}0\r\n${HIDDEN}`],
    ['a request in a value', `${chunkedHead()}0\r\nX:POST / HTTP/1.1\r\n\r\n${HIDDEN}`, 200, 200],
    ['a close', `${chunkedHead()}0\r\nConnection: close\r\n\r\n${HIDDEN}`],
    ['a trailer', `${chunkedHead()}0\r\nTrailer: X\r\n\r\n${HIDDEN}`],
    ['a length', `${chunkedHead()}0\r\nContent-Length: 5\r\n\r\n${HIDDEN}`],
    ['a length that is none', `${chunkedHead()}0\r\nContent-Length: x\r\n\r\n${HIDDEN}`],
    ['a coding', `${chunkedHead()}0\r\nTransfer-Encoding: chunked\r\n\r\n${HIDDEN}`],
    ['a coding of nobody', `${chunkedHead()}0\r\nTransfer-Encoding: x\r\n\r\n${HIDDEN}`],
    ['an upgrade', `${chunkedHead()}0\r\nUpgrade: x\r\n\r\n${HIDDEN}`],
    ['a keep-alive', `${chunkedHead()}0\r\nKeep-Alive: x\r\n\r\n${HIDDEN}`],
    ['a TE', `${chunkedHead()}0\r\nTE: x\r\n\r\n${HIDDEN}`],
    ['a proxy-connection', `${chunkedHead()}0\r\nProxy-Connection: x\r\n\r\n${HIDDEN}`],
    ['white space without end', `${chunkedHead()}0\r\nX:${' '.repeat(16_000)}\0\r\n\r\n`],
    ['too long', `${chunkedHead()}0\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`],
  ],
);

const behind = table(
  'pipeline',
  [200, 400],
  [
    ['nonsense behind a request', `${GET}\0\0\0`, 200, 501],
    ['a method of nobody behind a request', GET + head('', 'GIVE /x HTTP/1.1'), 200, 501],
    ['a malformed head behind a request', GET + head('X : y\r\n') + HIDDEN],
    ['two lengths behind a request', GET + head('Content-Length: 0\r\nContent-Length: 0\r\n') + HIDDEN],
    ['two hosts behind a request', GET + head('Host: b\r\n') + HIDDEN],
    ['too many fields behind a request', GET + head('A:\r\n'.repeat(500)) + HIDDEN, 200, 431],
    ['a broken body behind a request', `${GET}${chunkedHead()}x\r\n${HIDDEN}`],
    ['a malformed head behind a body', `${posted('Content-Length: 5\r\n', 'hello')}${head('X : y\r\n')}`],
    ['a malformed head behind chunks', `${chunkedHead()}5\r\nhello\r\n${LAST}${head('X : y\r\n')}`],
    ['a body longer than its length', `${posted('Content-Length: 4\r\n', 'hello')}\r\n`, 200, 501],
    ['CRLF behind a body, and a request', `${posted('Content-Length: 5\r\n', 'hello\r\n')}${GET}`, 200, 200],
    ['LF behind a body, and a request', `${posted('Content-Length: 5\r\n', 'hello\n')}${GET}`],
    [
      'a tunnel behind a body',
      `${posted('Content-Length: 5\r\n', 'hello')}${head('', 'CONNECT a:1 HTTP/1.1')}`,
      200,
      403,
    ],
  ],
);

/** What the client never ended: it is not served, whatever becomes of its connection. */
const unfinished = table(
  'unfinished',
  [400],
  [
    ['a method', 'GE'],
    ['what may become a method or HTTP/2', 'PR'],
    ['a request line', 'GET /x HTTP/1.1'],
    ['HTTP/0.9, or a head', 'GET /x\r\n'],
    ['a line end', 'GET /x HTTP/1.1\r'],
    ['a head', 'GET /x HTTP/1.1\r\nHost: a\r\n'],
    ['a field name', 'GET /x HTTP/1.1\r\nHost: a\r\nX'],
    ['a field value', 'GET /x HTTP/1.1\r\nHost: a\r\nX: y'],
    ['the last line', 'GET /x HTTP/1.1\r\nHost: a\r\n\r'],
    ['a body', posted('Content-Length: 5\r\n', 'hell')],
    ['a body of which nothing came', posted('Content-Length: 5\r\n', '')],
    ['chunks of which none came', chunkedHead()],
    ['a chunk size', `${chunkedHead()}5`],
    ['a chunk', `${chunkedHead()}5\r\nhell`],
    ['a chunk but for its end', `${chunkedHead()}5\r\nhello`],
    ['a chunk but for LF', `${chunkedHead()}5\r\nhello\r`],
    ['chunks', `${chunkedHead()}5\r\nhello\r\n`],
    ['the last chunk', `${chunkedHead()}5\r\nhello\r\n0\r\n`],
    ['the end of chunks', `${chunkedHead()}5\r\nhello\r\n0\r\n\r`],
    ['a trailer', `${chunkedHead()}5\r\nhello\r\n0\r\nX: y\r\n`],
    ['a second head', `${GET}GET /y HTTP/1.1\r\nHost: a\r\n`, 200, 400],
    ['a second body', GET + posted('Content-Length: 5\r\n', 'hell'), 200, 400],
  ],
);

const nothing = table('nothing', [], [['an empty line', '\r\n']]);

/** Bodies that are refused, or that never come; and heads that could be read as framing them in two ways. */
export const MALFORMED_BODIES: readonly Message[] = [
  ...lengths,
  ...both,
  ...codings,
  ...sizes,
  ...chunks,
  ...extensions,
  ...trailers,
  ...behind,
  ...unfinished,
  ...nothing,
];
