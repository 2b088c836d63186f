import type { Socket } from 'node:net';
import type { Reason } from '../core/reasons.ts';
import type { Wheel } from '../wire/wheel.ts';
import { Http2Session, type SessionOptions } from './http2/session.ts';
import type { Incoming, RequestHandler } from './incoming.ts';
import { plainBody, plainHeaders } from './plain.ts';

/** A reload may change them. */
interface Http2Limits {
  /** Bytes of a whole head, 32 for each field among them. More is answered 431, or resets the stream once the client knows. */
  readonly headBytes: number;
  /** Milliseconds without progress of a body, either way, where the client is the one to move. */
  readonly idleTimeout: number;
  /** Milliseconds without a request, until the session ends. */
  readonly keepAliveTimeout: number;
}

export interface Http2Options extends Http2Limits {
  readonly wheel: Wheel;
}

/** Told of a refusal before there is a request to handle. Gives the id that its answer carries. */
type Refused = (reason: Reason, status: number) => string;

/**
 * HTTP/2 (RFC 9113) on sockets that others have accepted: by prior knowledge, or by ALPN. It is node:http2, used by its
 * streams, with bounds to what a client may cost.
 */
export class Http2Server {
  readonly #options: SessionOptions;
  #headBytes: number;
  readonly #sessions = new Set<Http2Session>();
  #closing = false;

  constructor(options: Http2Options, onRequest: RequestHandler, refused: Refused) {
    this.#headBytes = options.headBytes;
    this.#options = {
      wheel: options.wheel,
      idleTimeout: options.idleTimeout,
      keepAliveTimeout: options.keepAliveTimeout,
      node: {
        settings: { maxConcurrentStreams: 128, maxHeaderListSize: options.headBytes, enablePush: false },
        maxHeaderListPairs: 128,
        // Megabytes of what nghttp2 holds. Bodies are bounded by flow control instead.
        maxSessionMemory: 10,
        // The head of an answer travels on whole, as large as it may be upstream. Over this, node would end the session.
        maxSendHeaderBlockLength: 256 * 1024,
        // Rapid reset (CVE-2023-44487): resets at once, and each second.
        streamResetBurst: 100,
        streamResetRate: 33,
        // Empty DATA frames count as invalid (CVE-2019-9518), and so do streams over the limit.
        maxSessionInvalidFrames: 1000,
        maxSessionRejectedStreams: 100,
        // A field that an upstream repeats is passed on as it came, as over HTTP/1.
        strictSingleValueFields: false,
      },
      onRequest: (request) => {
        // What node:http2 is told binds it only when the client has acknowledged it.
        if (request.headBytes > this.#headBytes) refuse(request, 431, 'request_malformed', refused);
        // CONNECT has no path that could be judged (RFC 9113 §8.5).
        else if (request.head.method === 'CONNECT') refuse(request, 403, 'operation_not_permitted', refused);
        else onRequest(request);
      },
      gone: (session) => this.#sessions.delete(session),
    };
  }

  /** Holds all sessions to these limits from now on. What a client was told of the size of heads stays. */
  hold({ headBytes, idleTimeout, keepAliveTimeout }: Http2Limits): void {
    this.#headBytes = headBytes;
    Object.assign(this.#options, { idleTimeout, keepAliveTimeout });
  }

  /** Takes over a socket whose first bytes (if any were read) have been unshifted. */
  accept(socket: Socket): void {
    // A client that ends its side is gone: half-open, its streams would wait for it for ever.
    socket.allowHalfOpen = false;
    if (this.#closing) socket.destroy();
    if (!socket.destroyed) this.#sessions.add(new Http2Session(socket, this.#options));
  }

  /** Lets open streams finish; no new ones. */
  close(): void {
    this.#closing = true;
    this.part();
  }

  /** The same for the sessions of this moment: clients may come back. */
  part(): void {
    for (const session of this.#sessions) session.close();
  }

  /** Cuts everything. */
  destroy(): void {
    this.#closing = true;
    for (const session of this.#sessions) session.destroy();
  }
}

/** Answers what no dialect could answer. */
function refuse(request: Incoming, status: number, reason: Reason, refused: Refused): void {
  const body = Buffer.from(plainBody(status));
  const headers = plainHeaders(reason, refused(reason, status));
  headers.push('content-length', String(body.length));
  request.writeHead(status, '', headers, body.length);
  request.write(body, 0, body.length);
  request.end([]);
}
