import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemFiles } from './durable.ts';
import { LogLock } from './lock.ts';

/** What signs the logs of a sidecar. */
export interface SigningKeys {
  readonly current: KeyObject;
  /** Those that signed before, the last first: a log that is still signed by one is handed over when it is opened. */
  readonly previous: readonly KeyObject[];
}

const KEY_FILE = 'evidence.key';
const PREVIOUS_FILE = 'evidence.key.previous';

/** PKCS#8 of an Ed25519 key up to its seed (RFC 8410, section 7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SEED_BYTES = 32;
const PEM = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/g;

/**
 * The private keys of a sidecar.
 * @param configured PKCS#8 as PEM, or the seed as base64; null: `evidence.key` in `state`, made where it is not there
 * @throws Error in one line, naming the file or setting and the fix
 */
export function loadKeys(state: string, configured: string | null): SigningKeys {
  // The own one first: when it is replaced, it is put among the previous ones before.
  if (configured === null) {
    const current = ownKey(state);
    return { current, previous: previousKeys(state) };
  }
  const path = join(state, KEY_FILE);
  const text = privateText(path);
  // A sidecar that had a key of its own before it was given one.
  const own = text === null ? [] : [parsePrivate(text, path)];
  return { current: parsePrivate(configured, 'audit.key'), previous: [...own, ...previousKeys(state)] };
}

/**
 * Makes a new key; the old one is kept to hand each log over with. Processes that run keep the one they have.
 * @returns the new public key
 * @throws Error in one line, when there is no key yet, it cannot be written or another replaces it now
 */
export function rotateKey(state: string): KeyObject {
  const path = join(state, KEY_FILE);
  if (privateText(path) === null)
    throw new Error(`there is no ${path} to rotate: it is made when evidence is first written`);
  // Two at once would both keep the key from before, and neither that of the other, by which a log may be signed by then.
  const lock = LogLock.take(state, 'key');
  if (lock === null) throw new Error(`the key under ${state} is being rotated by another: wait until it has ended`);
  try {
    const own = parsePrivate(privateText(path) ?? '', path);
    const kept = new Set([own, ...previousKeys(state)].map(pemOf));
    // In this order: whatever signs now is at hand at any moment.
    replace(state, PREVIOUS_FILE, [...kept].join(''));
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    replace(state, KEY_FILE, pemOf(privateKey));
    return publicKey;
  } finally {
    lock.release();
  }
}

/** What the previous key signs when it hands a log over to the next, as base64 (Ed25519, RFC 8032). */
export function signHandOver(previous: KeyObject, origin: string, seq: number, verifier: string): string {
  return sign(null, Buffer.from(handOverText(origin, seq, verifier)), previous).toString('base64');
}

/** @param verifier vkey of the key that takes over */
export function handOverText(origin: string, seq: number, verifier: string): string {
  return `domicile key handover\n${origin}\n${seq}\n${verifier}\n`;
}

export function publicOf(key: KeyObject): KeyObject {
  return createPublicKey(key);
}

function ownKey(state: string): KeyObject {
  const path = join(state, KEY_FILE);
  let text = privateText(path);
  if (text === null) {
    makeOwnKey(state, path);
    text = privateText(path);
    if (text === null) throw new Error(`${path} was removed as soon as it was made: see who does that, and restart`);
  }
  return parsePrivate(text, path);
}

/** Several processes may be at it: the first to put its key in place wins, whole and on the disk. */
function makeOwnKey(state: string, path: string): void {
  const beside = join(state, `${KEY_FILE}.${randomUUID()}`);
  try {
    mkdirSync(state, { recursive: true, mode: 0o700 });
    systemFiles.write([{ path: beside, bytes: Buffer.from(pemOf(generateKeyPairSync('ed25519').privateKey)) }]);
    try {
      linkSync(beside, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    systemFiles.syncFolder(state);
  } catch (error) {
    throw new Error(`the key ${path} cannot be made: ${(error as Error).message}: let this user write there`, {
      cause: error,
    });
  } finally {
    rmSync(beside, { force: true });
  }
}

function replace(state: string, name: string, text: string): void {
  const beside = join(state, `${name}.${randomUUID()}`);
  try {
    systemFiles.write([{ path: beside, bytes: Buffer.from(text) }]);
    renameSync(beside, join(state, name));
    systemFiles.syncFolder(state);
  } catch (error) {
    rmSync(beside, { force: true });
    throw new Error(`${join(state, name)} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

function previousKeys(state: string): KeyObject[] {
  const path = join(state, PREVIOUS_FILE);
  const text = privateText(path);
  if (text === null) return [];
  const found = text.match(PEM) ?? [];
  if (found.length === 0) throw new Error(`${path} holds no private key as PEM: restore it, or remove it`);
  return found.map((pem) => parsePrivate(pem, path));
}

/** Text of a file with a secret in it; null: it is not there. */
function privateText(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return null;
  if ((found.mode & 0o077) !== 0)
    throw new Error(`${path} is open to other users: chmod 600 it, and rotate the key if any may have read it`);
  return readFileSync(path, 'utf8');
}

function parsePrivate(text: string, where: string): KeyObject {
  const trimmed = text.trim();
  const seed = Buffer.from(trimmed, 'base64');
  let key: KeyObject | null = null;
  try {
    key =
      seed.length === SEED_BYTES && seed.toString('base64') === trimmed
        ? createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
        : createPrivateKey(trimmed);
  } catch {
    // What OpenSSL has to say about it helps nobody.
  }
  if (key?.asymmetricKeyType !== 'ed25519')
    throw new Error(`${where} is no Ed25519 private key: give one as PKCS#8 PEM, or its 32-byte seed as base64`);
  return key;
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}
