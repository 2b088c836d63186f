import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

export const HEADERS = 1;
export const DATA = 0;
export const RST_STREAM = 3;
const SETTINGS = 4;
export const END_HEADERS = 4;

/** A frame of RFC 9113, section 4.1, of stream 1; settings are those of stream 0. */
export function frame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(type === SETTINGS ? 0 : 1, 5);
  return Buffer.concat([head, payload]);
}

/** Fields as literals without indexing and without Huffman coding (RFC 7541, section 6.2.2), each under 127 bytes. */
export function fields(list: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(list).flatMap(([name, value]) => [
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]),
  );
}

/** A connection that has sent its preface, and whose frames are written by hand: no client library would cut one off so plainly. */
export async function openHttp2(url: string): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined); // to be cut off is what some tests wait for
  await once(socket, 'connect');
  socket.resume();
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS, 0, Buffer.alloc(0))]));
  return socket;
}
