/** One request as a server understood it. `body` is latin1 text; `headers` and `trailers` flat, names in lower case. */
export interface Seen {
  readonly version: string;
  readonly method: string;
  /** In origin form. */
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

/** What the bytes of one connection say, the end of the client's side included. */
export interface Reading {
  readonly accepted: readonly Seen[];
  /** A request behind those whose head is whole and honest, and whose body is not: as far as its head tells. */
  readonly begun: Seen | null;
  /** Why nothing was accepted behind that: all was read, the rest must be refused, was cut off, or came after the last. */
  readonly end: 'whole' | 'refused' | 'unfinished' | 'closed';
}

/** Bounds of what may be accepted; as the engine's. */
export interface Bounds {
  readonly headBytes: number;
  readonly headers: number;
  readonly targetBytes: number;
}

const TOKEN = "[-!#$%&'*+.^_`|~0-9A-Za-z]+";
const REQUEST_LINE = new RegExp(`^(${TOKEN}) ([!-~]+) HTTP/(1[.][01])$`);
const FIELD_LINE = new RegExp(`^(${TOKEN}):([\\t -~\\x80-\\xff]*)$`);
const CHUNK_LINE = new RegExp(`^([0-9A-Fa-f]{1,13})((?:;${TOKEN}(?:=${TOKEN})?)*)$`);
const KNOWN = new Set(
  (
    'DELETE GET HEAD POST PUT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND UNBIND ' +
    'ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK UNLINK SOURCE ' +
    'QUERY'
  ).split(' '),
);
const OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'];
const NOT_IN_CONNECTION = new Set(
  (
    'x-tenant-id x-data-classification x-subject-id x-learner-id x-user-id x-requested-region x-region ' +
    'x-residency-grant host content-encoding content-length content-type'
  ).split(' '),
);
const NOT_IN_TRAILER = new Set(
  'connection content-length keep-alive proxy-connection te trailer transfer-encoding upgrade'.split(' '),
);
/** Bytes of one chunk line beyond its size, and of those of one body together. */
const EXTENSION = 256;
const EXTENSIONS = 16_384;

type HeadSeen = Omit<Seen, 'body' | 'trailers'>;

class Refused extends Error {}
class Unfinished extends Error {}

/**
 * A second reading of HTTP/1, line by line and by the grammar of RFC 9112 with the rules of DESIGN 1.9, as slow and plain
 * as can be: it shares no code with the engine and knows nothing of how bytes arrive.
 */
export function read(bytes: Buffer, bounds: Bounds): Reading {
  const text = bytes.toString('latin1');
  const accepted: Seen[] = [];
  let begun: Seen | null = null;
  for (let at = 0; ;) {
    try {
      const start = at;
      if (text.startsWith('\r\n', at)) at += 2; // one empty line (RFC 9112 §2.2)
      if (at === text.length) return { accepted, begun, end: 'whole' };
      const [head, headEnd] = headAt(text, start, at, bounds);
      begun = { ...head, body: '', trailers: [] };
      const [body, trailers, end] = bodyAt(text, headEnd, head, bounds);
      begun = null;
      accepted.push({ ...head, body, trailers });
      at = end;
      if (!persists(head)) return { accepted, begun, end: 'closed' };
    } catch (error) {
      if (error instanceof Refused) return { accepted, begun, end: 'refused' };
      if (error instanceof Unfinished) return { accepted, begun, end: 'unfinished' };
      throw error;
    }
  }
}

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Refused(what);
}

