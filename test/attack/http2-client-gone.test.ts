// node:http2 ends the body of a stream that was reset as it ends a whole one. Relayed like that, half a document would be stored as
// one, and half a bulk carried out, after its sender had gone and the record been made. And a connection of which the client has
// ended its side is over: were it kept half-open, as HTTP/1 wants it, its streams would hold their places for ever.
import type { Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { DATA, END_HEADERS, fields, frame, HEADERS, openHttp2, RST_STREAM } from './http2-wire.ts';
import { startWorld } from './world.ts';

let begun = Promise.withResolvers<void>();
let ended = Promise.withResolvers<string>();
const search = await startStandIn((request, response) => {
  request.once('data', () => begun.resolve());
  request.once('end', () => response.end('{}'));
  request.on('error', () => undefined); // the cut is what is waited for
  response.once('close', () => ended.resolve(request.complete ? 'whole' : 'cut'));
});
const world = await startWorld({ replace: { 'eu-west': { search } } });

const IDENTITY = { 'x-tenant-id': 'acme', 'x-data-classification': 'identity' };
const CANCEL = Buffer.from([0, 0, 0, 8]);

let socket: Socket;
afterEach(() => socket.destroy());

const WAYS: readonly (readonly [string, () => void])[] = [
  ['is reset', () => void socket.write(frame(RST_STREAM, 0, CANCEL))],
  ['breaks off with its connection', () => void socket.resetAndDestroy()],
  ['ends with its connection', () => void socket.end()],
];

/** A request whose body has begun and does not end. */
async function begin(method: string, path: string, type: string, body: string): Promise<void> {
  begun = Promise.withResolvers();
  ended = Promise.withResolvers();
  socket = await openHttp2(world.rig.search);
  const head = { ':method': method, ':scheme': 'http', ':authority': 'search', ':path': path, 'content-type': type };
  socket.write(frame(HEADERS, END_HEADERS, fields({ ...head, ...IDENTITY })));
  socket.write(frame(DATA, 0, Buffer.from(body)));
}

const inflight = () => world.rig.domicile.plane.proxy.inflight.search;

/** Resolves once Domicile has nothing in flight any more. */
const atRest = () => expect.poll(inflight, { timeout: 3000 }).toBe(0);

test.each(WAYS)('a document that %s is cut upstream too', async (_, go) => {
  await begin('PUT', '/reports/_doc/1', 'application/json', '{"half":');
  await begun.promise;
  go();
  expect(await ended.promise).toBe('cut');
  await atRest();
});

test.each(WAYS)('a bulk that %s when only a part has come is not carried out', async (_, go) => {
  const before = { requests: search.requests, bytes: search.bytes };
  await begin('POST', '/_bulk', 'application/x-ndjson', '{"delete":{"_index":"reports","_id":"1"}}\n');
  await expect.poll(() => world.rig.domicile.plane.proxy.inflight.search).toBe(1);
  go();
  await atRest();
  await world.rig.metrics(); // a round trip: what had left would be there by now
  expect({ requests: search.requests, bytes: search.bytes }).toEqual(before);
  expect(world.rig.log.at(-1)).toMatchObject({ operation_type: 'bulk', upstream_ms: null });
});
