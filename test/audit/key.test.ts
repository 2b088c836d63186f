import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { handOverText, loadKeys, rotateKey } from '../../src/audit/key.ts';
import { parseVerifier } from '../../src/audit/note.ts';
import { LogReader } from '../../src/audit/reader.ts';
import { folderIn, newState, verified, writerIn } from './logs.ts';

const KEY = new URL('../../src/audit/key.ts', import.meta.url).href;

function pem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** The base64 of a private key's seed. */
function seedOf(text: string): string {
  return Buffer.from(text.split('\n')[1]!, 'base64').subarray(16).toString('base64');
}

describe('the key that signs', () => {
  it('is one and the same for all processes that start together in an empty folder', async () => {
    const state = newState();
    const script = `import { loadKeys } from '${KEY}'; console.log(loadKeys(process.argv[1], null).current.export({ format: 'jwk' }).x)`;
    const start = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, state]);
    const keys = await Promise.all(Array.from({ length: 6 }, start));
    expect(new Set(keys.map(({ stdout }) => stdout)).size).toBe(1);
    expect(readdirSync(state)).toEqual(['evidence.key']);
    expect(statSync(join(state, 'evidence.key')).mode & 0o777).toBe(0o600);
  });

  it('is not used once others can read it, and the message says what to do', () => {
    const state = newState();
    loadKeys(state, null);
    chmodSync(join(state, 'evidence.key'), 0o640);
    expect(() => loadKeys(state, null)).toThrow(`${join(state, 'evidence.key')} is open to other users: chmod 600 it`);
  });

  it('may be given as PEM or as a seed, and is then the same', () => {
    const text = pem();
    const [asPem, asSeed] = [loadKeys(newState(), text), loadKeys(newState(), `${seedOf(text)}\n`)];
    expect(asSeed.current.equals(asPem.current)).toBe(true);
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    for (const wrong of ['', 'x', seedOf(text).slice(4), rsa.export({ type: 'pkcs8', format: 'pem' }) as string])
      expect(() => loadKeys(newState(), wrong)).toThrow('audit.key is no Ed25519 private key');
  });
});

describe('a key that is replaced', () => {
  it('hands each log over with its last signature, however many replacements the log missed', async () => {
    const state = newState();
    const first = writerIn(state).verifier;
    rotateKey(state);
    rotateKey(state);
    const after = writerIn(state);
    expect(after.size).toBe(2);
    const [, entry] = [...LogReader.open(folderIn(state)).entries()];
    expect(entry!.value).toMatchObject({ kind: 'key', action: 'handed_over', key: after.verifier, previous: first });
    const text = handOverText('domicile/s1/1', 1, after.verifier);
    const signature = Buffer.from(entry!.value['signature'] as string, 'base64');
    expect(verify(null, Buffer.from(text), parseVerifier(first).publicKey, signature)).toBe(true);
    expect(readFileSync(join(folderIn(state), 'key.pub'), 'utf8')).toBe(`${after.verifier}\n`);
    expect(await verified(state)).toMatchObject({ size: 2, notes: [] });
    expect(writerIn(state).size).toBe(2);
  });

  it('keeps the old ones at hand, of the owner only, each once', () => {
    const state = newState();
    const old = [loadKeys(state, null).current];
    for (let i = 0; i < 2; i++) {
      const made = rotateKey(state);
      old.unshift(loadKeys(state, null).current);
      expect(made.equals(createPublicKey(old[0]!))).toBe(true);
    }
    const kept = loadKeys(state, null).previous;
    expect(kept.map((key, i) => key.equals(old[i + 1]!))).toEqual([true, true]);
    expect(statSync(join(state, 'evidence.key.previous')).mode & 0o777).toBe(0o600);
    expect(readdirSync(state).toSorted()).toEqual(['evidence.key', 'evidence.key.previous', 'locks']);
  });

  it('is kept too where it lies there as a seed', () => {
    const state = newState();
    const text = pem();
    writeFileSync(join(state, 'evidence.key'), seedOf(text), { mode: 0o600 });
    rotateKey(state);
    expect(loadKeys(state, null).previous.map((key) => key.equals(createPrivateKey(text)))).toEqual([true]);
  });

  it('is not replaced over previous ones that cannot be read', () => {
    const state = newState();
    const { current } = loadKeys(state, null);
    writeFileSync(join(state, 'evidence.key.previous'), 'torn', { mode: 0o600 });
    expect(() => rotateKey(state)).toThrow('evidence.key.previous holds no private key as PEM');
    rmSync(join(state, 'evidence.key.previous'));
    expect(loadKeys(state, null).current.equals(current)).toBe(true);
  });

  it('takes over from the own key when one is configured', async () => {
    const state = newState();
    const own = writerIn(state).verifier;
    const configured = writerIn(state, undefined, pem());
    expect(configured.verifier).not.toBe(own);
    expect((await verified(state)).key?.text).toBe(configured.verifier);
  });

  it('does not sign a log whose last key is not at hand', () => {
    const state = newState();
    writerIn(state);
    rmSync(join(state, 'evidence.key'));
    expect(() => writerIn(state)).toThrow(
      "is not signed by this sidecar's key: put the key that signed it into evidence.key.previous",
    );
    writeFileSync(join(state, 'evidence.key.previous'), 'nothing', { mode: 0o600 });
    expect(() => writerIn(state)).toThrow('evidence.key.previous holds no private key as PEM');
  });

  it('cannot be replaced before there is one', () => {
    const state = newState();
    expect(() => rotateKey(state)).toThrow('there is no');
    expect(existsSync(join(state, 'evidence.key'))).toBe(false);
  });
});
