import type { Head } from '../core/http.ts';
import type { ClientCertificate } from './identity/certificate.ts';

/** Told what becomes of a request: the proxy's exchange. None of these may throw. */
export interface Owner {
  /** Bytes of the body, `bytes[from, to)`. They are valid during the call alone: who keeps them copies them. */
  bodyData(bytes: Buffer, from: number, to: number): void;
  /** The body is whole. `trailers` is flat, names in lower case; those of HTTP/1.1 chunking, or HTTP/2. */
  bodyEnd(trailers: readonly string[]): void;
  /** The body broke off or broke its framing: it never was whole. `status` is what fits, 400 or 413. */
  bodyFailed(why: string, status: number): void;
  /** What `write` answered false to has gone out. */
  drained(): void;
  /** The answer is out, or the client is gone. Once, and the last of all. */
  closed(): void;
}

/**
 * One request from a client, and the way to answer it: the same for HTTP/1 and HTTP/2. The engine has parsed the head and
 * knows how the body is framed; whether it may be served is not the engine's to say.
 */
export interface Incoming {
  readonly version: '1.0' | '1.1' | '2.0';
  /** Names in lower case, `:authority` as `host`, the target in origin form where it names the host of the Host field. */
  readonly head: Head;
  /** Of the connection that it came by; null: the client has shown none. */
  readonly certificate: ClientCertificate | null;
  /** The client waits for 100 Continue before it sends the body. */
  readonly expects: boolean;
  /** Bytes of the body; 0: none; `CHUNKED`: not told in advance. */
  readonly length: number;
  /** The whole body has come in, or there is none. */
  readonly complete: boolean;
  /** The body broke its framing, or broke off. */
  readonly broken: boolean;
  /** The head of an answer has been given to the engine. */
  readonly answered: boolean;
  /** `closed` has been told: nothing can be written. */
  readonly over: boolean;
  owner: Owner;
  /** Set before `writeHead`: the connection ends with this answer (HTTP/1). The engine sets it by itself where what is
   *  left of the body is too much to read over. */
  closing: boolean;

  /** Lets the body flow to the owner. Until it is called nothing of the body is delivered. */
  receive(): void;
  /** Holds the flow back; `receive` lets it go on. What one read brought may still be delivered. */
  pause(): void;
  /** The whole body in a buffer of its own, if all of it has come in already and none of it was delivered; else null. */
  whole(): Buffer | null;

  /** 100 Continue. */
  writeContinue(): void;
  /** An informational answer such as 103; dropped for HTTP/1.0. `headers` flat. */
  writeInformation(status: number, headers: readonly string[]): void;
  /**
   * The head of the answer. `headers` is flat, names in lower case, values latin1, without `connection` and
   * `transfer-encoding`, which are the engine's; `content-length` is passed on as given. `length` is how the body will
   * come: bytes, `CHUNKED` or `UNTIL_CLOSE`. What is written may wait for `flush` or `end`, to be sent as one. What is
   * left of the request's body after an answer is taken in, within bounds of bytes and time, and dropped.
   */
  writeHead(status: number, phrase: string, headers: readonly string[], length: number): void;
  /** Part of the body; copied or sent within the call. False: hold back until `drained`. `flush` or `end` follows. */
  write(bytes: Buffer, from: number, to: number): boolean;
  /** Sends what waits. */
  flush(): void;
  /** Ends the answer. A body shorter than its `content-length` is cut off instead. */
  end(trailers: readonly string[]): void;
  /** Ends the answer so that it cannot look whole: resets the connection, or the stream. */
  cut(): void;
}

/** Called for each request, once its head is whole. */
export type RequestHandler = (request: Incoming) => void;
