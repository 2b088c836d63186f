/** A request that is ready to leave: signed, with its `host`. */
export interface Departure {
  readonly method: string;
  /** Path and query, base path included. */
  readonly target: string;
  /** Flat, lower case, without `content-length`, `transfer-encoding` and `connection`: framing is the engine's. */
  readonly headers: readonly string[];
  /** The whole body, or null when there is none or it is streamed. Not changed until the answer is over. */
  readonly body: Buffer | null;
  /** Bytes of a streamed body, `CHUNKED`, or 0 when it is not streamed. */
  readonly length: number;
  /** Milliseconds until the answer's head; and between two reads of its body; and of the whole, 0: no bound. */
  readonly headTimeout: number;
  readonly idleTimeout: number;
  readonly totalTimeout: number;
}

/** Why a request failed. */
export type FailureKind =
  /** No connection: refused, no route, no address, no answer in time. A bare connection can find out when it is back. */
  | 'unreachable'
  /** TLS failed: a certificate that is not trusted, a wrong name, a broken handshake. */
  | 'untrusted'
  /** The endpoint resolves outside the networks of its region. */
  | 'outside_region'
  /** Too many requests wait for a connection to this region, or one has waited too long. */
  | 'overloaded'
  /** No head, or no byte of a body, in time; or the whole took too long. */
  | 'timeout'
  /** The connection ended or broke before the answer was whole. */
  | 'reset'
  /** The answer cannot be read in one way only. */
  | 'malformed';

export interface Failure {
  readonly kind: FailureKind;
  readonly message: string;
}

/** Told what becomes of a request that was forwarded. After `end` or `failed` nothing more is told. None may throw. */
export interface Arrival {
  /** The head is out: the streamed body may be written. Only where `Departure.length` is not 0. */
  writable(): void;
  /** What `write` answered false to has gone out. */
  drained(): void;
  /** 103 and the like; never 100 or 101. `headers` as in `head`. */
  information(status: number, headers: string[]): void;
  /** The head of the answer. `headers` flat, names in lower case, values latin1, framing fields included; the array is
   *  the receiver's own. `length`: bytes of the body (0: none), `CHUNKED` or `UNTIL_CLOSE`. */
  head(status: number, phrase: string, headers: string[], length: number): void;
  /** Bytes of the body, `bytes[from, to)`, valid during the call alone. */
  data(bytes: Buffer, from: number, to: number): void;
  /** What one read brought has all been told. */
  flush(): void;
  /** The answer is whole. */
  end(trailers: readonly string[]): void;
  failed(failure: Failure): void;
}

/** A request on its way. */
export interface Call {
  /** Part of the streamed body; copied or sent within the call. False: hold back until `drained`. */
  write(bytes: Buffer, from: number, to: number): boolean;
  /** The streamed body is whole. */
  end(trailers: readonly string[]): void;
  /** Holds the answer's body back; `resume` lets it go on. */
  pause(): void;
  resume(): void;
  /** Ends it: an upstream that has its head sees a reset, never a whole request. Nothing more is told. */
  abort(): void;
}
