import { request } from 'node:https';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROUTES } from '../../src/control/routes/all.ts';
import { ControlServer } from '../../src/control/server.ts';
import { selfSigned } from '../attack/certificate.ts';
import { ControlRig } from './rig.ts';

const certificate = selfSigned('localhost');
let rig: ControlRig;
let server: ControlServer;
let port: number;

beforeAll(async () => {
  rig = await ControlRig.start();
  const tls = { cert: certificate.cert, key: certificate.key, clientCa: null };
  server = await ControlServer.open({ context: rig.context, routes: ROUTES, tls });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  expect(url).toMatch(/^https:/);
  port = Number(new URL(url).port);
});
afterAll(async () => {
  await server.close();
  await rig.stop();
});

it('is spoken where it is configured, and browsers are told to keep to it', async () => {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; hsts: string | undefined }>();
  const outgoing = request({ host: '127.0.0.1', port, path: '/health', ca: certificate.cert, servername: 'localhost' });
  outgoing.on('error', reject).on('response', (response) => {
    response.resume();
    resolve({ status: response.statusCode ?? 0, hsts: response.headers['strict-transport-security'] });
  });
  outgoing.end();
  expect(await promise).toEqual({ status: 200, hsts: expect.stringContaining('max-age=') });
});

it.each([
  ['TLSv1.1', false],
  ['TLSv1.2', true],
  ['TLSv1.3', true],
] as const)('%s is spoken: %s', async (version, spoken) => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const options = {
    port,
    host: '127.0.0.1',
    ca: certificate.cert,
    servername: 'localhost',
    minVersion: version,
    maxVersion: version,
  };
  const ciphers = version === 'TLSv1.1' ? { ciphers: 'DEFAULT@SECLEVEL=0' } : {};
  const socket = connect({ ...options, ...ciphers }, () => {
    socket.end();
    resolve(true);
  });
  socket.on('error', () => resolve(false));
  expect(await promise).toBe(spoken);
});
