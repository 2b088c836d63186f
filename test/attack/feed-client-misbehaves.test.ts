// The feed is a port. Whoever reaches it may have no token, or a wrong one; may say nothing, or too much, or nonsense; may
// begin and never go on. None of them learns anything, or keeps what others need.
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { selfSigned } from './certificate.ts';
import { MemorySource } from '../feed/source.ts';
import { connected, HELLO, Raw, serve, until } from '../feed/world.ts';

const TOKEN = 'the token of the feed';
const RESUME = { type: 'resume', revision: 0 };

async function refused(raw: Raw): Promise<string> {
  const { reason } = await raw.next('refused');
  await until(() => raw.closed);
  expect(raw.messages.length).toBe(1);
  return reason as string;
}

describe('the token', () => {
  test.each([
    ['none', null],
    ['an empty one', ''],
    ['a wrong one', 'the token of the feeD'],
    ['the beginning of it', TOKEN.slice(0, -1)],
    ['more than it', `${TOKEN}!`],
  ])('%s: turned away, and nothing is told', async (_, token) => {
    const { url, server } = await serve(new MemorySource(), { token: TOKEN });
    const raw = Raw.to(url);
    raw.send({ ...HELLO, token }, RESUME, { type: 'get', id: 1, tenants: ['acme'] });
    expect(await refused(raw)).toBe('the token is wrong: give the feed.token of the control plane');
    expect(server.sidecars()).toEqual([]);
  });

  test('the right one is let in, and shown nowhere', async () => {
    const { url, server, log } = await serve(new MemorySource(), { token: TOKEN });
    await connected(url, { token: TOKEN });
    expect(JSON.stringify(server.sidecars())).not.toContain(TOKEN);
    expect(log.text).not.toContain(TOKEN);
  });
});