/** @returns a head that may be served, and where its body begins */
function headAt(text: string, start: number, at: number, bounds: Bounds): [HeadSeen, number] {
  const headEnd = text.indexOf('\r\n\r\n', at);
  if (headEnd < 0) throw new Unfinished();
  must(headEnd + 4 - start <= bounds.headBytes, 'the head is too large');
  const lines = text.slice(at, headEnd).split('\r\n');
  const [, method, written, version] = REQUEST_LINE.exec(lines[0]!) ?? [];
  must(method !== undefined && written !== undefined && version !== undefined, 'the request line');
  must(KNOWN.has(method), 'the method');
  const headers = lines.slice(1).flatMap(field);
  must(headers.length / 2 <= bounds.headers, 'too many fields');
  const all = (name: string) => headers.filter((_, i) => i % 2 === 1 && headers[i - 1] === name);

  const hosts = all('host');
  must(hosts.length <= 1 && (version === '1.0' || (hosts[0] ?? '') !== ''), 'Host');
  must(written.length <= bounds.targetBytes, 'the target is too long');
  const target = originForm(written, hosts[0] ?? null);
  must(/^\/(?:[^#\\%]|%(?!00)[0-9A-Fa-f]{2})*$/.test(target), 'the target');
  must(
    all('expect').every((value) => value.toLowerCase() === '100-continue'),
    'Expect',
  );
  must(all('upgrade').length === 0 && !OVERRIDES.some((name) => all(name).length > 0), 'another protocol or method');
  must(!listed(all('connection')).some((name) => NOT_IN_CONNECTION.has(name)), 'Connection');

  const codings = all('transfer-encoding');
  const lengths = all('content-length');
  must(codings.length + lengths.length <= 1, 'more than one framing');
  // llhttp takes spaces behind either, and no tab.
  const readable = (pattern: RegExp) => lines.some((line) => pattern.test(line));
  must(codings.length === 0 || (version === '1.1' && readable(/^transfer-encoding:[ \t]*chunked *$/i)), 'the coding');
  must(lengths.length === 0 || readable(/^content-length:[ \t]*[0-9]{1,15} *$/i), 'the length');
  return [{ version, method, target, headers }, headEnd + 4];
}

/** @returns the body, its trailers, and where it ends */
function bodyAt(text: string, at: number, { headers }: HeadSeen, bounds: Bounds): [string, string[], number] {
  if (headers.some((name, i) => i % 2 === 0 && name === 'transfer-encoding')) return chunks(text, at, bounds);
  const place = headers.findIndex((name, i) => i % 2 === 0 && name === 'content-length');
  const end = at + (place < 0 ? 0 : Number(headers[place + 1]));
  if (end > text.length) throw new Unfinished();
  return [text.slice(at, end), [], end];
}

function field(line: string): [string, string] {
  const match = FIELD_LINE.exec(line);
  must(match !== null, 'a field line');
  return [match[1]!.toLowerCase(), withoutBlanks(match[2]!)];
}

/** Spaces and tabs are white space (RFC 9110 §5.6.3), and nothing else is. */
function withoutBlanks(text: string): string {
  return text.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '');
}

/** The members of lists, in lower case. */
function listed(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(',').map((member) => withoutBlanks(member).toLowerCase()));
}

/** RFC 9112 §3.2.2, where the target names the host that Host names; else as it is written. */
function originForm(target: string, host: string | null): string {
  const [, authority, rest] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target) ?? [];
  if (authority === undefined || rest === undefined || authority.toLowerCase() !== host?.toLowerCase()) return target;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** RFC 9112 §9.3. */
function persists({ version, headers }: HeadSeen): boolean {
  const options = (name: string) => listed(headers.filter((_, i) => i % 2 === 1 && headers[i - 1] === name));
  // llhttp heeds the field that RFC 9112, Appendix C.2.2, warns of.
  if (options('connection').includes('close') || options('proxy-connection').includes('close')) return false;
  return version === '1.1' || options('connection').includes('keep-alive');
}

/** RFC 9112 §7.1. @returns the body, its trailers, and where it ends */
function chunks(text: string, from: number, bounds: Bounds): [string, string[], number] {
  let body = '';
  let extensions = 0;
  const line = (at: number): [string, number] => {
    const end = text.indexOf('\r\n', at);
    if (end < 0) throw new Unfinished();
    return [text.slice(at, end), end + 2];
  };
  for (let at = from; ;) {
    const [head, dataAt] = line(at);
    const [, digits, extension] = CHUNK_LINE.exec(head) ?? [];
    must(digits !== undefined && extension !== undefined, 'a chunk line');
    must(extension.length <= EXTENSION && (extensions += extension.length) <= EXTENSIONS, 'an extension too long');
    const size = Number.parseInt(digits, 16);
    at = dataAt + size;
    if (size === 0) break;
    if (text.length < at + 2) {
      must('\r\n'.startsWith(text.slice(at)), 'the end of a chunk');
      throw new Unfinished();
    }
    must(text.startsWith('\r\n', at), 'the end of a chunk');
    body += text.slice(dataAt, at);
    at += 2;
    from = at;
  }
  const trailers: string[] = [];
  for (let [next, at] = line(text.indexOf('\r\n', from) + 2); ; [next, at] = line(at)) {
    if (next === '') {
      must(at - from <= bounds.headBytes, 'the trailers are too large');
      return [body, trailers, at];
    }
    const [name, value] = field(next);
    must(!NOT_IN_TRAILER.has(name), 'a trailer that frames');
    trailers.push(name, value);
  }
}
