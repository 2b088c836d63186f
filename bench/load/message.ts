import type { Request } from '../requests.ts';

/** A request as bytes, for clients on bare sockets. */
export function message({ method, path, headers, body }: Request, host: string): Buffer {
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
  if (body !== null) head += `content-length: ${body.length}\r\n`;
  return Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), body ?? Buffer.alloc(0)]);
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;
const ETAG = /\r\netag: *(\S+)/i;

/** The head of an answer, as far as these clients look into it. */
export interface AnswerHead {
  readonly status: number;
  readonly etag: string | null;
  readonly headBytes: number;
  readonly bodyBytes: number;
}

/** Null while it is not whole. @throws Error where it does not tell the length of its body */
export function readHead(bytes: Buffer): AnswerHead | null {
  const end = bytes.indexOf(END_OF_HEAD);
  if (end < 0) return null;
  const head = bytes.toString('latin1', 0, end);
  const length = CONTENT_LENGTH.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without Content-Length: ${head}`);
  return {
    status: Number(head.slice(9, 12)),
    etag: ETAG.exec(head)?.[1] ?? null,
    headBytes: end + END_OF_HEAD.length,
    bodyBytes: Number(length),
  };
}
