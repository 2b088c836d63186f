/**
 * A copy of its own. A piece of a longer text keeps the whole of it in memory: what is kept past the request that it came
 * with, as a key of a cache, must not keep the head of that request.
 */
export function detached(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
