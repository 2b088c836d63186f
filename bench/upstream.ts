import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { BULK_BYTES, bulk } from './bulk.ts';

/**
 * The upstream of every proxy measured, a process of its own. Prints `{"quick": PORT, "bulk": PORT}`.
 * Quick: answers each head with 200 bytes and does nothing else, so that it is never the one who is waited for.
 * Bulk: `node:http`; GET gives 64 MB, PUT takes a body and answers how long it was.
 */

const BODY = 'x'.repeat(200);
const ANSWER = `HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\netag: "bench"\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;
const END_OF_HEAD = Buffer.from('\r\n\r\n');

const quick = createServer({ noDelay: true }, (socket) => {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    let answers = '';
    for (let end = bytes.indexOf(END_OF_HEAD); end >= 0; end = bytes.indexOf(END_OF_HEAD, from)) {
      from = end + END_OF_HEAD.length;
      answers += ANSWER;
    }
    rest = bytes.subarray(from);
    if (answers !== '') socket.write(answers);
  });
  socket.on('error', () => socket.destroy()); // a load generator ends by cutting its connections
});

const big = createHttpServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': BULK_BYTES });
    bulk().pipe(response);
    return;
  }
  let received = 0;
  request.on('data', (chunk: Buffer) => (received += chunk.length));
  request.on('end', () => {
    response.writeHead(200, { 'content-length': 0, etag: `"${received}"` });
    response.end();
  });
});
big.keepAliveTimeout = 600_000;

const port = (server: { address(): AddressInfo | string | null }) => (server.address() as AddressInfo).port;
quick.listen(0, '127.0.0.1', () => {
  big.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ quick: port(quick), bulk: port(big) })));
});
