/** JSON in pure ASCII, so that an entry has as many bytes as characters and is UTF-8 whatever reads it (RFC 8259). */

/** Characters that stand in a JSON string as they are, and are one byte. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** A string as JSON. */
export function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : escaped(JSON.stringify(text));
}

/** A value as JSON. @throws TypeError for what JSON cannot hold */
export function asciiJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`${typeof value} is nothing in JSON`);
  return escaped(text);
}

function escaped(json: string): string {
  return json.replaceAll(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
