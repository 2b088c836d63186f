/** PEM texts of a listener's TLS. With `clientCa`, clients must present a certificate that it signed. */
export interface TlsTexts {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | null;
}

/** The same as node:tls wants it. */
export function tlsOptions({ cert, key, clientCa }: TlsTexts) {
  return clientCa === null ? { cert, key } : { cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: true };
}
