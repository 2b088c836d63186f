import { chunkedHead, each, head, table, words, type Message } from './message.ts';

/** Every method that the parser of node knows for HTTP, but for CONNECT. */
export const METHODS: readonly string[] = (
  'DELETE GET HEAD POST PUT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND UNBIND ACL ' +
  'REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK UNLINK SOURCE QUERY'
).split(' ');

const GET = head();
const LAST = '0\r\n\r\n';
const ALL_BYTES = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
const VISIBLE = ALL_BYTES.slice(0x21, 0x7f);
const post = (body: string, lines = '') =>
  head(`${lines}Content-Length: ${body.length}\r\n`, 'POST /x HTTP/1.1') + body;
const chunks = (...bodies: string[]) =>
  bodies.map((body) => `${body.length.toString(16)}\r\n${body}\r\n`).join('') + LAST;
const fields = (n: number) => Array.from({ length: n }, (_, i) => `X-${i}: ${i}\r\n`).join('');

const requestLines = [
  ...table(
    'method',
    [200],
    each(METHODS, (method) => head('', `${method} /x HTTP/1.1`)),
  ),
  ...table(
    'target',
    [200],
    each(
      [
        ...words(
          '/ // /a/b /a//b /./../a /. /a?b=c /? /?? /?/ /a?b?c /a&b /a;b=c /a%20b /%41 /a%2Fb /a%2fb ' +
            '/%c3%a9 /%ff /a+b /~a /a:80/b /[0] /a|b /a"b /a<b> /a^b /a`b /{a} /http://b/c /a@b',
        ),
        "/!$&'()*+,;=:@-._~",
      ],
      (target) => head('', `GET ${target} HTTP/1.1`),
    ),
  ),
  ...table(
    'target',
    [200],
    [
      ['absolute form', head('', 'GET http://a/x HTTP/1.1')],
      ['absolute form in other letters', head('', 'GET HTTP://A/x HTTP/1.1')],
      ['absolute form without a path', head('', 'GET http://a HTTP/1.1')],
      ['absolute form with a query alone', head('', 'GET http://a?x=y HTTP/1.1')],
      ['absolute form with a port', head('', 'GET http://a:80/x HTTP/1.1', 'Host: a:80\r\n')],
      ['absolute form of https', head('', 'GET https://a/x HTTP/1.1')],
      ['8 KiB', head('', `GET /${'t'.repeat(8191)} HTTP/1.1`)],
    ],
  ),
  ...table(
    'version',
    [200],
    [
      ['HTTP/1.1', GET],
      ['HTTP/1.0', head('', 'GET /x HTTP/1.0')],
      ['HTTP/1.0 without Host', head('', 'GET /x HTTP/1.0', '')],
      ['HTTP/1.0 without any field', 'GET /x HTTP/1.0\r\n\r\n'],
      ['HTTP/1.0 with a body', head('Content-Length: 5\r\n', 'POST /x HTTP/1.0') + 'hello'],
      ['HTTP/1.0 that stays', head('Connection: keep-alive\r\n', 'GET /x HTTP/1.0')],
      ['HTTP/1.0 that expects', head('Expect: 100-continue\r\nContent-Length: 2\r\n', 'POST /x HTTP/1.0') + 'hi'],
    ],
  ),
  ...table('empty line first', [200], [['one', `\r\n${GET}`]]),
];

const headerFields = table(
  'field',
  [200],
  [
    ['the letters of a name are of no matter', head('x-a: 1\r\nX-B: 2\r\nX-c: 3\r\n', undefined, 'hOsT: a\r\n')],
    ['every character of a token', head(`!#$%&'*+-.^_\`|~09AZaz: b\r\n`)],
    ['a name of one letter', head('x: y\r\n')],
    ['a long name', head(`${'n'.repeat(300)}: b\r\n`)],
    ['every visible character in a value', head(`X: ${VISIBLE}\r\n`)],
    ['bytes above ASCII in a value', head(`X: ${ALL_BYTES.slice(0x80)}\r\n`)],
    ['an empty value', head('X:\r\n')],
    ['an empty value behind a space', head('X: \r\n')],
    ['an empty value behind white space', head('X: \t \r\n')],
    ['no space', head('X:b\r\n')],
    ['a tab', head('X:\tb\r\n')],
    ['white space around', head('X: \t b c \t \r\n')],
    ['a tab within', head('X: a\tb\r\n')],
    ['a colon in a value', head('X: a:b: c\r\nY::\r\n')],
    ['a long value', head(`X: ${'v'.repeat(4000)}\r\n`)],
    ['names that objects have', head('__proto__: a\r\nconstructor: b\r\ntoString: c\r\nhasOwnProperty: d\r\n')],
    ['the same twice', head('X: 1\r\nX: 2\r\nx: 1\r\n')],
    ['kinds that node joins or drops', head('Cookie: a\r\nCookie: b\r\nAge: 1\r\nAge: 2\r\nETag: a\r\nETag: b\r\n')],
    ['a hundred', head(fields(99))],
    ['Host last', head('X: y\r\nHost: a\r\n', undefined, '')],
    ['Host with a port', head('', undefined, 'Host: a.example:8080\r\n')],
    ['Host of IPv6', head('', undefined, 'Host: [::1]:80\r\n')],
    [
      'much that is usual',
      head('Accept: */*\r\nUser-Agent: x/1 (y; z)\r\nRange: bytes=0-1\r\nTE: trailers\r\nDate: x\r\n'),
    ],
    [
      'names that only look like framing',
      head('Content-Lengths: 5\r\nTransfer-Encodings: x\r\nXContent-Length: 7\r\n'),
    ],
    [
      'names that nearly are',
      head('Content-Lengt: 5\r\nTransfer-Encodin: x\r\nConnectio: close\r\nUpgrad: x\r\nHos: b\r\n'),
    ],
    ['an underscore is no hyphen', head('Content_Length: 5\r\nTransfer_Encoding: chunked\r\n')],
  ],
);

