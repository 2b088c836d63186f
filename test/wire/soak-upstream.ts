// An upstream for the soak, in a process of its own: well-behaved as a rule, and at random it resets, stalls, answers early
// or answers with what is no answer. `node soak-upstream.ts SEED`; its port comes out as a line.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { randomOf } from './mutate.ts';

const random = randomOf(Number(process.argv[2] ?? 1));
const SMALL = Buffer.alloc(200, 's').toString();
const LARGE = Buffer.alloc(150_000, 'l').toString();
const LENGTH = /\r\ncontent-length: (\d+)\r\n/;

/** Once in so many requests it misbehaves, in one of eight ways; once in so many of those it says nothing at all. */
const MISBEHAVES = 20;
const STALLS = 40;

const server = createServer({ noDelay: true, highWaterMark: 65_536 }, (socket) => {
  let text = '';
  /** Bytes of a body still to come; -1: chunks, until the last. */
  let left = 0;
  socket.on('error', () => undefined); // the proxy resets too
  socket.setEncoding('latin1');
  socket.on('data', (piece: string) => {
    text += piece;
    while (!socket.destroyed && next()) {
      // all that has come
    }
  });

  /** Takes one step. False: more must come. */
  function next(): boolean {
    if (left > 0) {
      const taken = Math.min(left, text.length);
      left -= taken;
      text = text.slice(taken);
      return left === 0 ? answer(socket) : false;
    }
    if (left < 0) {
      const end = text.indexOf('0\r\n\r\n'); // no body of the soak has digits in it
      if (end < 0) {
        text = text.slice(-8);
        return false;
      }
      text = text.slice(end + 5);
      left = 0;
      return answer(socket);
    }
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const head = text.slice(0, end + 2);
    text = text.slice(end + 4);
    if (random(MISBEHAVES) === 0 && misbehave(socket)) return false;
    left = head.includes('\r\ntransfer-encoding: chunked') ? -1 : Number(LENGTH.exec(head)?.[1] ?? 0);
    return left === 0 ? answer(socket) : true;
  }
});

function answer(socket: Socket): boolean {
  const kind = random(40);
  const body = kind < 4 ? LARGE : SMALL;
  if (kind === 0) {
    socket.write(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    );
  } else if (kind === 39) {
    socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${body}`);
  } else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  // Between requests it may close, as servers do, in order or not.
  if (kind === 38) socket.end();
  else if (kind === 37) setImmediate(() => socket.resetAndDestroy());
  return true;
}

/** At the head of a request. False: it does not after all. */
function misbehave(socket: Socket): boolean {
  switch (random(8)) {
    case 0:
      socket.resetAndDestroy();
      return true;
    case 1:
      socket.end();
      return true;
    case 2: // early, and goes on reading what it takes for requests
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly');
      return false;
    case 3:
      socket.write('SSH-2.0-garbage\r\n\r\n');
      return true;
    case 4: // within the head of its answer
      socket.write('HTTP/1.1 200 OK\r\nContent-Le', () => socket.resetAndDestroy());
      return true;
    case 5: // within the body
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${SMALL}`, () => socket.resetAndDestroy());
      return true;
    case 6: // within a chunk, and in order
      socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n${SMALL}`);
      return true;
    default:
      return random(STALLS) === 0;
  }
}

server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
// Ends with whoever started it.
process.on('disconnect', () => process.exit());
