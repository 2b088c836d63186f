/**
 * Bytes of standard base64 (RFC 4648, section 4), with its padding and nothing else; null for every other text, so that
 * no two texts are the same bytes.
 */
export function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
