import { leakBlocked, malformed, notPermitted, type Refusal } from '../../core/refusal.ts';

/**
 * Scroll and point-in-time ids: base64url of which contexts on which nodes they continue, of which cluster. Read whole,
 * so that nothing in them goes unseen; seen on OpenSearch 2.19 (`TransportSearchHelper`, `SearchContextId`).
 */
const BASE64URL = /^[A-Za-z0-9_-]+={0,2}$/;
const SCROLL_TYPES = new Set(['queryThenFetch', 'queryAndFetch', 'scan']);
const WITH_CONTEXT = 'include_context_uuid';
/** `alias:NODE_ID`, where nothing more is known of the bytes around it. */
const REMOTE_NODE = /[A-Za-z0-9_.-]+:[A-Za-z0-9_-]{4,}/;

/** Null when the scroll id continues searches of this cluster only. */
export function judgeScrollId(id: string): Refusal | null {
  return id === '_all' ? allCursors() : judge(id, readScroll);
}

/** Null when the point in time lies in this cluster only. */
export function judgePitId(id: string): Refusal | null {
  return id === '_all' ? allCursors() : judge(id, readPit);
}

function allCursors(): Refusal {
  return notPermitted('All scrolls or points in time at once would reach those of others.');
}

function judge(id: string, read: (bytes: Bytes) => boolean): Refusal | null {
  if (!BASE64URL.test(id)) return undecodable();
  const decoded = Buffer.from(id, 'base64url');
  const bytes = new Bytes(decoded);
  const remote = read(bytes);
  if (bytes.atEnd) return remote ? namesRemote() : null;
  return REMOTE_NODE.test(decoded.toString('latin1')) ? namesRemote() : undecodable();
}

function undecodable(): Refusal {
  return malformed('The scroll or point-in-time id is not one that can be read.');
}

function namesRemote(): Refusal {
  return leakBlocked('opaque_id', 'The scroll or point-in-time id continues a search of another cluster.');
}

/** Type, contexts: (session uuid), number, target node, which is `alias:NODE_ID` in another cluster. */
function readScroll(bytes: Bytes): boolean {
  let type = bytes.string();
  const withContext = type === WITH_CONTEXT;
  if (withContext) type = bytes.string();
  if (!SCROLL_TYPES.has(type)) bytes.fail();
  let remote = false;
  for (let left = bytes.vint(); left > 0 && !bytes.failed; left--) {
    if (withContext) bytes.string();
    bytes.skip(8);
    if (bytes.string().includes(':')) remote = true;
  }
  return remote;
}

/** Version; shards: index, uuid, number, node, alias of the cluster, context; then the alias filters, none with a query. */
function readPit(bytes: Bytes): boolean {
  bytes.vint();
  let remote = false;
  for (let left = bytes.vint(); left > 0 && !bytes.failed; left--) {
    if (bytes.string().includes(':')) remote = true;
    bytes.string();
    bytes.vint();
    if (bytes.string().includes(':')) remote = true;
    const hasAlias = bytes.flag();
    if (hasAlias) {
      bytes.string();
      remote = true;
    }
    bytes.skip(8);
    bytes.string();
  }
  for (let left = bytes.vint(); left > 0 && !bytes.failed; left--) {
    bytes.string();
    for (let aliases = bytes.vint(); aliases > 0 && !bytes.failed; aliases--) bytes.string();
    if (bytes.flag()) bytes.fail();
  }
  return remote;
}

/** A reader of `StreamOutput`'s encoding. Past the end, or on what it cannot read, it fails and stays failed. */
class Bytes {
  readonly #bytes: Buffer;
  #at = 0;
  failed = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return !this.failed && this.#at === this.#bytes.length;
  }

  fail(): void {
    this.failed = true;
  }

  skip(count: number): void {
    this.#at += count;
    if (this.#at > this.#bytes.length) this.failed = true;
  }

  flag(): boolean {
    const byte = this.#byte();
    if (byte > 1) this.failed = true;
    return byte === 1;
  }

  /** Seven bits a byte, the lowest first. */
  vint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (value < 0) this.failed = true;
        return value;
      }
    }
    this.failed = true;
    return 0;
  }

  /** A length, then that many characters: names, ids and aliases are all ASCII, for which bytes and characters agree. */
  string(): string {
    const length = this.vint();
    const start = this.#at;
    this.skip(length);
    if (this.failed) return '';
    const text = this.#bytes.toString('latin1', start, this.#at);
    if (!/^[\x20-\x7e]*$/.test(text)) this.failed = true;
    return text;
  }

  #byte(): number {
    const byte = this.failed ? undefined : this.#bytes[this.#at++];
    if (byte === undefined) {
      this.failed = true;
      return 0;
    }
    return byte;
  }
}
