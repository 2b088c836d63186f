import { STATUS_CODES } from 'node:http';
import type { Reason } from '../core/reasons.ts';

/** Words for what is refused before there is a request that a dialect could answer. */
const WORDS: ReadonlyMap<number, string> = new Map([
  [400, 'The request is malformed.\n'],
  [403, 'Not supported.\n'],
  [408, 'The request took too long.\n'],
  [413, 'The request is too large.\n'],
  [414, 'The request target is too long.\n'],
  [417, 'The expectation cannot be met.\n'],
  [431, 'The request head is too large.\n'],
  [501, 'The request method is not known.\n'],
]);

/** Body of such a refusal. */
export function plainBody(status: number): string {
  return WORDS.get(status) ?? 'The request is refused.\n';
}

/** Its fields, flat. */
export function plainHeaders(reason: Reason, requestId: string): string[] {
  return [
    'content-type',
    'text/plain; charset=utf-8',
    'x-residency-decision',
    'deny',
    'x-residency-reason',
    reason,
    'x-request-id',
    requestId,
    'x-should-retry',
    'false',
  ];
}

/** The whole of it as an HTTP/1 message that ends its connection. */
export function plainAnswer(status: number, reason: Reason, requestId: string): string {
  const fields = plainHeaders(reason, requestId);
  const body = plainBody(status);
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return `${text}content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;
}