describe('a certificate', () => {
  const { cert, key } = selfSigned('127.0.0.1');
  const proxy = selfSigned('proxy-1.example');

  async function answered(client: { cert?: string; key?: string }): Promise<boolean> {
    const { url } = await serve(new MemorySource(), {
      listen: { host: '127.0.0.1', port: 0 },
      tls: { cert, key, clientCa: proxy.cert },
      token: null,
    });
    const socket = connectTls({ host: '127.0.0.1', port: Number(new URL(url).port), ca: cert, ...client });
    const raw = new Raw(socket);
    raw.send(HELLO, RESUME);
    await until(() => raw.closed || raw.of('beat').length > 0);
    return raw.of('beat').length > 0;
  }

  test('of nobody, or of a stranger, is not enough; of one that the authority signed it is', async () => {
    expect(await answered({})).toBe(false);
    expect(await answered(selfSigned('proxy-1.example'))).toBe(false);
    expect(await answered(proxy)).toBe(true);
  });

  test('a handshake by TLS 1.1 fails, and one in the clear', async () => {
    const { url } = await serve(new MemorySource(), {
      listen: { host: '127.0.0.1', port: 0 },
      tls: { cert, key, clientCa: null },
      token: TOKEN,
    });
    const port = Number(new URL(url).port);
    const old = connectTls({ host: '127.0.0.1', port, ca: cert, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
    let secured = false;
    let over = 0;
    const clear: Socket = connect({ host: '127.0.0.1', port }, () =>
      clear.write(`${JSON.stringify({ ...HELLO, token: TOKEN })}\n`),
    );
    let heard = '';
    clear.on('data', (chunk) => (heard += chunk.toString('latin1')));
    old.on('secureConnect', () => (secured = true));
    for (const socket of [old, clear]) socket.on('error', () => {}).on('close', () => over++);
    onTestFinished(() => void [old, clear].map((socket) => socket.destroy()));
    await until(() => over === 2);
    expect(secured).toBe(false);
    expect(heard).not.toContain('{');
  });
});

describe('out of order', () => {
  test.each([
    [
      'nothing but a question',
      [{ type: 'get', id: 1, tenants: ['acme'] }],
      'a client says hello first of all, and once; this was get',
    ],
    ['hello twice', [HELLO, HELLO], 'a client says hello first of all, and once; this was hello'],
    ['a question before resume', [HELLO, { type: 'get', id: 1, tenants: ['acme'] }], 'get comes after resume'],
    ['a grant before resume', [HELLO, { type: 'take', id: 1, grants: ['g-1'] }], 'take comes after resume'],
    [
      'another protocol',
      [{ ...HELLO, protocol: 2 }],
      'protocol 2 is not spoken here, but 1: run the same version of both',
    ],
    [
      'a name with spaces',
      [{ ...HELLO, name: 'a b' }],
      'a message hello is misshapen: name "a b" does not have the right form',
    ],
  ])('%s is refused, with why', async (_, messages, why) => {
    const { url } = await serve(new MemorySource());
    const raw = Raw.to(url);
    raw.send(...messages);
    expect(await refused(raw)).toBe(why);
  });

  test('uses are taken of nobody who has not said who it is', async () => {
    const source = new MemorySource();
    const { url } = await serve(source, { token: TOKEN });
    const raw = Raw.to(url);
    raw.send({ type: 'uses', counts: [['o-1', 5]] });
    await refused(raw);
    expect(source.used.size).toBe(0);
  });
});

describe('too much', () => {
  test('a line without end is cut off at a mebibyte', async () => {
    const { url } = await serve(new MemorySource());
    const raw = Raw.to(url);
    const piece = 'x'.repeat(1 << 16);
    let sent = 0;
    while (!raw.closed && sent < 64 << 20) {
      if (!raw.socket.write(piece)) await new Promise((resolve) => setTimeout(resolve, 1));
      sent += piece.length;
      if (raw.of('refused').length > 0) break;
    }
    expect(await refused(raw)).toBe('a line is longer than 1048576 bytes');
    expect(sent).toBeLessThan(16 << 20);
  });

  test('garbage is refused at its first line', async () => {
    const { url } = await serve(new MemorySource());
    for (const garbage of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\n', Buffer.from([0xff, 0xfe, 0x0a])]) {
      const raw = Raw.to(url);
      raw.socket.write(garbage);
      expect(await refused(raw)).toMatch(/^a line is/);
    }
  });

  test('a question for more tenants than a line may name is refused', async () => {
    const { url } = await serve(new MemorySource());
    const raw = Raw.to(url);
    const tenants = Array.from({ length: 1001 }, (_, i) => `t-${i}`);
    raw.send(HELLO, { type: 'hold', tenants });
    expect(await refused(raw)).toContain('a message hold is misshapen');
  });

  test('connections beyond the bound are closed, and those within are served', async () => {
    const { url } = await serve(new MemorySource(), { connections: 2 });
    await connected(url);
    await connected(url);
    const raw = Raw.to(url);
    raw.send(HELLO, RESUME);
    await until(() => raw.closed);
    expect(raw.messages).toEqual([]);
  });

  test('questions are not read on by a client that does not take its answers', async () => {
    const source = new MemorySource();
    const name = 'x'.repeat(100_000);
    source.pin('acme', 'eu-west');
    const own = source.policies.get('acme')!;
    source.policies.set('acme', { ...own, name });
    const { url } = await serve(source);
    const raw = Raw.to(url);
    raw.send(HELLO, RESUME);
    await raw.next('beat');
    raw.socket.pause();
    for (let id = 1; id <= 20_000; id++) raw.send({ type: 'get', id, tenants: ['acme'] });
    // All answers together would be 2 GB; most of what was asked has not even been taken.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const waiting = raw.socket.writableLength;
    expect(waiting).toBeGreaterThan(100_000);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(raw.socket.writableLength).toBe(waiting);
    raw.socket.destroy();
  });
});

describe('too little', () => {
  test.each([
    ['nothing at all', []],
    ['hello, and no more', [HELLO]],
    ['tenants, one after the other, without end', [HELLO, { type: 'hold', tenants: ['acme'] }]],
  ])('%s: dropped when the handshake should be over', async (_, messages) => {
    const { url } = await serve(new MemorySource(), { handshake: 200 });
    const raw = Raw.to(url);
    raw.send(...messages);
    const again = setInterval(() => messages.length === 2 && raw.send(messages[1]!), 20);
    onTestFinished(() => clearInterval(again));
    expect(await refused(raw)).toBe('no handshake in 200 ms');
  });

  test('a TLS handshake that does not go on is cut', async () => {
    const { cert, key } = selfSigned('127.0.0.1');
    const { url } = await serve(new MemorySource(), {
      listen: { host: '127.0.0.1', port: 0 },
      tls: { cert, key, clientCa: null },
      token: TOKEN,
      handshake: 200,
    });
    const raw = new Raw(connect({ host: '127.0.0.1', port: Number(new URL(url).port) }));
    await until(
      () => raw.closed,
      () => 'still open',
      3000,
    );
  });

  test('a client that falls silent is dropped, and one that beats is not', async () => {
    const { url, server } = await serve(new MemorySource(), { silence: 300 });
    const raw = Raw.to(url);
    raw.send(HELLO, RESUME);
    await raw.next('beat');
    const beating = Raw.to(url);
    beating.send({ ...HELLO, name: 'alive' }, RESUME);
    const timer = setInterval(() => beating.send({ type: 'beat', revision: 1 }), 50);
    onTestFinished(() => clearInterval(timer));
    expect((await raw.next('refused'))['reason']).toBe('nothing was heard in 300 ms');
    await until(() => raw.closed);
    expect(server.sidecars().map(({ name }) => name)).toEqual(['alive']);
  });
});