const connections = table(
  'connection',
  [200],
  [
    ['close', head('Connection: close\r\n')],
    ['Close', head('Connection: Close\r\n')],
    ['keep-alive', head('Connection: keep-alive\r\n')],
    ['Keep-Alive', head('connection: Keep-Alive\r\nKeep-Alive: timeout=5\r\n')],
    ['close in a list', head('Connection: x, close\r\n')],
    ['close in a list without spaces', head('Connection: x,close,y\r\n')],
    ['close and keep-alive', head('Connection: keep-alive, close\r\n')],
    ['close behind keep-alive', head('Connection: keep-alive\r\nConnection: close\r\n')],
    ['close before keep-alive', head('Connection: close\r\nConnection: keep-alive\r\n')],
    ['a token that only starts so', head('Connection: closed\r\n')],
    ['close and a space of latin1', head('Connection: close\xa0\r\n')],
    ['a token of nobody', head('Connection: x\r\n')],
    ['nothing', head('Connection:\r\n')],
    ['proxy-connection', head('Proxy-Connection: close\r\n')],
  ],
);

const lengths = table(
  'length',
  [200],
  [
    ...each(METHODS, (method) => head('Content-Length: 5\r\n', `${method} /x HTTP/1.1`) + 'hello'),
    ['zero', post('')],
    ['one', post('x')],
    ['zeros in front', head('Content-Length: 0005\r\n', 'POST /x HTTP/1.1') + 'hello'],
    ['spaces around', head('Content-Length:  \t5  \r\n', 'POST /x HTTP/1.1') + 'hello'],
    ['other letters', head('CONTENT-length: 5\r\n', 'POST /x HTTP/1.1') + 'hello'],
    ['a body of every byte', post(ALL_BYTES)],
    ['a body of line ends', post('\r\n\r\n\n\r\r\n')],
    ['a body that is a request', post(GET)],
    ['a body that looks like chunks', post(`5\r\nhello\r\n${LAST}`)],
    ['a body of 70,000 bytes', post('0123456789'.repeat(7000))],
    ['expected', post('hello', 'Expect: 100-continue\r\n')],
    ['expected in other letters', post('hello', 'expect: 100-Continue\r\n')],
    ['expected, of nothing', post('', 'Expect: 100-continue\r\n')],
    ['expected, without a body', head('Expect: 100-continue\r\n')],
  ],
);

const chunked = table(
  'chunks',
  [200],
  [
    ...each([...words('GET HEAD POST PUT DELETE OPTIONS PATCH TRACE SEARCH QUERY')], (method) => {
      return chunkedHead('', `${method} /x HTTP/1.1`) + chunks('hello');
    }),
    ['none', chunkedHead() + LAST],
    ['two', chunkedHead() + chunks('hello', ' world')],
    ['of one byte each', chunkedHead() + chunks(...'hello, you')],
    ['capital digits', `${chunkedHead()}1A\r\n${'x'.repeat(26)}\r\nB\r\n${'y'.repeat(11)}\r\n${LAST}`],
    ['digits of both kinds', `${chunkedHead()}aB\r\n${'x'.repeat(0xab)}\r\n${LAST}`],
    ['zeros in front', `${chunkedHead()}0005\r\nhello\r\n${LAST}`],
    ['a last chunk of zeros', `${chunkedHead()}5\r\nhello\r\n000\r\n\r\n`],
    ['thirteen digits', `${chunkedHead()}0000000000005\r\nhello\r\n${LAST}`],
    ['every byte', chunkedHead() + chunks(ALL_BYTES)],
    ['line ends within', chunkedHead() + chunks('\r\n', '\r\n\r\n', '\n', '\r')],
    ['what looks like the end within', chunkedHead() + chunks(LAST, `${LAST}${GET}`)],
    ['a request within', chunkedHead() + chunks(GET)],
    ['a chunk of 70,000 bytes', chunkedHead() + chunks('0123456789'.repeat(7000), 'x')],
    ['the coding in capitals', head('TRANSFER-ENCODING: CHUNKED\r\n', 'POST /x HTTP/1.1') + chunks('hello')],
    ['the coding without a space', head('transfer-encoding:Chunked\r\n', 'POST /x HTTP/1.1') + chunks('hello')],
    ['the coding among white space', head('Transfer-Encoding: \tchunked  \r\n', 'POST /x HTTP/1.1') + chunks('hello')],
    ['expected', chunkedHead('Expect: 100-continue\r\n') + chunks('hello')],
    ['an extension', `${chunkedHead()}5;a\r\nhello\r\n${LAST}`],
    ['an extension with a value', `${chunkedHead()}5;a=b\r\nhello\r\n0;c=d\r\n\r\n`],
    ['extensions', `${chunkedHead()}5;a;b=c;d\r\nhello\r\n0;g\r\n\r\n`],
  ],
);

