/**
 * What a signature costs in CPU time: ours against aws4 and @smithy/signature-v4, same request and same signature, same
 * process, node:crypto beneath all three, keys cached by each in its own way.
 */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { SignatureV4 } from '@smithy/signature-v4';
import { UNSIGNED_PAYLOAD } from '../../src/sigv4/payload.ts';
import { Signer } from '../../src/sigv4/sign.ts';
import { cpuSince, type Row, row } from '../rows.ts';

interface Aws4 {
  sign(options: object, credentials: object): { headers: Record<string, string> };
}
const aws4 = createRequire(import.meta.url)('aws4') as Aws4;

const WARM_UP = 5_000;
const OPS = 20_000;

const HOST = 's3.eu-west-1.amazonaws.com';
const REGION = 'eu-west-1';
const PATH = '/acme-eu-west/invoices/2026/11/07/invoice-4711.pdf';
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const KEY_ID = 'AKIAIOSFODNN7EXAMPLE';
const START = Date.UTC(2026, 10, 7, 12);

/** A hundred requests to a second, as a proxy would see them. */
function timeOf(op: number): number {
  return START + op * 10;
}

/** Each signs `ops` requests and returns the last `authorization` header. */
type Subject = (ops: number) => string | Promise<string>;

function ours(ops: number): string {
  const signer = new Signer();
  const credentials = { accessKeyId: KEY_ID, secretAccessKey: SECRET, sessionToken: null };
  let authorization = '';
  for (let op = 0; op < ops; op++) {
    const headers = ['user-agent', 'bench', 'x-amz-checksum-mode', 'ENABLED'];
    signer.sign(
      { method: 'GET', path: PATH, query: 'x-id=GetObject', host: HOST, headers, payloadHash: UNSIGNED_PAYLOAD },
      credentials,
      REGION,
      's3',
      timeOf(op),
    );
    authorization = headers.at(-1)!;
  }
  return authorization;
}

function withAws4(ops: number): string {
  const credentials = { accessKeyId: KEY_ID, secretAccessKey: SECRET };
  let authorization = '';
  for (let op = 0; op < ops; op++) {
    const headers: Record<string, string> = {
      host: HOST,
      'user-agent': 'bench',
      'x-amz-checksum-mode': 'ENABLED',
      'x-amz-content-sha256': UNSIGNED_PAYLOAD,
      'x-amz-date': amzDate(timeOf(op)),
    };
    const request = { method: 'GET', service: 's3', region: REGION, path: `${PATH}?x-id=GetObject`, headers };
    authorization = aws4.sign(request, credentials).headers['Authorization']!;
  }
  return authorization;
}

let writtenSecond = Number.NaN;
let written = '';

/** aws4 reads the clock unless it is given the header; kept per second, as ours is. */
function amzDate(now: number): string {
  const second = Math.floor(now / 1000);
  if (second !== writtenSecond) {
    written = new Date(second * 1000).toISOString().replace(/[-:]|\.000/g, '');
    writtenSecond = second;
  }
  return written;
}

/** The hash that the AWS SDK gives to smithy's signer under Node. */
class NodeSha256 {
  private readonly hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as string | Uint8Array);
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.hash.update(data as string | Uint8Array);
  }

  async digest(): Promise<Uint8Array> {
    return this.hash.digest();
  }

  reset(): void {
    throw new Error('smithy makes a new hash each time');
  }
}

async function withSmithy(ops: number): Promise<string> {
  const signer = new SignatureV4({
    credentials: { accessKeyId: KEY_ID, secretAccessKey: SECRET },
    region: REGION,
    service: 's3',
    sha256: NodeSha256,
    uriEscapePath: false,
  });
  let authorization = '';
  for (let op = 0; op < ops; op++) {
    const signed = await signer.sign(
      {
        method: 'GET',
        protocol: 'https:',
        hostname: HOST,
        path: PATH,
        query: { 'x-id': 'GetObject' },
        headers: {
          host: HOST,
          'user-agent': 'bench',
          'x-amz-checksum-mode': 'ENABLED',
          'x-amz-content-sha256': UNSIGNED_PAYLOAD,
        },
      },
      { signingDate: new Date(timeOf(op)) },
    );
    authorization = signed.headers['authorization']!;
  }
  return authorization;
}

const SUBJECTS: readonly [name: string, subject: Subject][] = [
  ['domicile sigv4', ours],
  ['aws4', withAws4],
  ['@smithy/signature-v4', withSmithy],
];

/**
 * The subjects take turns, so that none has the quieter moment.
 * @throws Error when the three do not come to the same signature: they would not be doing the same work
 */
export async function signatures(rounds: number): Promise<Row[]> {
  const made: string[] = [];
  for (const [, subject] of SUBJECTS) made.push(signatureOf(await subject(WARM_UP)));
  if (made.some((each) => each !== made[0])) throw new Error(`signatures differ: ${made.join(' ')}`);

  const runs: number[][] = SUBJECTS.map(() => []);
  for (let turn = 0; turn < rounds; turn++) {
    for (const [i, [, subject]] of SUBJECTS.entries()) {
      const start = process.cpuUsage();
      await subject(OPS);
      runs[i]!.push(cpuSince(start) / OPS);
    }
  }
  return SUBJECTS.map(([name], i) => row(name, 'µs/op', runs[i]!));
}

function signatureOf(authorization: string): string {
  return authorization.slice(authorization.lastIndexOf('=') + 1);
}
