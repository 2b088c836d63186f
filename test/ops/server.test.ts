import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OpsServer } from '../../src/ops/server.ts';
import type { RegionHealth } from '../../src/ops/state.ts';
import { Redactor } from '../../src/telemetry/redact.ts';
import { State } from './state.ts';

let calls: string[];
let errors: unknown[];
let state: State;
let server: OpsServer;
let host: string;
let port: number;
const redactor = new Redactor(['s3cr3t-value']);
const metrics = { contentType: 'text/plain; version=0.0.4', expose: () => Promise.resolve('up 1\n') };

beforeEach(async () => {
  calls = [];
  errors = [];
  state = new State(calls);
  server = new OpsServer({ state, metrics, redactor, onError: (error) => void errors.push(error) });
  host = '127.0.0.1';
  const url = await server.listen({ host, port: 0 });
  port = Number(new URL(url).port);
});

afterEach(() => server.close());

const OWN_ADDRESS = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address;

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

function region(id: string, up: boolean): RegionHealth {
  return { id, status: 'active', services: [{ service: 'storage', up }] };
}

async function call(method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> {
  const outgoing = request({ host, port, method, path, headers, agent: false });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

describe('reads', () => {
  it('/metrics gives the exposition with its media type', async () => {
    const { status, headers, body } = await call('GET', '/metrics');
    expect({ status, type: headers['content-type'], body }).toEqual({
      status: 200,
      type: 'text/plain; version=0.0.4',
      body: 'up 1\n',
    });
  });

  it('/livez, /health and /version answer as long as the process does', async () => {
    state.reasons = ['no snapshot'];
    expect(JSON.parse((await call('GET', '/livez')).body)).toEqual({ status: 'live' });
    const health = await call('GET', '/health');
    expect(health.status).toBe(200);
    expect(health.headers['content-type']).toMatch(/^application\/json/);
    expect(JSON.parse(health.body)).toEqual({ status: 'healthy', service: 'Domicile', version: '1.2.3' });
    expect(JSON.parse((await call('GET', '/version')).body)).toMatchObject({ service: 'Domicile', version: '1.2.3' });
  });

  it('/readyz is 200 when nothing stands against traffic, else 503 with every reason', async () => {
    const ready = await call('GET', '/readyz');
    expect([ready.status, JSON.parse(ready.body)]).toEqual([200, { status: 'ready', reasons: [] }]);
    state.reasons = ['no snapshot', 'draining'];
    const not = await call('GET', '/readyz');
    expect([not.status, JSON.parse(not.body)]).toEqual([
      503,
      { status: 'not_ready', reasons: ['no snapshot', 'draining'] },
    ]);
  });

  it('/readyz tells how many workers serve, where there are several', async () => {
    state.count = { serving: 1, wanted: 2 };
    const { status, body } = await call('GET', '/readyz');
    expect([status, JSON.parse(body)]).toEqual([
      200,
      { status: 'ready', reasons: [], workers: { serving: 1, wanted: 2 } },
    ]);
  });

  it('/health/db says that no store is configured, and is a 503 only for one that fails', async () => {
    const none = await call('GET', '/health/db');
    expect([none.status, JSON.parse(none.body)]).toEqual([200, { status: 'not_configured' }]);
    state.storeHealth = { status: 'unhealthy', kind: 'sqlite' };
    expect((await call('GET', '/health/db')).status).toBe(503);
  });

  it('/health/regions shows each region and service, and is a 503 when nothing is up', async () => {
    const seen: [number, string][] = [];
    for (const [west, east] of [
      [true, true],
      [true, false],
      [false, false],
    ] as const) {
      state.health = [region('eu-west', west), region('us-east', east)];
      const { status, body } = await call('GET', '/health/regions');
      const answer = JSON.parse(body);
      expect(answer.regions).toEqual(state.health);
      seen.push([status, answer.status]);
    }
    expect(seen).toEqual([
      [200, 'healthy'],
      [200, 'degraded'],
      [503, 'unhealthy'],
    ]);
  });

  it('/config_dump holds no secret, neither by key nor by value', async () => {
    state.config = {
      self: { region: 'eu-west' },
      credentials: { eu: { access_key_id: 'AKIDEXAMPLE', secret_access_key: 'abc', session_token: null } },
      openai: { header: 'authorization', value: 'Bearer xyz' },
      note: 'the password is s3cr3t-value',
    };
    const { body } = await call('GET', '/config_dump');
    expect(JSON.parse(body)).toEqual({
      self: { region: 'eu-west' },
      credentials: { eu: { access_key_id: '[redacted]', secret_access_key: '[redacted]', session_token: null } },
      openai: { header: 'authorization', value: '[redacted]' },
      note: 'the password is [redacted]',
    });
  });

  it('/ lists every path in plain text', async () => {
    const { headers, body } = await call('GET', '/');
    expect(headers['content-type']).toMatch(/^text\/plain/);
    for (const path of ['/metrics', '/livez', '/readyz', '/health/db', '/health/regions', '/config_dump', '/drain']) {
      expect(body).toContain(path);
    }
  });

  it('HEAD has the headers of GET and no body, and nothing may be cached', async () => {
    const get = await call('GET', '/health');
    const head = await call('HEAD', '/health');
    expect([head.status, head.body]).toEqual([200, '']);
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
    expect(head.headers['cache-control']).toBe('no-store');
  });

  it('a query on a path that takes none changes nothing', async () => {
    expect((await call('GET', '/livez?verbose')).status).toBe(200);
  });
});

describe('changes', () => {
  it('POST /drain begins to drain', async () => {
    expect((await call('POST', '/drain')).status).toBe(202);
    expect(calls).toEqual(['drain']);
  });

  it('POST /logging sets the level and says what it was', async () => {
    const { status, body } = await call('POST', '/logging?level=debug');
    expect([status, JSON.parse(body)]).toEqual([200, { level: 'debug', previous: 'info' }]);
    expect(calls).toEqual(['level debug']);
  });

  it.each(['', '?level=', '?level=loud', '?level=silent', '?level=debug&level=info'])(
    'POST /logging%s is a 400 that lists the levels, and sets none',
    async (query) => {
      const { status, body } = await call('POST', `/logging${query}`);
      expect(status).toBe(400);
      expect(JSON.parse(body).levels).toEqual(['trace', 'debug', 'info', 'warn', 'error', 'fatal']);
      expect(calls).toEqual([]);
    },
  );

  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])('%s changes nothing: 405, use POST', async (method) => {
    for (const path of ['/drain', '/logging?level=debug']) {
      const { status, headers } = await call(method, path);
      expect([status, headers['allow']]).toEqual([405, 'POST']);
    }
    expect(calls).toEqual([]);
  });

  it('POST to what can only be read is a 405 that says so', async () => {
    const { status, headers } = await call('POST', '/metrics');
    expect([status, headers['allow']]).toEqual([405, 'GET, HEAD']);
  });

  it.each([
    { origin: 'http://127.0.0.1:8001' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-origin' },
  ])('a POST that a web page made (%j) is refused: the port has no users to protect it', async (headers) => {
    expect((await call('POST', '/drain', headers)).status).toBe(403);
    expect(calls).toEqual([]);
  });
});

describe('what does not belong here', () => {
  it.each(['/nope', '/metrics/', '/Metrics', '/health/../metrics', '//metrics', '/__proto__'])(
    'the path %s is a 404',
    async (path) => {
      const { status, body } = await call('GET', path);
      expect([status, JSON.parse(body)]).toEqual([404, { error: 'no such path: GET / lists them' }]);
    },
  );

  it.each(['evil.example', 'evil.example:8001', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1'])(
    'the Host %j is refused on a loopback address: a page may have rebound its name to it',
    async (host) => {
      for (const [method, path] of [
        ['GET', '/config_dump'],
        ['POST', '/drain'],
      ] as const) {
        expect((await call(method, path, { host })).status).toBe(403);
      }
      expect(calls).toEqual([]);
    },
  );

  it.each(['localhost', 'LOCALHOST:8001', '127.0.0.1', '[::1]:8001'])('the Host %s is answered', async (host) => {
    expect((await call('GET', '/livez', { host })).status).toBe(200);
  });

  it.each([
    ['without Host', 'GET /livez HTTP/1.0\r\n\r\n'],
    ['with an empty Host', 'GET /livez HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n'],
    ['with two Hosts', 'GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\nConnection: close\r\n\r\n'],
  ])('a request %s is refused', async (_, head) => {
    const socket = connect(port, '127.0.0.1');
    socket.end(head);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('an error is logged by us, and the client is told nothing of it', async () => {
    state.config = new Error('acme has no policy');
    const { status, body } = await call('GET', '/config_dump');
    expect([status, JSON.parse(body)]).toEqual([500, { error: 'internal error: see the log' }]);
    expect(errors).toEqual([state.config]);
  });
});

describe('bodies', () => {
  it('that are small are ignored', async () => {
    expect((await call('POST', '/drain', {}, '{"level":"debug"}')).status).toBe(202);
  });

  it('that say they are large are refused before they are read', async () => {
    const outgoing = request({ host: '127.0.0.1', port, method: 'POST', path: '/drain', agent: false });
    outgoing.setHeader('content-length', '1000000');
    outgoing.on('error', () => {}); // the server closes while the body is owed
    outgoing.flushHeaders();
    const [response] = await once(outgoing, 'response');
    expect([response.statusCode, response.headers.connection]).toEqual([413, 'close']);
    outgoing.destroy();
    expect(calls).toEqual([]);
  });

  it('that go on for ever are cut off', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write('POST /logging?level=loud HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    socket.on('error', () => {}); // the reset is what is waited for
    socket.on('drain', () => socket.write(chunk));
    socket.resume();
    let sent = 0;
    while (sent < 20 && socket.write(chunk)) sent++;
    await once(socket, 'close');
    expect((await call('GET', '/livez')).status).toBe(200);
  });

  it('a head that is too large is a 431', async () => {
    expect((await call('GET', '/livez', { 'x-large': 'x'.repeat(20_000) })).status).toBe(431);
  });
});

describe('the address', () => {
  it.skipIf(OWN_ADDRESS === undefined)(
    'of the network answers any Host, and takes POST from this machine only',
    async () => {
      const open = new OpsServer({ state, metrics, redactor, onError: () => {} });
      port = Number(new URL(await open.listen({ host: '0.0.0.0', port: 0 })).port);
      host = OWN_ADDRESS!;
      expect((await call('GET', '/livez', { host: 'pod-1.cluster.local' })).status).toBe(200);
      const refused = await call('POST', '/drain');
      expect([refused.status, JSON.parse(refused.body)]).toEqual([
        403,
        { error: 'POST is taken from this machine only: call it on a loopback address' },
      ]);
      expect(calls).toEqual([]);
      host = '127.0.0.1';
      expect((await call('POST', '/drain')).status).toBe(202);
      await open.close();
    },
  );

  it('close ends idle connections, and after it nothing answers', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.resume();
    await once(socket, 'connect');
    socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(socket, 'data');
    const ended = once(socket, 'end');
    await server.close();
    await ended;
    await expect(call('GET', '/livez')).rejects.toThrow('ECONNREFUSED');
  });
});
