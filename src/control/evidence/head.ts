import { frameEnd } from '../../audit/bundle.ts';

/** A quote within a text is escaped: these are found as keys, and nowhere else. */
const TENANT = Buffer.from(',"tenant":"');
const STAYED = Buffer.from(',"effect":"allow","reason":"in_residency"');
/** Rests on a grant or override, whatever its own reason: the index keeps it. */
const STRICT = Buffer.from(',"mode":"strict"');
const START = Buffer.from('{"v":1,"kind":"');
const TIME = Buffer.from(',"time":"');

const QUOTE = 0x22;
const COMMA = 0x2c;
const ZERO = 0x30;
const BACKSLASH = 0x5c;
const SEQ_LENGTH = '","seq":'.length;
const DATE_LENGTH = '2026-11-24'.length;
const TIME_LENGTH = '2026-11-24T15:00:00.123Z'.length;
const DECISION = 0x64;
const OUTCOME = 0x6f;
/** Bytes by which what follows `effect` may be longer than in the entry before, so that it is found at once. */
const SLACK = 16;
/** Names of tenants that are kept, a power of two. */
const NAMES = 1024;
const NO_NAME = { bytes: Buffer.alloc(0), text: '' };

/**
 * Walks the entries of bundles and reads what each begins with, without parsing it: most are of requests that were allowed
 * and stayed where their data is, and of those the index needs to know no more than whose they are, and of when.
 */
export class HeadReader {
  /** Milliseconds since the epoch. */
  at = 0;
  tenant = '';
  /** Certainly of a request that was let through and stayed within its regions. */
  plain = false;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  readonly #names: { readonly bytes: Buffer; readonly text: string }[] = Array.from({ length: NAMES }, () => NO_NAME);
  #date = Buffer.alloc(DATE_LENGTH);
  #midnight = 0;
  /** Where these were in the entry before: `tenant` after the time, `effect` before the end. */
  #toTenant = 0;
  #fromEffect = 0;

  /** Begins a bundle. */
  over(bundle: Buffer): void {
    this.#bytes = bundle;
    this.#end = 0;
  }

  /** Goes on to the next entry. @returns false at the end of the bundle @throws RangeError at a broken frame */
  advance(): boolean {
    const { length } = this.#bytes;
    if (this.#end >= length) return false;
    this.#start = this.#end + 2;
    this.#end = frameEnd(this.#bytes, this.#end, length);
    return true;
  }

  /** The entry at hand as it is hashed. */
  entry(): string {
    return this.#bytes.latin1Slice(this.#start, this.#end);
  }

  /** Reads `at`, `tenant` and `plain`. @returns false where the entry does not begin as ours do: then it must be parsed */
  read(): boolean {
    const bytes = this.#bytes;
    const start = this.#start;
    const end = this.#end;
    this.plain = false;
    if (!follows(bytes, start, START)) return false;
    let p = start + START.length;
    const kind = bytes[p];
    while (p < end && bytes[p] !== QUOTE) p++;
    p += SEQ_LENGTH;
    while (p < end && bytes[p] !== COMMA) p++;
    if (!follows(bytes, p, TIME) || !this.#readTime(p + TIME.length)) return false;
    p += TIME.length + TIME_LENGTH;
    const tenant = follows(bytes, p + this.#toTenant, TENANT) ? p + this.#toTenant : find(bytes, p, end, TENANT);
    if (tenant === -1 || !this.#readTenant(tenant + TENANT.length, end)) return false;
    this.#toTenant = tenant - p;
    if (kind === DECISION || kind === OUTCOME) this.plain = this.#stayed(tenant + TENANT.length);
    return true;
  }

  #stayed(from: number): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let effect = find(bytes, Math.max(from, end - this.#fromEffect - SLACK), end, STAYED);
    if (effect === -1) effect = find(bytes, from, end, STAYED);
    if (effect === -1) return false;
    this.#fromEffect = end - effect;
    return !follows(bytes, effect + STAYED.length, STRICT);
  }

  /** The day is mostly that of the entry before. */
  #readTime(p: number): boolean {
    const bytes = this.#bytes;
    const date = this.#date;
    for (let i = DATE_LENGTH - 1; i >= 0; i--)
      if (bytes[p + i] !== date[i]) {
        this.#midnight = Date.parse(bytes.latin1Slice(p, p + DATE_LENGTH));
        bytes.copy(date, 0, p, p + DATE_LENGTH);
        break;
      }
    const seconds = pair(bytes, p + 11) * 3600 + pair(bytes, p + 14) * 60 + pair(bytes, p + 17);
    this.at = this.#midnight + seconds * 1000 + pair(bytes, p + 20) * 10 + (bytes[p + 22] as number) - ZERO;
    return !Number.isNaN(this.at);
  }

  /** A name that was read lately is not made again. */
  #readTenant(from: number, end: number): boolean {
    const bytes = this.#bytes;
    let hash = 0;
    let p = from;
    for (; p < end && bytes[p] !== QUOTE; p++) {
      if (bytes[p] === BACKSLASH) return false;
      hash = (hash * 31 + (bytes[p] as number)) | 0;
    }
    const slot = hash & (NAMES - 1);
    const name = this.#names[slot];
    if (name !== undefined && name.bytes.length === p - from && follows(bytes, from, name.bytes)) {
      this.tenant = name.text;
      return true;
    }
    this.tenant = bytes.latin1Slice(from, p);
    this.#names[slot] = { bytes: Buffer.from(this.tenant, 'latin1'), text: this.tenant };
    return true;
  }
}

function follows(bytes: Buffer, at: number, what: Buffer): boolean {
  for (let i = 0; i < what.length; i++) if (bytes[at + i] !== what[i]) return false;
  return true;
}

/** Where a key, which begins with a comma and a quote, is in `bytes[from, end)`; -1: nowhere. */
function find(bytes: Buffer, from: number, end: number, key: Buffer): number {
  const last = end - key.length;
  for (let p = from; p <= last; p++) if (bytes[p] === COMMA && follows(bytes, p, key)) return p;
  return -1;
}

function pair(bytes: Buffer, p: number): number {
  return ((bytes[p] as number) - ZERO) * 10 + (bytes[p + 1] as number) - ZERO;
}
