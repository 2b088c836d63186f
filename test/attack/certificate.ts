import { generateKeyPairSync, randomBytes, sign, type KeyObject, type KeyPairKeyObjectResult } from 'node:crypto';
import { isIP } from 'node:net';

export interface Certificate {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

/**
 * A certificate for an IPv4 address or a name that vouches for itself (RFC 5280, Appendix C.1): P-256.
 * @param expires milliseconds since the epoch
 */
export function selfSigned(host: string, expires = Date.now() + 3_600_000): Certificate {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const alternative = isIP(host) === 4 ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, utf8(host));
  return certified(host, keys, { name: host, key: keys.privateKey }, [names([alternative])], expires);
}

/** Signs certificates of clients. */
export class Authority {
  /** Its own certificate, PEM. */
  readonly cert: string;
  readonly #name: string;
  readonly #key: KeyObject;

  constructor(name: string) {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const mayIssue = sequence(oid(0x55, 0x1d, 0x13), der(0x01, Buffer.from([0xff])), der(0x04, sequence(YES)));
    this.cert = certified(name, keys, { name, key: keys.privateKey }, [mayIssue], Date.now() + 3_600_000).cert;
    this.#name = name;
    this.#key = keys.privateKey;
  }

  /**
   * A certificate whose alternative names are these URIs, byte by byte (latin1), and the names of other kinds after them.
   * @param expires milliseconds since the epoch
   */
  client(uris: readonly string[], others: readonly Buffer[] = [], expires = Date.now() + 3_600_000): Certificate {
    const alternatives = [...uris.map((uri) => der(0x86, Buffer.from(uri, 'latin1'))), ...others];
    const extensions = alternatives.length === 0 ? [] : [names(alternatives)];
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return certified('client', keys, { name: this.#name, key: this.#key }, extensions, expires);
  }
}

/** Alternative names of other kinds. */
export const dnsName = (name: string): Buffer => der(0x82, Buffer.from(name, 'latin1'));
export const mailbox = (address: string): Buffer => der(0x81, Buffer.from(address, 'latin1'));

const YES = der(0x01, Buffer.from([0xff]));
const utf8 = (text: string): Buffer => Buffer.from(text);

/** SubjectAltName (RFC 5280 §4.2.1.6). */
function names(alternatives: readonly Buffer[]): Buffer {
  return sequence(oid(0x55, 0x1d, 0x11), der(0x04, sequence(...alternatives)));
}

function certified(
  name: string,
  { publicKey, privateKey }: KeyPairKeyObjectResult,
  issuer: { readonly name: string; readonly key: KeyObject },
  extensions: readonly Buffer[],
  expires: number,
): Certificate {
  const ECDSA_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const named = (common: string) => sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, utf8(common)))));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    named(issuer.name),
    sequence(time(Math.min(Date.now(), expires) - 60_000), time(expires)),
    named(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign('sha256', body, issuer.key)]);
  const certificate = sequence(body, ECDSA_SHA256, der(0x03, signature));
  const lines = certificate.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}

/** Tag, length, value (X.690 §8.1). */
function der(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function oid(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

/** GeneralizedTime, in UTC. */
function time(milliseconds: number): Buffer {
  return der(0x18, Buffer.from(`${new Date(milliseconds).toISOString().replaceAll(/[-:T]|\.\d+/g, '')}`));
}
