/** One HTTP/1 answer as it came over a socket. */
export interface Answer {
  readonly status: number;
  /** Flat: name in lower case, value, … */
  readonly headers: readonly string[];
  readonly body: string;
}

/** First value of a header of an answer, or null. `name` in lower case. */
export function fieldOf(answer: Answer, name: string): string | null {
  for (let i = 0; i < answer.headers.length; i += 2) if (answer.headers[i] === name) return answer.headers[i + 1]!;
  return null;
}

/**
 * Everything that a server said on one connection, taken apart. Answers 1xx are answers of their own.
 *
 * @param methods of the requests, in order: what answers a HEAD has no body
 * @throws Error when the bytes are no answers, or when the last one is cut short
 */
export function parseAnswers(bytes: Buffer, methods: readonly string[] = []): Answer[] {
  const text = bytes.toString('latin1');
  const answers: Answer[] = [];
  let finals = 0;
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n\r\n', at);
    const lines = text.slice(at, end).split('\r\n');
    const status = /^HTTP\/1\.1 ([1-5][0-9]{2}) /.exec(lines[0]!)?.[1];
    if (end < 0 || status === undefined) throw new Error(`not an answer: ${JSON.stringify(text.slice(at, at + 200))}`);
    const headers = lines.slice(1).flatMap((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
    const answer = { status: Number(status), headers, body: '' };
    const bare = answer.status < 200 || answer.status === 204 || methods[finals] === 'HEAD';
    if (answer.status >= 200) finals++;
    const body = bare ? { text: '', end: end + 4 } : readBody(answer, text, end + 4);
    answers.push({ ...answer, body: body.text });
    at = body.end;
  }
  return answers;
}

function readBody(answer: Answer, text: string, start: number): { text: string; end: number } {
  const length = fieldOf(answer, 'content-length');
  if (length !== null) {
    const end = start + Number(length);
    if (end > text.length) throw new Error('the answer is cut short');
    return { text: text.slice(start, end), end };
  }
  if (fieldOf(answer, 'transfer-encoding') === null) return { text: text.slice(start), end: text.length };
  let body = '';
  for (let at = start; ;) {
    const line = text.indexOf('\r\n', at);
    const size = parseInt(text.slice(at, line), 16);
    if (line < 0 || Number.isNaN(size)) throw new Error('the answer is cut short');
    body += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
    if (size === 0) return { text: body, end: at };
  }
}
