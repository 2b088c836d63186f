import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** An upstream whose behaviour is the test's own. */
export interface Upstream {
  readonly url: string;
  /** Heads received so far. */
  readonly requests: IncomingMessage[];
  respond: (request: IncomingMessage, response: ServerResponse) => void;
  close(): Promise<void>;
}

export async function startUpstream(respond: RequestListener = (_, response) => response.end('ok')): Promise<Upstream> {
  const server = createServer((request, response) => {
    upstream.requests.push(request);
    upstream.respond(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const upstream: Upstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    respond,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return upstream;
}

/** A raw connection to a URL's port: what is written is what the server reads, to the byte. */
export class Wire {
  readonly socket: Socket;
  received = '';

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.received += text;
    });
    socket.on('error', () => undefined); // a reset is what some tests wait for: they look at `close`
  }

  static async open(url: string): Promise<Wire> {
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    return new Wire(socket);
  }

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves as soon as what was received matches. */
  async until(pattern: RegExp): Promise<string> {
    const signal = AbortSignal.timeout(5000);
    while (!pattern.test(this.received)) {
      if (this.socket.readableEnded || this.socket.destroyed) throw new Error(`closed after: ${this.received}`);
      await Promise.race([
        once(this.socket, 'data', { signal }),
        once(this.socket, 'close', { signal }),
        once(this.socket, 'end', { signal }),
      ]);
    }
    return this.received;
  }

  /** Resolves with everything received, once the other side has closed. */
  async closed(): Promise<string> {
    if (!this.socket.readableEnded && !this.socket.destroyed) {
      const signal = AbortSignal.timeout(10_000);
      await Promise.race([once(this.socket, 'end', { signal }), once(this.socket, 'close', { signal })]);
    }
    this.socket.destroy();
    return this.received;
  }
}
