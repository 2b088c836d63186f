import { connect, createServer } from 'node:net';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { route } from '../../src/control/route.ts';
import { ROUTES } from '../../src/control/routes/all.ts';
import { ControlServer } from '../../src/control/server.ts';
import { ControlRig } from './rig.ts';

const BROKEN = route({
  method: 'GET',
  path: '/api/v1/broken',
  action: 'policies.read',
  tag: 'test',
  summary: 'Throws',
  answers: { 200: Type.Null() },
  handle: () => Promise.reject(new Error('the password is hunter2')),
});

let rig: ControlRig;
let token: string;

beforeAll(async () => {
  rig = await ControlRig.start({ routes: [...ROUTES, BROKEN] });
  token = await rig.token('admin');
});
afterAll(() => rig.stop());

describe('X-Request-ID', () => {
  it('is answered as it was sent', async () => {
    const { headers } = await rig.send('GET', '/health', { headers: { 'x-request-id': 'abc:1.2_3-4' } });
    expect(headers['x-request-id']).toBe('abc:1.2_3-4');
  });

  it.each([['a b'], ['x'.repeat(129)], ['<script>'], [['a', 'b']]])('is replaced where it is none: %s', async (id) => {
    const { headers } = await rig.send('GET', '/health', { headers: { 'x-request-id': id } });
    expect(headers['x-request-id']).toMatch(/^[0-9a-f]{24}-[0-9a-z]+$/);
  });

  it('stands on refusals too, and in the log line', async () => {
    const { headers } = await rig.send('GET', '/api/v1/policies', { headers: { 'x-request-id': 'lookup-1' } });
    expect(headers['x-request-id']).toBe('lookup-1');
    const line = rig.lines.map((each) => JSON.parse(each)).find(({ request_id }) => request_id === 'lookup-1');
    expect(line).toMatchObject({ status: 401, method: 'GET', path: '/api/v1/policies', actor: null });
  });
});

describe('every answer', () => {
  it.each(['/health', '/api/v1/policies', '/api/v1/nowhere', '/docs', '/docs/json', '/docs/static/nothing.js'])(
    'has security headers: %s',
    async (path) => {
      const { headers } = await rig.send('GET', path);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['x-frame-options']).toBe('DENY');
      expect(headers['referrer-policy']).toBe('no-referrer');
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['server'] ?? headers['x-powered-by']).toBeUndefined();
    },
  );
});

describe('a path that there is not', () => {
  it('is 404, as a problem', async () => {
    const { status, body, headers } = await rig.send('GET', '/api/v1/nowhere?x=1', { token });
    expect(status).toBe(404);
    expect(headers['content-type']).toContain('application/problem+json');
    expect(body).toEqual({
      type: 'about:blank',
      title: 'Not found',
      status: 404,
      detail: 'there is no path /api/v1/nowhere',
      instance: '/api/v1/nowhere',
    });
  });

  it('is 401 without a token, so that nobody learns what there is', async () => {
    expect((await rig.send('GET', '/api/v1/nowhere')).status).toBe(401);
  });

  it('is 404 without a token elsewhere', async () => {
    expect((await rig.send('GET', '/')).status).toBe(404);
  });

  it.each(['/api/v1/policies/%00', '/api/v1/policies/%zz', '/api/v1/policies/%', '/api/v1/data/%c0%af/classification'])(
    'because it cannot be decoded is 400: %s',
    async (path) => {
      const { status, body, headers } = await rig.send('GET', path, { token });
      expect(status).toBe(400);
      expect(body.status).toBe(400);
      expect(headers['x-request-id']).toBeDefined();
    },
  );
});

describe('a method that a path has not', () => {
  it.each(['PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PUT'])('is 405, with what there is: %s', async (method) => {
    const { status, headers, body } = await rig.send(method, '/api/v1/policies', { token });
    expect(status).toBe(405);
    expect(headers['allow']).toBe('GET, POST, HEAD');
    expect(body.detail).toContain('use GET, POST, HEAD');
  });

  it('is 405 whatever the body', async () => {
    const headers = { 'content-type': 'text/plain' };
    expect((await rig.send('PATCH', '/api/v1/policies', { token, raw: 'x', headers })).status).toBe(405);
    expect((await rig.send('QUERY', '/api/v1/policies', { token })).status).toBe(405);
  });

  it('is 401 without a token', async () => {
    expect((await rig.send('PATCH', '/api/v1/policies')).status).toBe(401);
  });

  it('is HEAD where there is GET, and answers without a body', async () => {
    const { status, text, headers } = await rig.send('HEAD', '/api/v1/policies', { token });
    expect(status).toBe(200);
    expect(text).toBe('');
    expect(headers['content-type']).toContain('application/json');
  });
});

describe('an error that nobody expected', () => {
  it('is a bare 500, and the log says where', async () => {
    const { status, body, text } = await rig.send('GET', '/api/v1/broken', {
      token,
      headers: { 'x-request-id': 'broken-1' },
    });
    expect(status).toBe(500);
    expect(body.detail).toBe('this was not expected: see the log');
    expect(text).not.toContain('hunter2');
    const line = rig.lines.find((each) => each.includes('a control request failed'));
    expect(line).toContain('broken-1');
    expect(line).toContain('frame.test.ts');
    expect(rig.lines.join(''), 'messages may hold anything').not.toContain('hunter2');
  });
});

describe('a web page in a browser of this machine', () => {
  const drain = (headers: Record<string, string>) =>
    rig.send('POST', '/api/v1/regions/eu-west/drain', { token, headers });

  it.each([
    [{ origin: 'https://evil.example' }],
    [{ origin: 'null' }],
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
  ])('of another site changes nothing: %j', async (headers) => {
    const { status, body } = await drain(headers);
    expect(status).toBe(403);
    expect(body.detail).toContain('pages of other sites');
  });

  it('that is our own documentation may', async () => {
    const { status } = await drain({ origin: rig.url, 'sec-fetch-site': 'same-origin' });
    expect(status).toBe(200);
  });

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io'])(
    'reaches nothing by a name that resolves here: %s',
    async (host) => {
      const { status, body } = await rig.send('GET', '/health', { headers: { host } });
      expect(status).toBe(403);
      expect(body.detail).toContain('Host is not a name of this port');
    },
  );
});

describe('bytes that are no request', () => {
  it('are answered with a problem', async () => {
    const { port } = new URL(rig.url);
    const socket = connect(Number(port), '127.0.0.1');
    const pieces: Buffer[] = [];
    const ended = new Promise((resolve) => socket.on('data', (piece) => pieces.push(piece)).on('close', resolve));
    socket.write('nonsense\r\n\r\n');
    await ended;
    const text = Buffer.concat(pieces).toString();
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('application/problem+json');
    expect(text).toContain('"status":400');
  });

  it('are too many for a head', async () => {
    const { status } = await rig.send('GET', '/health', { headers: { 'x-long': 'x'.repeat(20_000) } });
    expect(status).toBe(431);
  });
});

describe('an address that cannot be had', () => {
  it('is told in one line, with what to do', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const server = await ControlServer.open({ context: rig.context, routes: ROUTES, tls: null });
    await expect(server.listen({ host: '127.0.0.1', port })).rejects.toThrow(
      `control: 127.0.0.1:${port} is in use. Stop what listens there, or choose another address in the configuration.`,
    );
    await server.close();
    taken.close();
  });
});
