import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Seen } from './reference.ts';

/** What node:http made of one connection. */
export interface NodeReading {
  /** Requests whose body came in whole, in order. */
  readonly accepted: readonly Seen[];
  /** Whether the connection outlived the last of them. */
  readonly keptAlive: boolean;
}

export interface NodeServer {
  /** Sends the bytes on a connection of their own, ends that side, and waits until the other has ended too. */
  read(bytes: Buffer): Promise<NodeReading>;
  close(): Promise<void>;
}

/** Milliseconds without a byte after which node:http has said all that it will. */
const QUIET = 1000;

/** node:http as the oracle: strict, with its own limits, except that a missing Host is left to the framing check. */
export async function startNode(): Promise<NodeServer> {
  const readings = new Map<number, { accepted: (Seen | null)[]; keptAlive: boolean }>();
  const server = createServer({ requireHostHeader: false, insecureHTTPParser: false }, (request, response) => {
    const reading = readings.get(request.socket.remotePort!)!;
    const place = reading.accepted.push(null) - 1;
    const body: Buffer[] = [];
    request.on('data', (chunk: Buffer) => body.push(chunk));
    request.on('error', () => response.destroy()); // cut off: it stays unaccepted
    request.on('end', () => {
      reading.accepted[place] = seenBy(request, Buffer.concat(body));
      reading.keptAlive = response.shouldKeepAlive;
      response.end();
    });
  });
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('connection', (socket: Socket) => {
    readings.set(socket.remotePort!, { accepted: [], keptAlive: true });
  });
  // Later, so that what was accepted before is told first.
  server.on('clientError', (_error, socket) => setImmediate(() => socket.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    async read(bytes) {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => undefined); // it has been refused
      await once(socket, 'connect');
      const { localPort } = socket;
      // A client that has ended its side is left waiting for ever by some conversations: what was accepted by then stands.
      socket.setTimeout(QUIET, () => socket.destroy());
      socket.resume();
      socket.end(bytes);
      if (!socket.closed) await once(socket, 'close');
      const { accepted, keptAlive } = readings.get(localPort!) ?? { accepted: [], keptAlive: true };
      readings.delete(localPort!);
      const broken = accepted.indexOf(null);
      return { accepted: (broken < 0 ? accepted : accepted.slice(0, broken)) as Seen[], keptAlive };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function seenBy(request: IncomingMessage, body: Buffer): Seen {
  const headers = lower(request.rawHeaders);
  return {
    version: request.httpVersion,
    method: request.method!,
    target: pathIn(request.url!, headers),
    headers,
    body: body.toString('latin1'),
    trailers: lower(request.rawTrailers),
  };
}

function lower(raw: readonly string[]): string[] {
  return raw.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text));
}

/** node:http leaves an absolute form as it is. */
function pathIn(target: string, headers: readonly string[]): string {
  const host = headers[headers.indexOf('host') + 1];
  const absolute = /^https?:\/\/([^/?#]+)/i.exec(target);
  if (absolute === null || absolute[1]!.toLowerCase() !== host?.toLowerCase()) return target;
  const rest = target.slice(absolute[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}
