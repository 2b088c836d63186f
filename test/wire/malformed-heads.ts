import { each, head, table, words, type Message } from './message.ts';

const GET = head();
/** What must not be served behind a refusal. */
const HIDDEN = head('', 'GET /hidden HTTP/1.1');
const CONTROLS = [...Array.from({ length: 32 }, (_, i) => String.fromCharCode(i)), '\x7f'];
const NO_LINE_ENDS = CONTROLS.filter((c) => c !== '\r' && c !== '\n');
const fields = (n: number) => Array.from({ length: n }, (_, i) => `X-${i}: ${i}\r\n`).join('');

const methods = table(
  'method',
  [501],
  [
    ...each(
      [...words('FOO get Get GETT GE G XGET MKCOLA GET/ GET, {} "GET" PROP'), 'G\xc9T'],
      (method) => head('', `${method} /x HTTP/1.1`) + HIDDEN,
    ),
    ...each(['ANNOUNCE', 'DESCRIBE', 'SETUP', 'PLAY', 'TEARDOWN'], (method) => head('', `${method} /x HTTP/1.1`), 400),
    ['none', head('', ' /x HTTP/1.1')],
    ['a space in front', ` ${GET}`],
    ['a tab in front', `\t${GET}`],
    ['NUL in front', `\0${GET}`],
    ['a byte order mark in front', `\xef\xbb\xbf${GET}`],
    ['HTTP/0.9 of a stranger', 'FOO\r\n\r\n'],
    ['an answer for a request', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a header for a request line', `Host: a\r\n\r\n${GET}`],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['SSH', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['SOCKS', '\x05\x01\x00'],
    ['SMTP', 'EHLO a.example\r\n'],
    ['the PROXY protocol', `PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n${GET}`],
  ],
);

const requestLines = table(
  'request line',
  [400],
  [
    ['a tab behind the method', head('', 'GET\t/x HTTP/1.1'), 501],
    ['two spaces behind the method', head('', 'GET  /x HTTP/1.1')],
    ['two spaces before the version', head('', 'GET /x  HTTP/1.1')],
    ['a tab before the version', head('', 'GET /x\tHTTP/1.1')],
    ['a space at the end', head('', 'GET /x HTTP/1.1 ')],
    ['a tab at the end', head('', 'GET /x HTTP/1.1\t')],
    ['no target', head('', 'GET HTTP/1.1')],
    ['no target between spaces', head('', 'GET  HTTP/1.1')],
    ['a space in the target', head('', 'GET /a b HTTP/1.1')],
    ['HTTP/0.9 with fields', head('', 'GET /x')],
    ['a space instead of the version', head('', 'GET /x ')],
    ...each(
      [
        ...words(
          'HTTP/2.0 HTTP/2 HTTP/3.0 HTTP/1.2 HTTP/1.9 HTTP/0.9 HTTP/0.0 HTTP/1 HTTP/1. HTTP/.1 http/1.1 ' +
            'Http/1.1 HTTP/01.1 HTTP/1.01 HTTP/1.10 HTTP/11 HTTP/1,1 HTTP/1.1.1 HTTP/1.1x HTTP/+1.1 ' +
            'HTTP/-1.1 HTTP/1.-1 HTTP/4294967297.1 HTTP/1.257 HTTPS/1.1 HTP/1.1 HTTP1.1 XHTTP/1.1 ICE/1.0 ' +
            'RTSP/1.0 IHTTP/1.0 HTTP/a.b FOO',
        ),
        'HTTP/ 1.1',
        'HTTP /1.1',
        'HTTP/1 .1',
        'HTTP/1.1 HTTP/1.1',
        'HTTP/\r\r1.1',
        'HTTP/1.1\x0b',
        'HTTP/1.1\0',
        'HTTP/\xb9.\xb9',
      ],
      (version) => head('', `GET /x ${version}`) + HIDDEN,
    ),
    ['LF at its end', head().replace('\r\n', '\n')],
    ['CR at its end', head().replace('\r\n', '\r')],
    ['CR CR LF at its end', head().replace('\r\n', '\r\r\n')],
    ['LF for a space', head('', 'GET\n/x HTTP/1.1'), 501],
    ['LF before the version', head('', 'GET /x\nHTTP/1.1')],
    ['folded', head('', 'GET /x\r\n HTTP/1.1')],
    ['LF in front', `\n${GET}`],
    ['CR in front', `\r${GET}`],
    ['CR and a letter in front', `\rX${GET}`],
    ['two empty lines in front', `\r\n\r\n${GET}`],
    ['an empty line and LF in front', `\r\n\n${GET}`],
    ['an empty line and CR in front', `\r\n\r${GET}`],
    ['CR and LF in front, the wrong way', `\n\r${GET}`],
  ],
);

const targets = table(
  'target',
  [400],
  [
    ...each([...NO_LINE_ENDS, '\x80', '\xe9', '\xff', '\xc3\xa9'], (c) => head('', `GET /a${c}b HTTP/1.1`) + HIDDEN),
    ...each(
      [
        ...words(
          '* x a/x ?x # /x# /x#y /x?y#z /% /%4 /%zz /%0 /%-1 /%u0041 /%00 /a%00b /?a=%00 /a% /?a=% http:/x ' +
            'http:///x http:// http://b/x https://b/x ftp://a/x http://x@a/x http://a@b/x http://a:81/x ' +
            'http://a./x http://a#/x http://a/x#y a:80 ws://a/x file:///etc/passwd javascript:x urn:x ./x ' +
            '../x ~ @ ! [::1] %2fx',
        ),
        '/\\',
        '/a\\b',
        '\\x',
        'http://a\\b/x',
      ],
      (target) => head('', `GET ${target} HTTP/1.1`) + HIDDEN,
    ),
    ['asterisk form of OPTIONS', head('', 'OPTIONS * HTTP/1.1')],
    ['CR in it', head('', 'GET /a\rb HTTP/1.1')],
    ['LF in it', head('', 'GET /a\nb HTTP/1.1')],
    ['CRLF in it', head('', 'GET /a\r\nb HTTP/1.1')],
    ['more than 8 KiB', head('', `GET /${'t'.repeat(8192)} HTTP/1.1`) + HIDDEN, 414],
    ['more than 8 KiB of a query', head('', `GET /?${'t'.repeat(9000)} HTTP/1.1`), 414],
    ['more than a head may be', head('', `GET /${'t'.repeat(20_000)} HTTP/1.1`), 431],
  ],
);

const tunnels = table(
  'tunnel',
  [403],
  [
    ['CONNECT', head('', 'CONNECT a:443 HTTP/1.1') + HIDDEN],
    ['CONNECT to a path', head('', 'CONNECT /x HTTP/1.1') + HIDDEN],
    ['CONNECT of HTTP/1.0', head('', 'CONNECT a:443 HTTP/1.0') + HIDDEN],
    ['CONNECT with a length', head('Content-Length: 5\r\n', 'CONNECT a:443 HTTP/1.1') + 'hello'],
    ['CONNECT with chunks', head('Transfer-Encoding: chunked\r\n', 'CONNECT a:443 HTTP/1.1') + '0\r\n\r\n'],
    ['CONNECT behind a request', GET + head('', 'CONNECT a:443 HTTP/1.1') + HIDDEN, 200, 403],
    ['a WebSocket', head('Connection: Upgrade\r\nUpgrade: websocket\r\n') + HIDDEN],
    [
      'h2c',
      head('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n') + HIDDEN,
    ],
    ['an upgrade that Connection does not name', head('Upgrade: websocket\r\n') + HIDDEN],
    ['an upgrade with a length', head('Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n') + 'hello' + HIDDEN],
    [
      'an upgrade with chunks',
      head('Connection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n') + '0\r\n\r\n' + HIDDEN,
    ],
    ['an upgrade behind a request', GET + head('Connection: Upgrade\r\nUpgrade: x\r\n') + HIDDEN, 200, 403],
  ],
);

const lengthName = table(
  'field name, length and',
  [400],
  [
    ...each(
      [' ', '\t', '\0', '\x0b', '\x85', '\xa0'],
      (c) => head(`Content-Length${c}: 5\r\n`, 'POST /x HTTP/1.1') + 'hello',
    ),
  ],
);

const codingName = table(
  'field name, coding and',
  [400],
  [...each([' ', '\t', '\x0b'], (c) => head(`Transfer-Encoding${c}: chunked\r\n`, 'POST /x HTTP/1.1') + '0\r\n\r\n')],
);

const names = table(
  'field name',
  [400],
  [
    ...each(
      [...NO_LINE_ENDS, ...'"(),/;<=>?@[\\]{}', ' ', '\x80', '\x85', '\xa0', '\xe9', '\xff'],
      (c) => head(`X${c}Y: b\r\n`) + HIDDEN,
    ),
    ['a space before the colon', head('X : b\r\n')],
    ['nothing', head(': b\r\n')],
    ['nothing at all', head(':\r\nX: y\r\n')],
    ['nothing, first of all', head('', undefined, ': b\r\nHost: a\r\n')],
    ['no colon', head('X\r\n')],
    ['no colon but a value', head('Content-Length 5\r\n', 'POST /x HTTP/1.1') + 'hello'],
    ['no colon, last of all', head('X: y\r\nX')],
    ['a pseudo-header', head(':authority: b\r\n')],
    ['in two lines', head('Transfer-\r\nEncoding: chunked\r\n', 'POST /x HTTP/1.1') + '0\r\n\r\n'],
    ['a space in front of the first', head('', 'GET /x HTTP/1.1\r\n X: y')],
    ['a tab in front of the first', head('', 'GET /x HTTP/1.1\r\n\tContent-Length: 5') + 'hello'],
    ['a second request line', head('GET /hidden HTTP/1.1\r\n')],
  ],
);

const valueStarts = table(
  'field value, its start',
  [400],
  [...each(['\0', '\x0b', '\x0c', '\x7f'], (c) => head(`X: ${c}b\r\n`) + HIDDEN)],
);

const valueEnds = table(
  'field value, its end',
  [400],
  [...each(['\0', '\x0b', '\x0c', '\x7f'], (c) => head(`X: b${c}\r\n`) + HIDDEN)],
);

const values = table(
  'field value',
  [400],
  [
    ...each(
      NO_LINE_ENDS.filter((c) => c !== '\t'),
      (c) => head(`X: a${c}b\r\n`) + HIDDEN,
    ),
    ['NUL and CR', head('X: v\0\ralue\r\n')],
    ['folded by a space', head('X: a\r\n b\r\n')],
    ['folded by a tab', head('X: a\r\n\tb\r\n')],
    ['folded behind nothing', head('X:\r\n b\r\n')],
    ['folded to hide a field', head('X: a\r\n Content-Length: 5\r\n', 'POST /x HTTP/1.1') + 'hello'],
    ['folded at the end', head('X: a\r\n \r\n')],
    ['a coding folded', head('Transfer-Encoding:\r\n chunked\r\n', 'POST /x HTTP/1.1') + '0\r\n\r\n'],
    ['a coding folded behind it', head('Transfer-Encoding: chunked\r\n x\r\n', 'POST /x HTTP/1.1') + '0\r\n\r\n'],
    ['a length folded', head('Content-Length:\r\n 5\r\n', 'POST /x HTTP/1.1') + 'hello'],
  ],
);

const lineEnds = table(
  'line end',
  [400],
  [
    ['LF everywhere', GET.replaceAll('\r\n', '\n')],
    ['LF behind a value', head('X: a\nY: b\r\n')],
    ['LF behind nothing', head('X:\nTransfer-Encoding: chunked\r\n', 'POST /x HTTP/1.1') + '0\r\n\r\n'],
    ['LF LF within', head(`X:\n\n${GET}`)],
    ['LF at the end of the head', GET.replace(/\r\n$/, '\n') + HIDDEN],
    ['LF before a colon', head('X\n: b\r\n')],
    ['LF in a name', head('X\nY: b\r\n')],
    ['CR behind a value', head('X: a\rY: b\r\n')],
    ['CR in a value', head('X: a\rb\r\n')],
    ['CR in front of a value', head('X: \rb\r\n')],
    ['CR behind a colon', head('X:\rTransfer-Encoding: chunked\r\n', 'POST /x HTTP/1.1') + '0\r\n\r\n'],
    ['CR in a name', head('X\rY: b\r\n')],
    ['CR CR LF', head('X: a\r\r\n')],
    ['CR for the end of the head', GET.replace(/\r\n$/, '\r') + HIDDEN],
    ['CR and a letter for the end of the head', GET.replace(/\r\n$/, '\rZ') + 'GET /evil: HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['CR CR LF for the end of the head', GET.replace(/\r\n$/, '\r\r\n')],
    ['LF CR', head('X: a\n\rY: b\r\n')],
    ['NEL', head('X: a\x85Y: b\r\n'), 200],
  ],
);

const hosts = table(
  'host',
  [400],
  [
    ['none', head('', undefined, '')],
    ['none of any field', 'GET /x HTTP/1.1\r\n\r\n'],
    ['empty', head('', undefined, 'Host:\r\n')],
    ['spaces', head('', undefined, 'Host: \t \r\n')],
    ['two that differ', head('Host: b\r\n') + HIDDEN],
    ['two that agree', head('Host: a\r\n') + HIDDEN],
    ['two in other letters', head('HOST: b\r\n') + HIDDEN],
    ['two on HTTP/1.0', head('Host: b\r\n', 'GET /x HTTP/1.0')],
    ['one empty, one not', head('Host:\r\n')],
  ],
);

const limits = table(
  'limit',
  [431],
  [
    ['a field too long', head(`X: ${'v'.repeat(20_000)}\r\n`) + HIDDEN],
    ['a name too long', head(`${'n'.repeat(20_000)}: b\r\n`) + HIDDEN],
    ['a name too long without an end', `GET /x HTTP/1.1\r\nHost: a\r\n${'n'.repeat(20_000)}`],
    ['fields too long together', head(fields(90).replaceAll(': ', `: ${'v'.repeat(200)}`))],
    ['a hundred and one fields', head(fields(100)) + HIDDEN],
    ['1,200 fields', head(fields(1200))],
    ['2,100 fields and a length', head(`${'A:\r\n'.repeat(2100)}Content-Length: 5\r\n`, 'POST /x HTTP/1.1') + 'hello'],
    ['2,100 short fields', head('A:\r\n'.repeat(2100)) + HIDDEN],
    ['a malformed head and much behind it', head('X : y\r\n') + 'x'.repeat(30_000), 400],
    ['a method of nobody and much behind it', head('', 'GIVE /x HTTP/1.1') + 'x'.repeat(30_000), 501],
    ['empty fields too many for a head', head('A:\r\n'.repeat(6000))],
  ],
);

const meanings = table(
  'meaning',
  [400],
  [
    [
      'an expectation of nobody',
      head('Expect: magic\r\nContent-Length: 5\r\n', 'POST /x HTTP/1.1') + 'hello' + HIDDEN,
      417,
    ],
    ['an empty expectation', head('Expect:\r\n'), 417],
    ['an expectation in a list', head('Expect: 100-continue, x\r\n'), 417],
    ['an expectation behind another', head('Expect: x, 100-continue\r\n'), 417],
    ['an expectation that only starts so', head('Expect: 100-continued\r\n'), 417],
    ['an expectation in quotes', head('Expect: x="100-continue"\r\n'), 417],
    ['an expectation of nobody on HTTP/1.0', head('Expect: magic\r\n', 'GET /x HTTP/1.0'), 417],
    ['a method for another', head('X-HTTP-Method-Override: DELETE\r\n', 'POST /x HTTP/1.1')],
    ['a method for another, as some say it', head('X-HTTP-Method: DELETE\r\n', 'POST /x HTTP/1.1')],
    ['a method for another, as others say it', head('X-Method-Override: DELETE\r\n', 'POST /x HTTP/1.1')],
    ['Connection names the tenant', head('Connection: x-tenant-id\r\n')],
    [
      'Connection names the length',
      head('Connection: close, Content-Length\r\nContent-Length: 0\r\n', 'POST /x HTTP/1.1'),
    ],
    ['Connection names Host', head('Connection: host\r\n')],
  ],
);

/** Heads that are refused, by the bytes or by what they say. */
export const MALFORMED_HEADS: readonly Message[] = [
  ...methods,
  ...requestLines,
  ...targets,
  ...tunnels,
  ...names,
  ...lengthName,
  ...codingName,
  ...values,
  ...valueStarts,
  ...valueEnds,
  ...lineEnds,
  ...hosts,
  ...limits,
  ...meanings,
];
