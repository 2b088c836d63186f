import { afterEach, expect, test } from 'vitest';
import { CHUNKED } from '../../src/wire/framing.ts';
import {
  codeOf,
  data,
  END_HEADERS,
  END_STREAM,
  GET,
  headers,
  POST,
  RawClient,
  RST_STREAM,
  type Fields,
} from './http2-frames.ts';
import { answer, Host, type Taken } from './http2-host.ts';

const PROTOCOL_ERROR = 1;

let host: Host;
let client: RawClient;

afterEach(async () => {
  client.close();
  await host.stop();
});

async function ask(list: Fields, flags = END_HEADERS | END_STREAM): Promise<void> {
  host = await Host.start(({ request }) => answer(request, 200, 'ok'));
  client = await RawClient.open(host.port);
  client.send(headers(1, list, flags));
}

async function headOf(list: Fields, flags?: number): Promise<Taken['request']> {
  await ask(list, flags);
  return (await host.request()).request;
}

async function isReset(list: Fields): Promise<void> {
  await ask(list);
  expect(codeOf(await client.next(RST_STREAM, 1))).toBe(PROTOCOL_ERROR);
  expect(host.taken).toHaveLength(0);
}

test('pseudo-headers become what they mean, the rest stays flat and in its order, repeats too', async () => {
  const request = await headOf([
    ...GET,
    ['x-b', '2'],
    ['x-a', '1'],
    ['x-b', '3'],
    ['cookie', 'a=1'],
    ['cookie', 'b=2'],
  ]);
  expect(request.version).toBe('2.0');
  expect(request.head).toEqual({
    method: 'GET',
    target: '/',
    headers: ['host', 'search', 'x-b', '2', 'x-a', '1', 'x-b', '3', 'cookie', 'a=1', 'cookie', 'b=2'],
  });
  expect([request.length, request.complete, request.expects]).toEqual([0, true, false]);
});

test('a host that says what :authority says is dropped, one that differs stays as a second one', async () => {
  expect((await headOf([...GET, ['host', 'search']])).head.headers).toEqual(['host', 'search']);
  await host.stop();
  client.close();
  expect((await headOf([...GET, ['host', 'other']])).head.headers).toEqual(['host', 'search', 'host', 'other']);
});

test('a host alone is the host', async () => {
  const list = GET.map(([name, value]) => [name === ':authority' ? 'host' : name, value] as const);
  const pseudoFirst = list.toSorted(([a], [b]) => Number(b.startsWith(':')) - Number(a.startsWith(':')));
  expect((await headOf(pseudoFirst)).head.headers).toEqual(['host', 'search']);
});

test('a body without a length reads as a chunked one, so that all that judges the head knows of it', async () => {
  const request = await headOf(POST, END_HEADERS);
  expect(request.head.headers).toEqual(['host', 'search', 'transfer-encoding', 'chunked']);
  expect([request.length, request.complete]).toEqual([CHUNKED, false]);
});

test('a body with a length is as long as it says', async () => {
  const request = await headOf([...POST, ['content-length', '5'], ['expect', '100-Continue']], END_HEADERS);
  expect(request.head.headers).not.toContain('transfer-encoding');
  expect([request.length, request.complete, request.expects]).toEqual([5, false, true]);
});

test('a length of 0 is no body, whether or not the stream has ended, and the stream ends with its answer', async () => {
  const request = await headOf([...POST, ['content-length', '0'], ['expect', '100-continue']], END_HEADERS);
  expect([request.length, request.complete, request.expects]).toEqual([0, true, false]);
  client.send(data(1, '', END_STREAM));
  await (await host.request()).untilTold('closed');
  expect(host.taken[0]?.told).toEqual(['closed']);
  expect(client.find(RST_STREAM)).toBeUndefined();
});

test('values are latin1 text, byte for byte', async () => {
  const request = await headOf([...GET, ['x-name', 'caf\xe9 \xff\x80']]);
  expect(request.head.headers.at(-1)).toBe('caf\xe9 \xff\x80');
});

test('names of the object prototype are names like others', async () => {
  const request = await headOf([...GET, ['constructor', 'a'], ['__proto__', 'b'], ['to-string', 'c']]);
  expect(request.head.headers).toEqual(['host', 'search', 'constructor', 'a', '__proto__', 'b', 'to-string', 'c']);
});

test.each([
  ['a control character', 'x-tenant-id', 'acme\x01'],
  ['a NUL', 'x-tenant-id', 'acme\0b'],
  ['a line end', 'x-tenant-id', 'acme\r\nx-user-id: root'],
  ['a space before it', 'x-tenant-id', ' acme'],
  ['a host with a space', 'host', 'a b'],
  ['a name with a space', 'x tenant-id', 'acme'],
  ['a name with a colon', 'x-a:b', 'acme'],
])('%s makes a field malformed: nobody sees it, neither who judges nor who is forwarded to', async (_, name, value) => {
  const request = await headOf([...GET, [name, value], ['x-last', '1']]);
  expect(request.head.headers).toEqual(['host', 'search', 'x-last', '1']);
});

test.each([
  ['connection', 'close'],
  ['keep-alive', 'timeout=1'],
  ['proxy-connection', 'close'],
  ['transfer-encoding', 'chunked'],
  ['upgrade', 'websocket'],
  ['te', 'gzip'],
  ['content-length', 'abc'],
  ['content-length', '+1'],
  ['content-length', '99999999999999999999'],
  ['content-length', '1'],
  ['X-Upper', '1'],
  [':path', '/again'],
  [':unknown', '1'],
  ['', ':empty'],
])('%s: %s is not for HTTP/2, and resets the stream before anybody sees it', async (name, value) => {
  if (name === '') return isReset(GET.filter(([known]) => known !== ':path'));
  return isReset([...GET, [name, value]]);
});

test('two lengths, even equal ones, reset the stream', async () => {
  await isReset([...GET, ['content-length', '0'], ['content-length', '0']]);
});

test('a target that is no path stays as it is, for the framing check to refuse', async () => {
  const foreign = GET.map(
    ([name, value]) => [name, name === ':scheme' ? 'ftp' : name === ':path' ? 'http://evil/' : value] as const,
  );
  expect((await headOf(foreign)).head.target).toBe('http://evil/');
});

test('CONNECT is refused in plain words, and nobody sees it', async () => {
  await ask(
    [
      [':method', 'CONNECT'],
      [':authority', 'evil:443'],
    ],
    END_HEADERS,
  );
  await expect.poll(() => client.bodyOf(1).toString()).toBe('Not supported.\n');
  expect(host.refused).toEqual(['403 operation_not_permitted']);
  expect(host.taken).toHaveLength(0);
  client.send(data(1, 'tunnelled', END_STREAM));
  await client.settled();
});
