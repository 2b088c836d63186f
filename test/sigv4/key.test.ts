import { execFile } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SigningKeys, type SigningCredentials } from '../../src/sigv4/key.ts';

const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const TOKEN = 'FwoGZXIvYXdzEXAMPLETOKEN';
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

describe('derived keys', () => {
  it('sign as the chain of HMACs of the AWS document does, computed step by step', () => {
    const key = new SigningKeys(1).get(credentials(), 'us-east-1', 's3', '20130524');
    expect(key.scope).toBe('20130524/us-east-1/s3/aws4_request');
    const text = `AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n${ABC}`;
    let chain: string | Buffer = `AWS4${SECRET}`;
    for (const part of ['20130524', 'us-east-1', 's3', 'aws4_request', text]) {
      chain = createHmac('sha256', chain).update(part).digest();
    }
    expect(key.sign('20130524T000000Z', ABC)).toBe((chain as Buffer).toString('hex'));
  });

  it('are derived once for a day, region and service, and anew when the day changes', () => {
    const keys = new SigningKeys(8);
    const own = credentials();
    const first = keys.get(own, 'eu-west-1', 's3', '20261107');
    expect(keys.get(own, 'eu-west-1', 's3', '20261107')).toBe(first);
    const other = keys.get(own, 'eu-central-1', 's3', '20261107');
    expect(other).not.toBe(first);
    expect(keys.get(own, 'eu-west-1', 's3', '20261107')).toBe(first);
    const next = keys.get(own, 'eu-west-1', 's3', '20261108');
    expect(next).not.toBe(first);
    expect(next.scope).toBe('20261108/eu-west-1/s3/aws4_request');
    expect(keys.size).toBe(2);
  });

  it('are shared by equal credentials and told apart by either half of different ones', () => {
    const keys = new SigningKeys(8);
    const first = keys.get(credentials(), 'eu-west-1', 's3', '20261107');
    expect(keys.get(credentials(), 'eu-west-1', 's3', '20261107')).toBe(first);
    const otherSecret = { ...credentials(), secretAccessKey: `${SECRET}x` };
    const otherId = { ...credentials(), accessKeyId: 'AKIDOTHER' };
    expect(keys.get(otherSecret, 'eu-west-1', 's3', '20261107').sign('20261107T000000Z', ABC)).not.toBe(
      first.sign('20261107T000000Z', ABC),
    );
    expect(keys.get(otherId, 'eu-west-1', 's3', '20261107')).not.toBe(first);
  });

  it('are bounded in number: the least recently used goes first', () => {
    const keys = new SigningKeys(3);
    const own = credentials();
    const kept = keys.get(own, 'r0', 's3', '20261107');
    for (let i = 1; i <= 1000; i++) {
      keys.get(own, `r${i}`, 's3', '20261107');
      expect(keys.get(own, 'r0', 's3', '20261107')).toBe(kept);
      expect(keys.size).toBeLessThanOrEqual(3);
    }
    const evicted = keys.get(own, 'r1', 's3', '20261107');
    expect(evicted.scope).toBe('20261107/r1/s3/aws4_request');
  });

  it('keep no secret: once the credentials are let go, none is left on the heap', async () => {
    // The controls: a snapshot does show a secret that is still held, and what the cache does keep.
    expect((await heapAfterSigning('keep')).includes(heapSecret('keep'))).toBe(true);
    const heap = await heapAfterSigning('drop');
    expect(heap.includes(createHmac('sha256', heapSecret('drop')).update('AKID').digest('hex'))).toBe(true);
    expect(heap.includes(heapSecret('drop'))).toBe(false);
  }, 60_000);

  it('keep no secret in their buffers, which a heap snapshot does not show', () => {
    const key = new SigningKeys(8).get(credentials(), 'eu-west-1', 's3', '20261107');
    key.sign('20261107T000000Z', ABC);
    const buffers = Object.values(key).filter((value) => Buffer.isBuffer(value));
    expect(buffers).toHaveLength(2);
    for (const buffer of buffers) expect(buffer.includes(SECRET.slice(0, 8))).toBe(false);
  });

  it('cannot be reached by moving the border between region and service', () => {
    const keys = new SigningKeys(8);
    const own = credentials();
    keys.get(own, 'a', 'b-c', '20261107');
    expect(keys.get(own, 'a-b', 'c', '20261107').scope).toBe('20261107/a-b/c/aws4_request');
    expect(() => keys.get(own, 'a/b', 'c', '20261107')).toThrow(/No region/);
    expect(() => keys.get(own, 'a', 'b/c', '20261107')).toThrow(/No service/);
  });

  it.each(['', 'eu west', 'eu-west-1\n', 'eu/west', 'é'])('are refused for the region or service %j', (part) => {
    const keys = new SigningKeys(8);
    expect(() => keys.get(credentials(), part, 's3', '20261107')).toThrow(TypeError);
    expect(() => keys.get(credentials(), 'eu-west-1', part, '20261107')).toThrow(TypeError);
    expect(keys.size).toBe(0);
  });

  it.each([
    { accessKeyId: '' },
    { accessKeyId: 'AKID/20261107' },
    { accessKeyId: 'AKID, SignedHeaders=' },
    { secretAccessKey: '' },
    { sessionToken: '' },
  ])('are refused for credentials with %o', (wrong) => {
    const keys = new SigningKeys(8);
    expect(() => keys.get({ ...credentials(), ...wrong }, 'eu-west-1', 's3', '20261107')).toThrow(TypeError);
  });

  it.each([0, -1, 1.5, Number.NaN, Infinity])('need a bound that is a whole number above 0, not %d', (size) => {
    expect(() => new SigningKeys(size)).toThrow(/keyCacheSize/);
  });
});

function credentials(): SigningCredentials {
  return { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: SECRET, sessionToken: TOKEN };
}

/** A secret that stands in no source text: both processes compute it. */
function heapSecret(seed: string): string {
  return createHash('sha256').update(seed).digest('hex');
}

/** Heap snapshot, as JSON text, of a process that has signed with `heapSecret(seed)`. */
async function heapAfterSigning(seed: 'keep' | 'drop'): Promise<string> {
  const module = new URL('../../src/sigv4/sign.ts', import.meta.url).href;
  const script = `
    import { createHash } from 'node:crypto';
    import { getHeapSnapshot } from 'node:v8';
    import { Signer } from ${JSON.stringify(module)};
    const signer = new Signer();
    let held = null;
    function signOnce() {
      const secretAccessKey = createHash('sha256').update('${seed}').digest('hex');
      const credentials = { accessKeyId: 'AKID', secretAccessKey, sessionToken: null };
      const request = { method: 'GET', path: '/', query: '', host: 'h', headers: [], payloadHash: 'UNSIGNED-PAYLOAD' };
      signer.sign(request, credentials, 'eu-west-1', 's3', 1e12);
      if ('${seed}' === 'keep') held = credentials;
    }
    signOnce();
    await new Promise((resolve) => setImmediate(resolve));
    gc();
    getHeapSnapshot().pipe(process.stdout);
    process.on('exit', () => [signer, held].length);
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', '--no-warnings', '--input-type=module', '--eval', script],
    { maxBuffer: 256 * 1024 * 1024 },
  );
  return stdout;
}
