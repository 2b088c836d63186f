import { Agent, request, type IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { BULK_BYTES, bulk } from './bulk.ts';
import { BULK_HEADERS } from './routes.ts';

const agent = new Agent({ keepAlive: true });

/** Megabytes (10⁶ bytes) a second of one 64 MB PUT with a content length. @throws Error when not all of it arrived */
export async function upload(url: string): Promise<number> {
  const began = performance.now();
  const call = request(`${url}/bench-bucket/large`, {
    method: 'PUT',
    agent,
    headers: { ...BULK_HEADERS, 'content-type': 'application/octet-stream', 'content-length': BULK_BYTES },
  });
  const answered = answer(call);
  await pipeline(bulk(), call);
  const response = await answered;
  response.resume();
  if (response.statusCode !== 200 || response.headers.etag !== `"${BULK_BYTES}"`)
    throw new Error(`${url}: upload ended with ${response.statusCode}, ${response.headers.etag}`);
  return rate(began);
}

/** Megabytes (10⁶ bytes) a second of one 64 MB GET. @throws Error when not all of it came */
export async function download(url: string): Promise<number> {
  const began = performance.now();
  const call = request(`${url}/bench-bucket/large`, { agent, headers: BULK_HEADERS });
  const answered = answer(call);
  call.end();
  const response = await answered;
  let received = 0;
  for await (const chunk of response) received += (chunk as Buffer).length;
  if (response.statusCode !== 200 || received !== BULK_BYTES)
    throw new Error(`${url}: download ended with ${response.statusCode} after ${received} bytes`);
  return rate(began);
}

function answer(call: ReturnType<typeof request>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => call.once('response', resolve).once('error', reject));
}

function rate(began: number): number {
  return BULK_BYTES / 1000 / (performance.now() - began);
}
