import { words } from './message.ts';

/** A number from 0 up to, but not, `below`. */
export type Random = (below: number) => number;

/** The same numbers for the same seed (splitmix32). */
export function randomOf(seed: number): Random {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x9e3779b9) | 0;
    let bits = state ^ (state >>> 16);
    bits = Math.imul(bits, 0x21f0aaad);
    bits ^= bits >>> 15;
    bits = Math.imul(bits, 0x735a2d97);
    return Math.floor((((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32) * below);
  };
}

/** Bytes at which parsers part ways. */
const EDGES = [...words(': , ; = " / # % ? * - + _ . 0 1'), '\r', '\n', '\0', ' ', '\t', '\\'];
const ODD = ['\x0b', '\x0c', '\x7f', '\x80', '\x85', '\xa0', '\xff', '\x1b'];
const PIECES = [
  ...words(';a ;a=b %00 0x hello chunked identity close keep-alive 100-continue HTTP/1.0'),
  '\r\n',
  '\r\n\r\n',
  '\n\n',
  '\r\r\n',
  '\n\r',
  '\r\n ',
  '\r\n\t',
  ' :',
  ': ',
  ', ',
  ' HTTP/1.1',
  '0\r\n',
  '0\r\n\r\n',
  '5\r\nhello\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'Host: a\r\n',
  'Connection: keep-alive\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: x\r\n',
  'X: y\r\n',
  'Trailer: X\r\n',
  ' X: y\r\n',
  'GET /x HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
];
const NUMBERS = [...words('0 1 4 5 6 00 05 a A ff -1 +5 0x5 5_ 1e1 4294967296 9007199254740993')];
const LONG = ['18446744073709551616', '8000000000000000', 'ffffffffffffffff', '0'.repeat(30)];

/** `text` with one thing changed in it that is of interest to a parser of HTTP/1, now and then up to four. */
export function mutate(text: string, others: readonly string[], random: Random): string {
  let mutant = text;
  for (let left = random(3) === 0 ? 1 + random(4) : 1; left > 0; left--)
    mutant = KINDS[random(KINDS.length)]!(mutant, random, others);
  return mutant;
}

type Kind = (text: string, random: Random, others: readonly string[]) => string;

function one<T>(from: readonly T[], random: Random): T {
  return from[random(from.length)]!;
}

/** A place in the text, and how many characters from there, most often few. */
function slice(text: string, random: Random): [at: number, length: number] {
  const at = random(text.length);
  return [at, 1 + random(Math.min(text.length - at, 1 << random(7)))];
}

function replaced(text: string, at: number, length: number, by: string): string {
  return text.slice(0, at) + by + text.slice(at + length);
}

/** One match of a global pattern, replaced. */
function edited(text: string, pattern: RegExp, random: Random, by: (match: string) => string): string {
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return text;
  const match = one(matches, random);
  return replaced(text, match.index, match[0].length, by(match[0]));
}

const flipBit: Kind = (text, random) => {
  const at = random(text.length);
  return replaced(text, at, 1, String.fromCharCode((text.charCodeAt(at) || 0) ^ (1 << random(8))));
};
const setByte: Kind = (text, random) => replaced(text, random(text.length), 1, String.fromCharCode(random(256)));
const insertEdge: Kind = (text, random) => replaced(text, random(text.length + 1), 0, one(EDGES, random));
const replaceByEdge: Kind = (text, random) => replaced(text, random(text.length), 1, one(EDGES, random));
const insertOdd: Kind = (text, random) => replaced(text, random(text.length + 1), 0, one(ODD, random));
const insertPiece: Kind = (text, random) => replaced(text, random(text.length + 1), 0, one(PIECES, random));
const remove: Kind = (text, random) => {
  const [at, length] = slice(text, random);
  return replaced(text, at, length, '');
};
const duplicate: Kind = (text, random) => {
  const [at, length] = slice(text, random);
  return replaced(text, at, 0, text.slice(at, at + length));
};
const move: Kind = (text, random) => {
  const [at, length] = slice(text, random);
  const rest = replaced(text, at, length, '');
  return replaced(rest, random(rest.length + 1), 0, text.slice(at, at + length));
};
const editNumber: Kind = (text, random) =>
  edited(text, /\d+/g, random, (number) => {
    switch (random(4)) {
      case 0:
        return String(Number(number) + 1);
      case 1:
        return String(Math.max(0, Number(number) - 1));
      case 2:
        return one(NUMBERS, random);
      default:
        return one(random(4) === 0 ? LONG : NUMBERS, random) + (random(4) === 0 ? number : '');
    }
  });
const editChunkSize: Kind = (text, random) =>
  edited(text, /(?<=\r\n)[0-9a-f]+(?=[;\r])/gi, random, (size) => {
    const bytes = Number.parseInt(size, 16) + random(3) - 1;
    return random(3) === 0 ? one(NUMBERS, random) : Math.max(0, bytes).toString(16);
  });
const editLineEnd: Kind = (text, random) =>
  edited(text, /\r\n/g, random, () => one(['\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n', '', '\r\n ', ' \r\n'], random));
const editColon: Kind = (text, random) =>
  edited(text, /: ?/g, random, () => one([':', ' :', '\t: ', '', ':  ', ': \t', '::'], random));
const repeatLine: Kind = (text, random) => edited(text, /[^\r\n]+\r\n/g, random, (line) => line + line);
const dropLine: Kind = (text, random) => edited(text, /[^\r\n]+\r\n/g, random, () => '');
const otherCase: Kind = (text, random) =>
  edited(text, /[a-z]+/gi, random, (word) => (random(2) === 0 ? word.toUpperCase() : word.toLowerCase()));
const splice: Kind = (text, random, others) => {
  const other = one(others, random);
  return text.slice(0, random(text.length + 1)) + other.slice(random(other.length + 1));
};
const append: Kind = (text, random, others) => text + one(others, random);

const KINDS: readonly Kind[] = [
  flipBit,
  setByte,
  insertEdge,
  insertEdge,
  replaceByEdge,
  insertOdd,
  insertPiece,
  insertPiece,
  remove,
  duplicate,
  move,
  editNumber,
  editChunkSize,
  editLineEnd,
  editColon,
  repeatLine,
  dropLine,
  otherCase,
  splice,
  append,
];
