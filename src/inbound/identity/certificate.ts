import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Refusal } from '../../core/refusal.ts';
import { matchUri, type UriTemplate } from './uri-template.ts';
import type { Verified } from './verified.ts';

/** The certificate that a client has proven to hold, as far as identity goes. Read once for a connection. */
export class ClientCertificate {
  /** Its URIs (RFC 5280 §4.2.1.6); null: what it holds cannot be told for certain. */
  readonly #uris: readonly string[] | null;
  /** End of its validity, milliseconds since the epoch. */
  readonly #until: number;
  /** What it says by the template that was asked for last. */
  #template: UriTemplate | null = null;
  #said: Verified | Refusal | null = null;

  constructor(uris: readonly string[] | null, until: number) {
    this.#uris = uris;
    this.#until = until;
  }

  /** Of a connection that was accepted; null when there is none that an authority of ours has signed. */
  static of(socket: Socket): ClientCertificate | null {
    if (!(socket instanceof TLSSocket) || !socket.authorized) return null;
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return null;
    return new ClientCertificate(urisOf(certificate.subjectAltName ?? ''), certificate.validToDate.getTime());
  }

  /** What it says, or null when no URI of it is of the template. Exactly one may be. @param now milliseconds since the epoch */
  identity(template: UriTemplate, now: number): Verified | Refusal | null {
    // A connection may outlive the certificate, which then proves nothing any more.
    if (now >= this.#until) return EXPIRED;
    if (template !== this.#template) {
      this.#said = this.#uris === null ? UNREADABLE : only(this.#uris, template);
      this.#template = template;
    }
    return this.#said;
  }
}

const EXPIRED = new Refusal(
  'identity_unauthenticated',
  'The client certificate has expired: connect anew.',
  'certificate expired',
);
const UNREADABLE = new Refusal(
  'identity_unauthenticated',
  'The names in the client certificate cannot be read.',
  'certificate unreadable',
);
const AMBIGUOUS = new Refusal(
  'identity_unauthenticated',
  'The client certificate names more than one identity.',
  'certificate ambiguous',
);

function only(uris: readonly string[], template: UriTemplate): Verified | Refusal | null {
  let found: Verified | null = null;
  for (const uri of uris) {
    const verified = matchUri(template, uri);
    if (verified === null) continue;
    if (found !== null) return AMBIGUOUS;
    found = verified;
  }
  return found;
}

/** One name of node:crypto's text, up to the next: a value that could be taken for two names is a JSON string there. */
const NAME = /([A-Za-z][A-Za-z ]*):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

/** The URIs in `X509Certificate.subjectAltName`. Null when any part of it reads otherwise than expected (CVE-2021-44532). */
export function urisOf(subjectAltName: string): string[] | null {
  const uris: string[] = [];
  NAME.lastIndex = 0;
  while (NAME.lastIndex < subjectAltName.length) {
    const [, type, value] = NAME.exec(subjectAltName) ?? [];
    if (type === undefined || value === undefined) return null;
    if (type !== 'URI') continue;
    try {
      uris.push(value.startsWith('"') ? (JSON.parse(value) as string) : value);
    } catch {
      return null; // an escape that JSON does not know: the caller refuses
    }
  }
  return uris;
}
