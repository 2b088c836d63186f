import { STATUS_CODES } from 'node:http';
import type { Head } from '../../core/http.ts';
import { CHUNKED, UNTIL_CLOSE } from '../../wire/framing.ts';
import type { Link } from '../../wire/link.ts';
import type { ClientCertificate } from '../identity/certificate.ts';
import type { Incoming, Owner } from '../incoming.ts';
import { dateLine } from './date.ts';

/** What a request asks of the connection that it came by. */
export interface Carrier {
  readonly link: Link;
  readonly certificate: ClientCertificate | null;
  /** Line that tells how long an unused connection is kept. */
  readonly keepAliveLines: string;
  receive(): void;
  pause(): void;
  takeWhole(): Buffer | null;
  /** Bytes of the body that have not come in, -1 where that is not known. */
  readonly unread: number;
  /** Whether the body is being waited for by a client that waits for us. */
  readonly withheld: boolean;
  continued(): void;
  /** The client takes the answer more slowly than it comes. */
  blocked(): void;
  /** The answer has gone out, or been cut off. */
  answered(request: Http1Request): void;
}

/** A body that is left unread after an answer is taken in up to this many bytes to keep the connection. */
const KEEP_BYTES = 256 * 1024;
/** Up to this many bytes of an answer wait for more of it, to be sent as one. */
const WAIT_BYTES = 8192;

/** Status lines by status. */
const STATUS_LINES: (string | undefined)[] = [];
for (const [status, phrase] of Object.entries(STATUS_CODES))
  STATUS_LINES[Number(status)] = `HTTP/1.1 ${status} ${phrase}\r\n`;

/** Where the phrase stands in a status line. */
const PHRASE_AT = 'HTTP/1.1 200 '.length;

/** RFC 9112 §4 allows bytes beyond ASCII too: clients take them for one thing or another. */
const PHRASE = /^[\t\x20-\x7e]*$/;

function statusLine(status: number, phrase: string): string {
  const known = STATUS_LINES[status] ?? `HTTP/1.1 ${status} \r\n`;
  return phrase === '' || known.startsWith(phrase, PHRASE_AT) || !PHRASE.test(phrase)
    ? known
    : `HTTP/1.1 ${status} ${phrase}\r\n`;
}

/** One request of an HTTP/1 connection, and its answer. A new object for each, so that none can be taken for another. */
export class Http1Request implements Incoming {
  readonly version: '1.0' | '1.1';
  readonly head: Head;
  readonly expects: boolean;
  readonly length: number;
  complete: boolean;
  broken = false;
  answered = false;
  over = false;
  closing: boolean;
  owner: Owner = NOBODY;
  readonly #carrier: Carrier;
  /** What has been written and not sent. */
  #waiting = '';
  /** Bytes of the answer's body that are still to come; `CHUNKED` or `UNTIL_CLOSE`. */
  #left = 0;
  /** HEAD, 204 and 304 have no body, whatever their fields say. */
  #bodiless = false;

  constructor(
    carrier: Carrier,
    head: Head,
    version: '1.0' | '1.1',
    length: number,
    expects: boolean,
    closing: boolean,
  ) {
    this.#carrier = carrier;
    this.head = head;
    this.version = version;
    this.length = length;
    this.expects = expects;
    this.complete = length === 0;
    this.closing = closing;
  }

  get certificate(): ClientCertificate | null {
    return this.#carrier.certificate;
  }

  whole(): Buffer | null {
    return this.over || this.complete ? null : this.#carrier.takeWhole();
  }

  receive(): void {
    if (!this.over) this.#carrier.receive();
  }

  pause(): void {
    if (!this.over) this.#carrier.pause();
  }

  writeContinue(): void {
    if (this.over || this.answered) return;
    this.#carrier.continued();
    this.#carrier.link.text('HTTP/1.1 100 Continue\r\n\r\n');
  }

  writeInformation(status: number, headers: readonly string[]): void {
    if (this.over || this.answered || this.version === '1.0') return;
    let text = STATUS_LINES[status] ?? `HTTP/1.1 ${status} \r\n`;
    for (let i = 0; i < headers.length; i += 2) text += headers[i] + ': ' + headers[i + 1] + '\r\n';
    this.#carrier.link.text(text + '\r\n');
  }

  writeHead(status: number, phrase: string, headers: readonly string[], length: number): void {
    if (this.over) return;
    if (this.answered) throw new TypeError('an answer has one head');
    this.answered = true;
    const { unread, withheld } = this.#carrier;
    // What is left of the request would be read as the next one.
    if (!this.complete && (unread < 0 || unread > KEEP_BYTES || withheld)) this.closing = true;
    this.#bodiless = status === 204 || status === 304 || this.head.method === 'HEAD';
    this.#left = this.#bodiless ? 0 : length;
    let text = statusLine(status, phrase);
    let dated = false;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      if (name === 'date') dated = true;
      text += name + ': ' + headers[i + 1] + '\r\n';
    }
    if (!dated) text += dateLine();
    if (length === CHUNKED && !this.#bodiless) {
      // HTTP/1.0 knows no chunks (RFC 9112 §6.1): there the end of the connection is the end of the body.
      if (this.version === '1.1') text += 'transfer-encoding: chunked\r\n';
      else this.#left = UNTIL_CLOSE;
    }
    if (this.#left === UNTIL_CLOSE) this.closing = true;
    this.#waiting = text + (this.closing ? 'connection: close\r\n\r\n' : this.#carrier.keepAliveLines);
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    if (this.over || this.#bodiless || from === to) return true;
    const { link } = this.#carrier;
    const size = to - from;
    let before = this.#waiting;
    let after = '';
    if (this.#left === CHUNKED) {
      before += size.toString(16) + '\r\n';
      after = '\r\n';
    } else if (this.#left >= 0) {
      this.#left -= size;
      if (this.#left < 0) {
        this.cut();
        return true;
      }
    }
    if (before.length + size <= WAIT_BYTES && !link.blocked) {
      this.#waiting = before + bytes.latin1Slice(from, to) + after;
      return true;
    }
    this.#waiting = '';
    if (link.bytes(before, bytes, from, to, after)) return true;
    this.#carrier.blocked();
    return false;
  }

  flush(): void {
    if (this.#waiting === '' || this.over) return;
    const text = this.#waiting;
    this.#waiting = '';
    this.#carrier.link.text(text);
  }

  end(trailers: readonly string[]): void {
    if (this.over) return;
    if (this.#left > 0) return this.cut();
    if (this.#left === CHUNKED) {
      let last = '0\r\n';
      for (let i = 0; i < trailers.length; i += 2) last += trailers[i] + ': ' + trailers[i + 1] + '\r\n';
      this.#waiting += last + '\r\n';
    }
    this.flush();
    this.#finish();
  }

  cut(): void {
    if (this.over) return;
    this.closing = true;
    this.#carrier.link.reset();
  }

  /** The connection is gone. */
  abandoned(): void {
    if (this.over) return;
    if (!this.complete) this.broken = true;
    this.over = true;
    this.owner.closed();
  }

  #finish(): void {
    this.over = true;
    this.owner.closed();
    this.#carrier.answered(this);
  }
}

/** Until the proxy has taken a request over. */
const NOBODY: Owner = {
  bodyData() {},
  bodyEnd() {},
  bodyFailed() {},
  drained() {},
  closed() {},
};
