import { crc32 } from 'node:zlib';

const PRELUDE = 8;
const CRC = 4;
const STRING = 7;

/**
 * One message of AWS's event stream, `application/vnd.amazon.eventstream`: lengths, their CRC-32, headers, payload, the
 * CRC-32 of it all (smithy.io/2.0/aws/amazon-eventstream.html). Headers are strings.
 */
function eventMessage(headers: Readonly<Record<string, string>>, payload: Buffer): Buffer {
  const head = Buffer.concat(Object.entries(headers).map(([name, value]) => stringHeader(name, value)));
  const message = Buffer.alloc(PRELUDE + CRC + head.length + payload.length + CRC);
  message.writeUInt32BE(message.length, 0);
  message.writeUInt32BE(head.length, 4);
  message.writeUInt32BE(crc32(message.subarray(0, PRELUDE)), PRELUDE);
  head.copy(message, PRELUDE + CRC);
  payload.copy(message, PRELUDE + CRC + head.length);
  message.writeUInt32BE(crc32(message.subarray(0, -CRC)), message.length - CRC);
  return message;
}

/** An event with a JSON payload. */
export function jsonEvent(type: string, payload: unknown): Buffer {
  const headers = { ':message-type': 'event', ':event-type': type, ':content-type': 'application/json' };
  return eventMessage(headers, Buffer.from(JSON.stringify(payload)));
}

function stringHeader(name: string, value: string): Buffer {
  const bytes = Buffer.from(value);
  const header = Buffer.alloc(1 + name.length + 1 + 2 + bytes.length);
  header.writeUInt8(name.length, 0);
  header.write(name, 1, 'latin1');
  header.writeUInt8(STRING, 1 + name.length);
  header.writeUInt16BE(bytes.length, 2 + name.length);
  bytes.copy(header, 4 + name.length);
  return header;
}