const trailers = table(
  'trailer',
  [200],
  [
    ['one field', `${chunkedHead('Trailer: X\r\n')}5\r\nhello\r\n0\r\nX: y\r\n\r\n`],
    ['three, in order, one twice', `${chunkedHead()}5\r\nhello\r\n0\r\nX: 1\r\nY: 2\r\nx: 3\r\n\r\n`],
    ['white space around', `${chunkedHead()}0\r\nX: \t y z \t\r\nY:\r\n\r\n`],
    ['bytes above ASCII', `${chunkedHead()}0\r\nX: \xe9\r\n\r\n`],
    ['a Host', `${chunkedHead()}0\r\nHost: b\r\n\r\n`],
    ['a tenant', `${chunkedHead()}0\r\nX-Tenant-ID: b\r\n\r\n`],
    ['a thousand', `${chunkedHead()}0\r\n${'X: y\r\n'.repeat(1000)}\r\n`],
    ['white space within a value', `${chunkedHead()}0\r\nX: a${' '.repeat(8000)}b${'\t'.repeat(2000)}\r\n\r\n`],
    ['and another request', `${chunkedHead()}0\r\nX: y\r\n\r\n${GET}`, 200, 200],
  ],
);

const pipelines = table(
  'pipeline',
  [200, 200],
  [
    ['two', GET + GET],
    ['five', [1, 2, 3, 4, 5].map((n) => head('', `GET /${n} HTTP/1.1`)).join(''), 200, 200, 200, 200, 200],
    [
      'forty',
      Array.from({ length: 40 }, (_, n) => head('', `GET /${n} HTTP/1.1`)).join(''),
      ...Array<number>(40).fill(200),
    ],
    ['a length, then', post('hello') + head('', 'GET /y HTTP/1.1')],
    ['chunks, then', chunkedHead() + chunks('hello') + head('', 'GET /y HTTP/1.1')],
    ['HEAD, then', head('', 'HEAD /x HTTP/1.1') + GET],
    ['a body and a body', post('first') + post('second')],
    ['a length, chunks, a length', post('1') + chunkedHead() + chunks('22', '2') + post('333'), 200, 200, 200],
    ['no fields in common', head('A: 1\r\nB: 2\r\n') + head('C: 3\r\n')],
    ['an empty line between', `${GET}\r\n${GET}`],
    ['an empty line at the end', `${GET}\r\n`, 200],
    ['expected, then', post('hello', 'Expect: 100-continue\r\n') + GET],
    ['nothing is read behind a close', head('Connection: close\r\n') + GET, 200],
    ['nothing is read behind a close with a body', post('hello', 'Connection: close\r\n') + GET, 200],
    ['nothing is read behind a close with chunks', chunkedHead('Connection: close\r\n') + chunks('hello') + GET, 200],
    [
      'nothing is read behind a close before keep-alive',
      head('Connection: close\r\nConnection: keep-alive\r\n') + GET,
      200,
    ],
    ['nothing is read behind a Proxy-Connection that closes', head('Proxy-Connection: close\r\n') + GET, 200],
    ['nothing is read behind a close in a list', head('Connection: close, keep-alive\r\n') + GET, 200],
    [
      'nothing is read behind an HTTP/1.0 that stays and closes',
      head('Connection: keep-alive, close\r\n', 'GET /x HTTP/1.0') + GET,
      200,
    ],
    [
      'nothing is read behind an HTTP/1.0 that nearly stays',
      head('Connection: keep-alive\xa0\r\n', 'GET /x HTTP/1.0') + GET,
      200,
    ],
    ['nothing is read behind HTTP/1.0', head('', 'GET /x HTTP/1.0') + GET, 200],
    ['nonsense behind a close is not read', `${head('Connection: close\r\n')}\0\0\0`, 200],
    ['HTTP/1.0 that stays, then', head('Connection: Keep-Alive\r\n', 'GET /x HTTP/1.0') + GET],
    ['a close in the second', GET + head('Connection: close\r\n') + GET],
  ],
);

/** Requests that are whole and can be read in one way only. */
export const VALID: readonly Message[] = [
  ...requestLines,
  ...headerFields,
  ...connections,
  ...lengths,
  ...chunked,
  ...trailers,
  ...pipelines,
];
