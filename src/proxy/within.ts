import { quoted } from '../audit/ascii.ts';

/** Texts of a record that others choose, cut so that it is never too long to be written. */

/** A character takes at most so many bytes: `\\uXXXX`. */
const LONGEST = 6;

/** As much of a text as surely takes no more than so many bytes as JSON, quotes and all. */
export function within(text: string, bytes: number): string {
  if (text.length * LONGEST + 2 <= bytes || quoted(text).length <= bytes) return text;
  return text.slice(0, Math.floor((bytes - 2) / LONGEST));
}

/** Bytes of the last of a list, which says how many are not in it. */
const REST = 32;

/** A list of texts as JSON of at most so many bytes, each cut to a quarter of them. What does not fit is told by its number. */
export function listWithin(texts: readonly string[], bytes: number): string {
  let json = '';
  for (let i = 0; i < texts.length; i++) {
    const next = `${i === 0 ? '' : ','}${quoted(within(texts[i] as string, bytes >> 2))}`;
    if (json.length + next.length > bytes - REST) return `[${json},"and ${texts.length - i} more"]`;
    json += next;
  }
  return `[${json}]`;
}
