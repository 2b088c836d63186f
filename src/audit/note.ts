import { isUtf8 } from 'node:buffer';
import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';
import { decodeBase64 } from './base64.ts';

/** Signed notes with Ed25519 (C2SP signed-note). */

/** A key that notes are checked with. */
export interface Verifier {
  readonly name: string;
  /** First four bytes of a hash of name and key, big-endian: tells keys apart, proves nothing. */
  readonly id: number;
  readonly publicKey: KeyObject;
  /** `name+id+base64`, as it is handed to auditors. */
  readonly text: string;
}

export interface NoteSigner {
  readonly verifier: Verifier;
  /** 64 bytes over the note's text. */
  sign(text: string): Buffer;
}

export interface NoteSignature {
  readonly name: string;
  readonly id: number;
  /** Without the id; 64 bytes if it is one of ours, of other kinds what they have. */
  readonly signature: Buffer;
  /** As it stood in the note, without the line's end. */
  readonly line: string;
}

export interface Note {
  /** What is signed, with its last line's end. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

const ED25519 = 0x01;
const PUBLIC_KEY_BYTES = 32;
const ID_BYTES = 4;
/** Larger ones, or with more signatures, are refused: as golang.org/x/mod/sumdb/note does. */
const MAX_NOTE_BYTES = 1_000_000;
const MAX_SIGNATURES = 100;

/** JavaScript's white space and the one that only Unicode has; see U+FEFF, which only JavaScript has. */
const NAME = /^[^\s\u0085+]+$/u;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x09\x0b-\x1f]/;
const SIGNATURE_LINE = /^\u2014 ([^\s\u0085+]+) ([A-Za-z0-9+/]+={0,2})$/u;
const VERIFIER = /^([^\s\u0085+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/u;

/**
 * A verifier key `name+id+base64`.
 * @throws Error in one line where it is none, or not of Ed25519
 */
export function parseVerifier(text: string): Verifier {
  const match = VERIFIER.exec(text);
  const bytes = match === null ? null : decodeBase64(match[3]!);
  if (match === null || bytes === null) throw new Error('a verifier key is NAME+8 hex digits+base64, without spaces');
  if (bytes[0] !== ED25519 || bytes.length !== 1 + PUBLIC_KEY_BYTES) {
    throw new Error(`the verifier key of ${match[1]} is not of Ed25519`);
  }
  const verifier = verifierOfBytes(match[1]!, bytes.subarray(1));
  if (verifier.text !== text) throw new Error(`the verifier key of ${match[1]} does not hash to its id ${match[2]}`);
  return verifier;
}

/** The verifier key of a public key under a name. @throws TypeError for a key that is not of Ed25519, or no name */
export function verifierOf(name: string, publicKey: KeyObject): Verifier {
  if (publicKey.asymmetricKeyType !== 'ed25519') throw new TypeError('notes are signed with Ed25519');
  return verifierOfBytes(name, Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url'));
}

function verifierOfBytes(name: string, key: Buffer): Verifier {
  if (!NAME.test(name)) throw new TypeError('the name of a key is not empty and has neither white space nor +');
  const typed = Buffer.concat([Buffer.of(ED25519), key]);
  const id = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'buffer').readUInt32BE(0);
  return {
    name,
    id,
    publicKey: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') }, format: 'jwk' }),
    text: `${name}+${id.toString(16).padStart(8, '0')}+${typed.toString('base64')}`,
  };
}

/** Signs under a name with an Ed25519 private key. */
export function noteSigner(name: string, privateKey: KeyObject): NoteSigner {
  return {
    verifier: verifierOf(name, createPublicKey(privateKey)),
    sign: (text) => sign(null, Buffer.from(text), privateKey),
  };
}

/**
 * Reads a note, without checking who signed it.
 * @throws Error in one line, with the offset in bytes where that is one place
 */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > MAX_NOTE_BYTES) throw new Error(`a note of ${bytes.length} bytes is more than ${MAX_NOTE_BYTES}`);
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  if (!isUtf8(bytes)) throw new Error(`a note is UTF-8, which it is not at offset ${firstDifference(bytes, whole)}`);
  const control = CONTROL.exec(whole);
  if (control !== null) throw new Error(`a note has no control characters, but one ${offsetOf(whole, control.index)}`);
  const separator = whole.lastIndexOf('\n\n');
  if (separator === -1) throw new Error('a note has a blank line between its text and its signatures');
  if (!whole.endsWith('\n')) throw new Error(`a note ends with a line's end, not so ${offsetOf(whole, whole.length)}`);
  const signatures: NoteSignature[] = [];
  for (let at = separator + 2; at < whole.length;) {
    const end = whole.indexOf('\n', at);
    const signature = parseSignature(whole.slice(at, end));
    if (signature === null) throw new Error(`a note has no signature, as it should, ${offsetOf(whole, at)}`);
    if (signatures.push(signature) > MAX_SIGNATURES)
      throw new Error(`a note has more than ${MAX_SIGNATURES} signatures`);
    at = end + 1;
  }
  if (signatures.length === 0)
    throw new Error(`a note has no signature, as it should, ${offsetOf(whole, whole.length)}`);
  return { text: whole.slice(0, separator + 1), signatures };
}

function parseSignature(line: string): NoteSignature | null {
  const match = SIGNATURE_LINE.exec(line);
  const bytes = match === null ? null : decodeBase64(match[2]!);
  if (match === null || bytes === null || bytes.length <= ID_BYTES) return null;
  return { name: match[1]!, id: bytes.readUInt32BE(0), signature: bytes.subarray(ID_BYTES), line };
}

function offsetOf(text: string, index: number): string {
  return `at offset ${Buffer.byteLength(text.slice(0, index))}`;
}

/** What was no UTF-8 became U+FFFD, which has other bytes. */
function firstDifference(bytes: Uint8Array, decoded: string): number {
  return Buffer.from(decoded).findIndex((byte, index) => byte !== bytes[index]);
}

/**
 * A whole note: the text, the signature of `signer`, then `others` line by line as they are (cosignatures of the same
 * text), without such as claim to be of the signer's own key.
 * @throws TypeError for a text that no note can have
 */
export function signNote(text: string, signer: NoteSigner, others: readonly NoteSignature[] = []): string {
  if (!text.endsWith('\n') || CONTROL.test(text) || !text.isWellFormed()) {
    throw new TypeError("the text of a note ends with a line's end and has no control characters");
  }
  const { name, id } = signer.verifier;
  const bytes = Buffer.alloc(ID_BYTES);
  bytes.writeUInt32BE(id);
  let note = `${text}\n\u2014 ${name} ${Buffer.concat([bytes, signer.sign(text)]).toString('base64')}\n`;
  for (const other of others) if (!isBy(other, signer.verifier)) note += `${other.line}\n`;
  return note;
}

/** Whether the key signed the note: there is a signature of its name and id, and every such one is right. */
export function isSignedBy(note: Note, verifier: Verifier): boolean {
  const text = Buffer.from(note.text);
  const own = note.signatures.filter((signature) => isBy(signature, verifier));
  return own.length > 0 && own.every(({ signature }) => verify(null, text, verifier.publicKey, signature));
}

function isBy(signature: NoteSignature, { name, id }: Verifier): boolean {
  return signature.name === name && signature.id === id;
}
