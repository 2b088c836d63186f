/**
 * The upstream of all peers in a work, a process of its own on bare sockets, so that it is never the one who is waited
 * for: `node bench/upstream.ts KIND` prints its port. A PUT is answered with the length of its body as the ETag, all
 * else as the kind says. It trusts what it is sent: a body has a Content-Length.
 *
 * - `document`: 200 bytes of JSON
 * - `object`: 16 KB
 * - `events`: 200 server-sent events, chunked, ten to a write and one write in each turn of the event loop
 * - `bulk`: 64 MB, one buffer of 1 MB again and again
 */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { BULK_BYTES, DOCUMENT_BYTES, EVENTS, OBJECT_BYTES } from './requests.ts';

type Answer = (socket: Socket) => void;

const ANSWERS: Readonly<Record<string, () => Answer>> = { document, object, events, bulk };

function document(): Answer {
  const write = (message: string) => JSON.stringify({ _index: 'logs', _id: '1', found: true, _source: { message } });
  return whole('application/json', write('x'.repeat(DOCUMENT_BYTES - write('').length)));
}

function object(): Answer {
  return whole('application/octet-stream', 'o'.repeat(OBJECT_BYTES));
}

function whole(contentType: string, body: string): Answer {
  const message = `${head(contentType, body.length)}${body}`;
  return (socket) => socket.write(message, 'latin1');
}

function head(contentType: string, length: number): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: ${contentType}\r\netag: "bench"\r\ncontent-length: ${length}\r\n\r\n`;
}

function events(): Answer {
  const perWrite = 10;
  const writes = Array.from({ length: EVENTS / perWrite }, (_, write) => {
    const text = Array.from({ length: perWrite }, (_, i) => event(write * perWrite + i)).join('');
    return `${text.length.toString(16)}\r\n${text}\r\n`;
  });
  writes[0] = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n${writes[0]}`;
  writes[writes.length - 1] += '0\r\n\r\n';
  const pieces = writes.map((text) => Buffer.from(text));
  return (socket) => {
    let next = 0;
    const write = () => {
      if (socket.destroyed) return;
      socket.write(pieces[next++]!);
      if (next < pieces.length) setImmediate(write);
    };
    write();
  };
}

/** As OpenAI sends them, about 200 bytes each; the last says that it is done. */
function event(i: number): string {
  if (i === EVENTS - 1) return 'data: [DONE]\n\n';
  const choices = [{ index: 0, delta: { content: ' word' }, logprobs: null, finish_reason: null }];
  const chunk = { id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1_794_052_800, model: 'gpt-5-mini' };
  return `data: ${JSON.stringify({ ...chunk, system_fingerprint: 'fp_bench', choices })}\n\n`;
}

function bulk(): Answer {
  const piece = Buffer.alloc(1024 * 1024, 'domicile');
  const start = head('application/octet-stream', BULK_BYTES);
  return (socket) => {
    socket.cork(); // one gathering write of all
    socket.write(start, 'latin1');
    for (let sent = 0; sent < BULK_BYTES; sent += piece.length) socket.write(piece);
    socket.uncork();
  };
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;

/** Reads the requests of one connection, one answer to each. */
class Requests {
  readonly #socket: Socket;
  readonly #answer: Answer;
  #rest: Buffer | null = null;
  #isPut = false;
  #bodyBytes = 0;
  #bodyLeft = 0;

  constructor(socket: Socket, answer: Answer) {
    this.#socket = socket;
    this.#answer = answer;
  }

  read(chunk: Buffer): void {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = null;
    let from = 0;
    while (from < bytes.length) {
      if (this.#bodyLeft === 0) {
        const end = bytes.indexOf(END_OF_HEAD, from);
        if (end < 0) {
          this.#rest = bytes.subarray(from);
          return;
        }
        this.#head(bytes.toString('latin1', from, end));
        from = end + END_OF_HEAD.length;
      }
      const here = Math.min(this.#bodyLeft, bytes.length - from);
      this.#bodyLeft -= here;
      if (this.#bodyLeft > 0) return;
      from += here;
      this.#done();
    }
  }

  #head(head: string): void {
    this.#isPut = head.startsWith('PUT');
    this.#bodyBytes = this.#bodyLeft = head.startsWith('GET') ? 0 : Number(CONTENT_LENGTH.exec(head)?.[1]);
    if (Number.isNaN(this.#bodyBytes)) throw new TypeError(`a body without Content-Length: ${head}`);
  }

  #done(): void {
    if (!this.#isPut) this.#answer(this.#socket);
    else this.#socket.write(`HTTP/1.1 200 OK\r\netag: "${this.#bodyBytes}"\r\ncontent-length: 0\r\n\r\n`, 'latin1');
  }
}

const make = ANSWERS[process.argv[2] ?? ''];
if (make === undefined) throw new Error(`usage: upstream.ts ${Object.keys(ANSWERS).join('|')}`);
const answer = make();
const server = createServer({ noDelay: true }, (socket) => {
  const requests = new Requests(socket, answer);
  socket.on('data', (chunk) => requests.read(chunk));
  socket.on('error', () => socket.destroy()); // a load generator ends by cutting its connections
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
