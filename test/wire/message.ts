/** What a client says on one connection, and then nothing more: it ends its side. */
export interface Message {
  readonly name: string;
  readonly bytes: Buffer;
  /** Status of each final answer that is due, in order: 200 for a request that is accepted. */
  readonly answers: readonly number[];
}

/** A name, the text in latin1, and what is due where it is not what the whole table is due. */
export type Row = readonly [name: string, text: string, ...answers: number[]];

/** @param due the answers to rows that name none */
export function table(kind: string, due: readonly number[], rows: readonly Row[]): Message[] {
  return rows.map(([name, text, ...answers]) => ({
    name: `${kind}: ${name}`,
    bytes: Buffer.from(text, 'latin1'),
    answers: answers.length > 0 ? answers : due,
  }));
}

/** A head that is whole and honest but for what is put into it. `lines` end in CRLF each. */
export function head(lines = '', first = 'GET /x HTTP/1.1', host = 'Host: a\r\n'): string {
  return `${first}\r\n${host}${lines}\r\n`;
}

/** A head whose body is told by chunks. */
export function chunkedHead(lines = '', first = 'POST /x HTTP/1.1'): string {
  return head(`Transfer-Encoding: chunked\r\n${lines}`, first);
}

/** The same text for each value, named by it. */
export function each(values: readonly string[], text: (value: string) => string, ...answers: number[]): Row[] {
  return values.map((value) => [JSON.stringify(value), text(value), ...answers]);
}

/** What stands between spaces. */
export function words(text: string): string[] {
  return text.split(' ');
}
