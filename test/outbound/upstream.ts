import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** One connection that a raw upstream has taken. */
export class Peer {
  readonly socket: Socket;
  /** All that came in, as latin1 text. */
  received = '';
  /** The other side has ended its direction in order. */
  ended = false;
  /** `ECONNRESET` and the like; null as long as nothing broke. */
  error: string | null = null;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
    });
    socket.on('close', () => {
      this.closed = true;
    });
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves as soon as what came in matches. */
  async until(pattern: RegExp): Promise<string> {
    const signal = AbortSignal.timeout(5000);
    while (!pattern.test(this.received)) await once(this.socket, 'data', { signal });
    return this.received;
  }

  /** Resolves once the other side has ended the connection, in order or not: `error` tells. */
  async gone(): Promise<this> {
    await until(() => this.ended || this.closed);
    return this;
  }
}

/** An upstream that says what the test says, byte for byte. */
export interface RawUpstream {
  readonly origin: string;
  readonly port: number;
  readonly server: Server;
  readonly peers: Peer[];
  /** Heads of all requests received, told by how they begin and end: it knows nothing of bodies. */
  readonly heads: string[];
  /** Called with each head that came in. */
  respond: (peer: Peer, head: string) => void;
  /** Resolves with the n-th connection, counted from 1, once it is there. */
  peer(n: number): Promise<Peer>;
  close(): Promise<void>;
}

export async function startRaw(respond: (peer: Peer, head: string) => void, path?: string): Promise<RawUpstream> {
  const server = createServer({ noDelay: true, allowHalfOpen: true });
  const peers: Peer[] = [];
  server.on('connection', (socket: Socket) => {
    const peer = new Peer(socket);
    peers.push(peer);
    let rest = '';
    socket.on('data', (chunk: Buffer) => {
      rest += chunk.toString('latin1');
      for (let end = rest.indexOf('\r\n\r\n'); end >= 0; end = rest.indexOf('\r\n\r\n')) {
        const head = /[A-Z-]+ [^ ]+ HTTP\/1\.1\r\n[^]*$/.exec(rest.slice(0, end + 4))?.[0];
        rest = rest.slice(end + 4);
        if (head === undefined) continue; // part of a body
        upstream.heads.push(head);
        upstream.respond(peer, head);
      }
    });
    server.emit('peer');
  });
  if (path === undefined) server.listen(0, '127.0.0.1');
  else server.listen(path);
  await once(server, 'listening');
  const port = path === undefined ? (server.address() as AddressInfo).port : 0;
  const upstream: RawUpstream = {
    origin: `http://127.0.0.1:${port}`,
    port,
    server,
    peers,
    heads: [],
    respond,
    peer: async (n) => {
      const signal = AbortSignal.timeout(5000);
      while (peers.length < n) await once(server, 'peer', { signal });
      return peers[n - 1]!;
    },
    close: async () => {
      for (const { socket } of peers) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return upstream;
}

/** Waits until something has come about, looking again each time the event loop has gone round. */
export async function until(holds: () => boolean): Promise<void> {
  const late = performance.now() + 5000;
  while (!holds()) {
    if (performance.now() > late) throw new Error(`it did not come about: ${holds}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
