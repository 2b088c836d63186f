import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/region/catalogue.ts';
import { parseCredentials } from '../../src/region/credential.ts';
import { parseRegions } from '../../src/region/parse.ts';
import { REGIONS_FILE } from '../../src/region/schema.ts';
import { conform } from '../../src/core/conform.ts';

const { credentials } = parseCredentials({
  aws: { access_key_id: 'AKIA', secret_access_key: 's', session_token: null },
  basic: { username: 'domicile', password: 'pä:ss' },
  key: { header: 'X-Api-Key', value: 'k' },
});

function parse(endpoints: object) {
  const file = { regions: [{ id: 'eu-west', cloud_region: 'eu-west-1', country: 'IE', geography: 'EU', endpoints }] };
  expect(conform(REGIONS_FILE, file)).toEqual([]);
  return parseRegions(REGIONS_FILE.withDefaults(file as never), credentials);
}

function endpoint(key: string, entry: object): Endpoint {
  const { catalogue, problems } = parse({ [key]: entry });
  expect(problems.filter(({ severity }) => severity !== 'warning')).toEqual([]);
  return Object.values(catalogue?.regions[0]?.endpoints ?? {})[0] as Endpoint;
}

function processing(entry: object): boolean {
  return endpoint('anthropic', { url: 'https://x.example', ...entry }).processing;
}

function authentication(key: string, entry: object): unknown {
  return endpoint(key, { url: 'https://x.example', ...entry }).authentication;
}

function codes(key: string, entry: object): string[] {
  return parse({ [key]: entry }).problems.map(({ code, severity }) => `${severity ?? 'error'} ${code}`);
}

describe('an endpoint', () => {
  it('is secure over TLS, on loopback and on a Unix socket, and nowhere else', () => {
    const secure = (url: string) => endpoint('storage', { url }).secure;
    for (const url of ['https://s3.example', 'http://127.0.0.1:1', 'http://[::1]:1', 'http://localhost:1', 'unix:/s'])
      expect(secure(url), url).toBe(true);
    for (const url of ['http://s3.example', 'http://10.0.0.1', 'http://127.0.0.1.example', 'http://localhost.example'])
      expect(secure(url), url).toBe(false);
    expect(endpoint('storage', { url: 'http://127.0.0.1:1' }).tls).toBe(false);
  });

  it('keeps its base path, and its port only where it is not the scheme’s own', () => {
    expect(endpoint('openai', { url: 'https://gateway.example:443/eu//' })).toMatchObject({
      host: 'gateway.example',
      origin: 'https://gateway.example',
      basePath: '/eu',
    });
    expect(endpoint('search', { url: 'http+unix:/run/s.sock' })).toMatchObject({
      socketPath: '/run/s.sock',
      protocol: 'http:',
      basePath: '',
    });
  });

  it('is refused when its address is no plain URL', () => {
    for (const url of [
      's3.example',
      'https://a@b',
      'https://b?x',
      'https://b#',
      'https://b:0',
      'https://a\tb',
      'file:///etc',
    ])
      expect(codes('storage', { url }), url).toHaveLength(1);
  });

  it('of AWS must lie in its own region', () => {
    for (const url of [
      'https://s3.eu-west-1.amazonaws.com',
      'https://s3.dualstack.eu-west-1.amazonaws.com',
      'https://s3-eu-west-1.amazonaws.com',
      'https://bucket.vpce-0a1b.s3.eu-west-1.vpce.amazonaws.com',
      'https://minio.example',
    ])
      expect(codes('storage', { url }), url).toEqual([]);
    for (const url of [
      'https://s3.amazonaws.com',
      'https://s3.us-east-1.amazonaws.com',
      'https://s3-accelerate.amazonaws.com',
      'https://eu-west-1.s3.us-west-2.amazonaws.com',
    ])
      expect(codes('storage', { url }), url).toEqual(['error endpoint_elsewhere']);
  });

  it('signs under the name of its service, which search may choose', () => {
    const signing = { credentials: 'aws' };
    expect(authentication('storage', { signing })).toMatchObject({ kind: 'sigv4', service: 's3' });
    expect(authentication('search', { signing })).toMatchObject({ service: 'es' });
    expect(authentication('search', { signing: { ...signing, service: 'aoss' } })).toMatchObject({ service: 'aoss' });
    expect(authentication('bedrock', { signing })).toMatchObject({ service: 'bedrock' });
  });

  it('sends a basic credential as a header, and a header credential in lower case', () => {
    const url = 'https://x.example';
    expect(endpoint('search', { url, credential: 'basic' }).authentication).toEqual({
      kind: 'header',
      name: 'basic',
      header: 'authorization',
      value: `Basic ${Buffer.from('domicile:pä:ss').toString('base64')}`,
    });
    expect(endpoint('anthropic', { url, credential: 'key' }).authentication).toMatchObject({ header: 'x-api-key' });
    expect(endpoint('openai', { url }).authentication).toEqual({ kind: 'none' });
  });

  it('is refused with a credential of the wrong kind, two of them, or one that is not there', () => {
    const url = 'https://x.example';
    expect(codes('search', { url, signing: { credentials: 'basic' } })).toEqual(['error wrong_credential']);
    expect(codes('openai', { url, credential: 'aws' })).toEqual(['error wrong_credential']);
    expect(codes('openai', { url, credential: 'kye' })).toEqual(['error unknown_credential']);
    expect(codes('search', { url, credential: 'key', signing: { credentials: 'aws' } })).toEqual([
      'error two_credentials',
    ]);
    expect(codes('openai', { url: 'http://x.example', credential: 'key' })).toEqual(['warning credential_in_clear']);
  });

  it('of Anthropic processes only with inference_geo or where it says so (DESIGN 1.9)', () => {
    expect(processing({})).toBe(false);
    expect(processing({ inference_geo: 'us' })).toBe(true);
    expect(processing({ processing: true })).toBe(true);
    expect(processing({ inference_geo: 'us', processing: false })).toBe(false);
  });

  it('of OpenAI keeps no state and processes, of Bedrock always processes', () => {
    expect(endpoint('openai', { url: 'https://x.example' })).toMatchObject({ storage: false, processing: true });
    expect(endpoint('bedrock', { url: 'https://x.example' })).toMatchObject({ processing: true, arns: [] });
  });

  it('has templates of known placeholders, and a warning where all names become one', () => {
    const url = 'https://x.example';
    expect(codes('storage', { url, bucket: '{tenant}-{bucket}-{cloud_region}' })).toEqual([]);
    expect(codes('storage', { url, bucket: '{tenant}' })).toEqual(['warning template_collapses']);
    expect(codes('search', { url, index: '{index}-{reigon}' })).toEqual(['error unknown_placeholder']);
    expect(endpoint('storage', { url }).bucket).toBe('{bucket}');
    expect(endpoint('search', { url }).index).toBe('{index}');
  });
});

describe('a credential', () => {
  it('may not carry framing, routing or identity', () => {
    for (const header of ['Host', 'transfer-encoding', 'X-Tenant-ID']) {
      const { credentials: parsed, problems } = parseCredentials({ k: { header, value: 'v' } });
      expect(
        problems.map(({ path }) => path.join('.')),
        header,
      ).toEqual(['credentials.k.header']);
      expect(parsed.get('k')).toBeNull();
    }
  });
});
