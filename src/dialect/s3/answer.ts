import { header } from '../../core/http.ts';
import { Refusal } from '../../core/refusal.ts';
import { INSPECT, PASS, type Verdict } from '../dialect.ts';
import { inflateBody } from '../inflate.ts';

/** Codes by which S3 says that a bucket or a signature belongs to another region. */
const OTHER_REGION = [
  'AuthorizationHeaderMalformed',
  'PermanentRedirect',
  'TemporaryRedirect',
  'IllegalLocationConstraintException',
];

const ERROR_LIMIT = 65_536;

/** An answer that names another region than the target's is not passed on; a 400 says so only in its body. */
export function judgeAnswer(
  operation: string,
  cloudRegion: string,
  status: number,
  headers: readonly string[],
): Verdict {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === 'x-amz-bucket-region' && headers[i + 1] !== cloudRegion) {
      return { action: 'refuse', refusal: mismatch(`the bucket lies in ${headers[i + 1]}`) };
    }
  }
  return status === 400 && operation !== 'HeadObject' && operation !== 'HeadBucket' ? INSPECT : PASS;
}

/** What the body of a 400 says. One that cannot be read is not passed on: it might name the other region. */
export function judgeErrorBody(headers: readonly string[], body: Buffer): Refusal | null {
  const plain = inflateBody(body, header(headers, 'content-encoding'), ERROR_LIMIT);
  if (plain instanceof Refusal) return mismatch('a 400 whose body cannot be read');
  const text = plain.toString('latin1');
  const code = element(text, 'Code');
  if (code === null || !OTHER_REGION.includes(code)) return null;
  return mismatch(`${code} ${element(text, 'Region') ?? element(text, 'Endpoint') ?? ''}`.trimEnd());
}

function element(text: string, name: string): string | null {
  const start = text.indexOf(`<${name}>`);
  const end = text.indexOf(`</${name}>`, start);
  return start < 0 || end < 0 ? null : text.slice(start + name.length + 2, end).trim();
}

function mismatch(detail: string): Refusal {
  return new Refusal('upstream_region_mismatch', 'The storage of this region does not hold the bucket.', detail);
}
