import { describe, expect, it } from 'vitest';
import { describeError, Redactor } from '../../src/telemetry/redact.ts';

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('redact', () => {
  it.each([
    'authorization',
    'Proxy-Authorization',
    'x-amz-security-token',
    'secret_access_key',
    'secretAccessKey',
    'session_token',
    'password',
    'value',
    'x-api-key',
    'access_key_id',
    'Set-Cookie',
    'private_key',
  ])('takes out whatever stands under the key %s, at any depth', (key) => {
    const redacted = new Redactor().redact({ [key]: 'abc', list: [{ deep: { [key]: { inner: 'abc' } } }] });
    expect(plain(redacted)).toEqual({ [key]: '[redacted]', list: [{ deep: { [key]: '[redacted]' } }] });
  });

  it('leaves what is no secret, and the null of a secret that is not set', () => {
    const value = { credentials: 'eu', url: 'https://s3.eu-west-1.amazonaws.com', session_token: null, n: 1, on: true };
    expect(plain(new Redactor().redact(value))).toEqual(value);
  });

  it('takes out a known secret wherever it appears, also as a key or inside a longer text', () => {
    const redactor = new Redactor(['hunter2hunter2', 'a+b(c)[d]$']);
    expect(redactor.text('user:hunter2hunter2@host and a+b(c)[d]$')).toBe('user:[redacted]@host and [redacted]');
    expect(plain(redactor.redact({ hunter2hunter2: ['x hunter2hunter2'] }))).toEqual({
      '[redacted]': ['x [redacted]'],
    });
  });

  it('takes out the longer of two secrets whole when one is part of the other', () => {
    expect(new Redactor(['secret', 'secret-and-more']).text('secret-and-more')).toBe('[redacted]');
    expect(new Redactor(['secret', 'secret-and-more']).text('a secret-and-more!')).toBe('a [redacted]!');
  });

  it('takes out a short secret as a whole value only, and an empty one never', () => {
    const redactor = new Redactor(['eu', '']);
    expect(redactor.text('eu')).toBe('[redacted]');
    expect(redactor.text('europe, eu-west')).toBe('europe, eu-west');
    expect(redactor.text('')).toBe('');
  });

  it('knows the secrets of a reload and no longer the old ones', () => {
    const redactor = new Redactor(['old-secret']);
    redactor.know(['new-secret']);
    expect(redactor.text('old-secret new-secret')).toBe('old-secret [redacted]');
  });

  it.each([
    ['Bearer abcdefghijklmnop0123', 'Bearer [redacted]'],
    ['https://user:pa55@host/x', 'https://user:[redacted]@host/x'],
    ['AKIAIOSFODNN7EXAMPLE was refused', '[redacted] was refused'],
    ['/b/k?X-Amz-Signature=0badc0de&X-Amz-Date=1', '/b/k?X-Amz-Signature=[redacted]&X-Amz-Date=1'],
    ['-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nrest', '[redacted]\nrest'],
  ])('takes out what looks like a secret: %j', (text, rest) => {
    expect(new Redactor().text(text)).toBe(rest);
  });

  it('shows bytes by number, maps as objects, dates and URLs as text, and ends at a cycle', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const redacted = new Redactor().redact({
      bytes: Buffer.from('abc'),
      map: new Map([['password', 'x']]),
      set: new Set([1]),
      date: new Date(0),
      url: new URL('http://u:p@h/'),
      big: 5n,
      run: () => 1,
    });
    expect(plain(redacted)).toEqual({
      bytes: '[3 bytes]',
      map: { password: '[redacted]' },
      set: [1],
      date: '1970-01-01T00:00:00.000Z',
      url: 'http://u:[redacted]@h/',
      big: '5',
    });
    expect(JSON.stringify(new Redactor().redact(cycle))).toContain('[too deep]');
  });

  it('keeps a key named __proto__ a key', () => {
    const redacted = new Redactor().redact(JSON.parse('{"__proto__": {"password": "x"}}'));
    expect(JSON.stringify(redacted)).toBe('{"__proto__":{"password":"[redacted]"}}');
  });
});

describe('describeError', () => {
  it('shows type, code, place and cause of an error, and never its message', () => {
    const cause = Object.assign(new TypeError('getaddrinfo ENOTFOUND acme-invoices.s3'), { code: 'ENOTFOUND' });
    const described = describeError(new Error('object acme/invoice-4711 failed', { cause }));
    expect(described.type).toBe('Error');
    expect(described.frames[0]).toMatch(/^at .*redact\.test\.ts/);
    expect(described.cause).toMatchObject({ type: 'TypeError', code: 'ENOTFOUND' });
    expect(JSON.stringify(described)).not.toMatch(/acme|4711/);
  });

  it('takes no line of a message for a place', () => {
    expect(JSON.stringify(describeError(new Error('x\n    at acme/invoice-4711')))).not.toContain('acme');
  });

  it('does not follow causes for ever', () => {
    const error = new Error('x');
    error.cause = error;
    expect(JSON.stringify(describeError(error)).match(/"type":"Error"/g)).toHaveLength(4);
  });

  it('shows of a thrown value that is no error only its type', () => {
    expect(describeError('acme')).toEqual({ type: 'string', frames: [] });
  });
});
