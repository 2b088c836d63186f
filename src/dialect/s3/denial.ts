import type { Reason } from '../../core/reasons.ts';
import type { RefusalAnswer } from '../dialect.ts';

/** Error codes by status. Source: Amazon S3 API Reference, "Error responses"; 502 and 504 have none of their own. */
const CODES: Readonly<Record<number, string>> = {
  400: 'InvalidRequest',
  401: 'AccessDenied',
  403: 'AccessDenied',
  413: 'EntityTooLarge',
  414: 'KeyTooLongError',
  429: 'SlowDown',
  431: 'RequestHeaderSectionTooLarge',
  501: 'NotImplemented',
  502: 'BadGateway',
  503: 'ServiceUnavailable',
  504: 'GatewayTimeout',
};

/** A refusal as S3 writes errors. An answer to HEAD has no body, so that its SDKs see only the status. */
export function denial(
  method: string,
  reason: Reason,
  status: number,
  message: string,
  requestId: string,
): RefusalAnswer {
  const body =
    method === 'HEAD'
      ? ''
      : `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${CODES[status] ?? 'InternalError'}</Code><Message>${escape(message)}</Message><Reason>${reason}</Reason><RequestId>${escape(requestId)}</RequestId></Error>`;
  return { status, headers: ['content-type', 'application/xml', 'x-amz-request-id', requestId], body };
}

/** Text for XML. What XML 1.0 cannot hold becomes a question mark. */
function escape(text: string): string {
  return text
    .replace(
      /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      '?',
    )
    .replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
