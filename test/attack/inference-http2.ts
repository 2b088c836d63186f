import { connect, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import type { Answer } from './answers.ts';

/** One request over HTTP/2 with prior knowledge, as the AWS SDK for JavaScript sends to Bedrock. */
export interface Http2Ask {
  /** `:method` and `:path` with the rest; an array is a field that is sent more than once. */
  readonly headers: OutgoingHttpHeaders;
  readonly body?: Buffer | undefined;
  /** Fields behind the body. */
  readonly trailers?: OutgoingHttpHeaders;
}

/**
 * Sends one request on a connection of its own and reads the whole answer.
 *
 * @throws the stream's error when the server resets it before an answer
 */
export async function overHttp2(port: number, ask: Http2Ask): Promise<Answer> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    return await answerOf(session, ask);
  } finally {
    session.destroy();
  }
}

function answerOf(session: ClientHttp2Session, ask: Http2Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    const { body, trailers } = ask;
    const stream = session.request(ask.headers, {
      endStream: body === undefined && trailers === undefined,
      waitForTrailers: trailers !== undefined,
    });
    const chunks: Buffer[] = [];
    let headers: string[] = [];
    let status = 0;
    stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
    stream.on('response', (fields) => {
      status = Number(fields[':status']);
      headers = Object.entries(fields).flatMap(([name, value]) => (name.startsWith(':') ? [] : [name, String(value)]));
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      if (status === 0) reject(new Error(`reset with code ${stream.rstCode}`));
      else resolve({ status, headers, body: Buffer.concat(chunks).toString('latin1') });
    });
    stream.setTimeout(5000, () => stream.destroy(new Error('no answer')));
    if (body !== undefined) stream.end(body);
    else if (trailers !== undefined) stream.end();
  });
}
