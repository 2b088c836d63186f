import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfiguration, type LoadedConfiguration } from '../../src/app/config/load.ts';
import { PolicyLoader } from '../../src/app/config/policies.ts';
import { formatProblem } from '../../src/app/config/problem.ts';
import { parseListen } from '../../src/app/config/listen.ts';

const SHIPPED = fileURLToPath(new URL('../../config/domicile.yaml', import.meta.url));
const AWS = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' };
const REGIONS = `regions:
  - { id: eu-west, cloud_region: eu-west-1, country: IE, geography: EU }
  - { id: us-east, cloud_region: us-east-1, country: US, geography: NA }
`;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'domicile-config-'));
  write('config/regions.yaml', REGIONS);
});

afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string | Buffer): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

function load(text: string, env: NodeJS.ProcessEnv = {}): LoadedConfiguration {
  return loadConfiguration(write('config/domicile.yaml', text), env);
}

function told(loaded: LoadedConfiguration): string[] {
  return loaded.problems.map(({ code, key, severity }) => `${severity} ${code} ${key}`.trim());
}

function policy(id: string, region = 'eu-west'): string {
  return `policies: [{ id: ${id}, tenant_id: ${id}, primary_region: ${region} }]\n`;
}

function listening(address: string, identity = ''): string {
  return `self: { region: eu-west }\nlisteners: { storage: { listen: "${address}" } }\n${identity}`;
}

function keyed(value: string): string {
  return `self: { region: eu-west }\ncredentials: { k: { header: x-api-key, value: "${value}" } }\n`;
}

describe('an address that things are sent to', () => {
  it('holds neither user nor password: they would be in every log, and are not sent', () => {
    const settings = (hook: string, keys: string) =>
      told(
        load(
          `self: { region: eu-west }\nwebhooks: [{ url: "${hook}", secret: "\${env:HOOK}" }]\n` +
            `control: { jwt: { issuer: "https://id.test", audience: domicile, jwks_url: "${keys}" } }\n`,
          { HOOK: 'sixteen-characters' },
        ),
      );
    expect(settings('https://hooks.test/x', 'https://id.test/jwks')).toEqual([]);
    expect(settings('https://me:secret@hooks.test/x', 'https://me@id.test/jwks').sort()).toEqual([
      'error not_an_address control.jwt.jwks_url',
      'error not_an_address webhooks[0].url',
    ]);
  });
});

describe('a template that cannot tell tenants apart', () => {
  it('is a warning for each tenant that it will refuse', () => {
    write(
      'config/regions.yaml',
      'regions: [{ id: eu-west, name: W, cloud_region: eu-west-1, country: IE, geography: EU, endpoints: { storage: { url: "http://127.0.0.1:9", bucket: "{tenant}-{bucket}" } } }]\n',
    );
    write(
      'policies/p.yaml',
      `policies: [{ id: p, tenant_id: acme-eu, primary_region: eu-west }, { id: q, tenant_id: globex, primary_region: eu-west }]\n`,
    );
    const loaded = load('self: { region: eu-west }\n');
    expect(told(loaded)).toEqual(['warning tenant_not_told_apart regions[0].endpoints.storage.bucket']);
    expect(loaded.problems[0]?.message).toContain('acme-eu');
    expect(loaded.policySet).not.toBeNull();
  });
});

describe('the shipped samples', () => {
  it('load without a problem when the credentials are there', () => {
    const { problems, settings, catalogue, policySet } = loadConfiguration(SHIPPED, AWS);
    expect(problems.filter(({ code }) => code !== 'window_past' && code !== 'review_due')).toEqual([]);
    expect(settings?.self).toEqual({ region: 'eu-west', name: 'sidecar-1' });
    expect(catalogue?.regions.map(({ id, cloudRegion }) => `${id} ${cloudRegion}`)).toEqual([
      'us-east us-east-1',
      'us-west us-west-2',
      'eu-west eu-west-1',
      'eu-central eu-central-1',
      'apac-south ap-south-1',
      'apac-east ap-northeast-1',
      'ca-central ca-central-1',
    ]);
    expect(policySet?.policies.map(({ mode }) => mode)).toContain('hybrid');
    expect(policySet?.regimes.map(({ id }) => id).sort()).toEqual(
      [
        'ccpa',
        'coppa',
        'dpdp',
        'ferpa',
        'gdpr',
        'lgpd',
        'my-health-records',
        'pipeda',
        'pipl',
        'quebec-law-25',
        'ru-152-fz',
        'uk-gdpr',
        'us-28-cfr-202',
      ].sort(),
    );
  });

  it('name the variable that a fresh machine lacks, and never make an empty credential of it', () => {
    const { problems, catalogue, settings } = loadConfiguration(SHIPPED, {
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: '',
    });
    expect(problems.map(formatProblem)).toEqual([
      expect.stringContaining(
        'the environment variable AWS_SECRET_ACCESS_KEY is empty. Fix: set AWS_SECRET_ACCESS_KEY',
      ),
    ]);
    expect(catalogue).toBeNull();
    expect(settings).toBeNull();
  });

  it('resolve an endpoint into what signing and forwarding need', () => {
    const { catalogue } = loadConfiguration(SHIPPED, AWS);
    expect(catalogue?.find('eu-west-1')?.endpoints.s3).toMatchObject({
      dialect: 's3',
      origin: 'https://s3.eu-west-1.amazonaws.com',
      host: 's3.eu-west-1.amazonaws.com',
      tls: true,
      secure: true,
      bucket: '{bucket}-{cloud_region}',
      authentication: { kind: 'sigv4', service: 's3', accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' },
    });
    expect(catalogue?.find('eu-west')?.endpoints.bedrock).toMatchObject({ processing: true });
  });
});

describe('a configuration that says only self.region', () => {
  it('has the defaults of DESIGN 1.6', () => {
    const { settings, policySet, problems } = load('self: { region: eu-west-1 }\n');
    expect(problems).toEqual([]);
    expect(policySet).toMatchObject({ policies: [], regimes: [], defaultPolicy: null });
    expect(settings).toMatchObject({
      self: { region: 'eu-west', name: 'sidecar-1' },
      catalogue: join(folder, 'config/regions.yaml'),
      policies: [join(folder, 'policies')],
      regimes: join(folder, 'policies/regimes'),
      state: join(folder, '.domicile'),
      listeners: {
        storage: { address: { kind: 'tcp', host: '127.0.0.1', port: 9100 }, tls: null, virtualHostSuffix: null },
        search: { address: { host: '127.0.0.1', port: 9200 } },
        inference: { address: { host: '127.0.0.1', port: 9300 } },
      },
      control: { address: { host: '127.0.0.1', port: 8000 } },
      ops: { address: { host: '127.0.0.1', port: 8001 } },
      identity: { sources: ['headers'], trustRegionHeader: false, allowUnauthenticatedNetwork: false },
      classification: { default: null, aliases: new Map([['educational', 'identity']]) },
      defaultPolicy: null,
      cache: { bundles: 10_000, negativeTtlMs: 1000 },
      timeouts: {
        connectMs: 5000,
        requestHeadMs: 10_000,
        responseHeadMs: 15_000,
        inferenceHeadMs: 120_000,
        idleMs: 300_000,
        keepAliveMs: 60_000,
      },
      limits: { headBytes: 16_384, headers: 100, inspectBodyBytes: 1_048_576, connections: 1024, inflight: 1024 },
      log: { level: 'info', access: 'denials' },
    });
  });

  it('does not serve a listener whose key is missing once the section is there', () => {
    const { settings } = load('self: { region: eu-west }\nlisteners: { storage: {} }\n');
    expect(settings?.listeners.storage?.address).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 9100 });
    expect(settings?.listeners.search).toBeNull();
    expect(settings?.listeners.inference).toBeNull();
  });

  it('holds no secret in its settings, which may be shown', () => {
    const loaded = load('self: { region: eu-west }\ncredentials: { k: { header: X-Api-Key, value: "${env:KEY}" } }\n', {
      KEY: 'very-secret',
    });
    expect(loaded.problems).toEqual([]);
    expect(JSON.stringify(loaded.settings)).not.toContain('very-secret');
  });

  it('replaces the default aliases by a map of its own', () => {
    const { settings } = load('self: { region: eu-west }\nclassification: { aliases: {} }\n');
    expect(settings?.classification.aliases.size).toBe(0);
  });

  it('refuses policies or regimes that are named and missing, not the default ones', () => {
    expect(told(load('self: { region: eu-west }\npolicies: [../nowhere]\nregimes: ../nothing\n'))).toEqual([
      'error not_found policies[0]',
      'error not_found regimes',
    ]);
  });
});

describe('references', () => {
  const used = `${REGIONS}`.replace(
    'geography: EU }',
    'geography: EU, endpoints: { openai: { url: "https://eu.example", credential: k } } }',
  );

  it('take a file without its last line end, relative to the configuration', () => {
    write('config/regions.yaml', used);
    write('config/secrets/key', 'sk-1\n');
    const { catalogue, problems } = load(keyed('Bearer ${file:secrets/key}'));
    expect(problems).toEqual([]);
    expect(catalogue?.regions[0]?.endpoints.openai?.authentication).toEqual({
      kind: 'header',
      name: 'k',
      header: 'x-api-key',
      value: 'Bearer sk-1',
    });
  });

  it('are not looked at again once replaced', () => {
    write('config/regions.yaml', used);
    const { catalogue } = load(keyed('${env:A}'), { A: '${env:B}', B: 'b' });
    expect(catalogue?.regions[0]?.endpoints.openai?.authentication).toMatchObject({ value: '${env:B}' });
  });

  it('are refused where file or variable is missing or empty, or the value no header', () => {
    write('config/empty', '\n');
    expect(told(load(keyed('${file:empty}')))).toEqual(['error file_empty credentials.k.value']);
    expect(told(load(keyed('${file:none}')))).toEqual(['error file_missing credentials.k.value']);
    expect(told(load(keyed('${env:NONE}')))).toEqual(['error env_missing credentials.k.value']);
    expect(told(load(keyed('${env:NONE')))).toContain('error bad_reference credentials.k.value');
    expect(told(load(keyed('${env:TWO_LINES}'), { TWO_LINES: 'a\nb: c' }))).toEqual([
      'error bad_credential credentials.k.value',
    ]);
  });

  it('are no place for them in the catalogue', () => {
    write(
      'config/regions.yaml',
      REGIONS.replace('geography: EU }', 'geography: EU, endpoints: { storage: { url: "${env:S3}" } } }'),
    );
    expect(told(load('self: { region: eu-west }\n', { S3: 'http://127.0.0.1:1' }))).toEqual([
      'error reference_here regions[0].endpoints.storage.url',
    ]);
  });
});

describe('environment variables', () => {
  it('override keys, with two underscores or, where that is plain, with one', () => {
    const { settings, problems } = load('self: { region: eu-west }\n', {
      DOMICILE_SELF__REGION: 'us-east',
      DOMICILE_SELF_NAME: 'other',
      DOMICILE_LISTENERS__STORAGE__LISTEN: 'unix:storage.sock',
      DOMICILE_IDENTITY__SOURCES: 'headers, path',
      DOMICILE_LIMITS__HEADERS: '7',
      DOMICILE_IDENTITY_TRUST_REGION_HEADER: 'true',
      DOMICILE_LOG__ACCESS: '0.5',
      DOMICILE_DEFAULT_POLICY: 'null',
    });
    expect(problems).toEqual([]);
    expect(settings).toMatchObject({
      self: { region: 'us-east', name: 'other' },
      identity: { sources: ['headers', 'path'], trustRegionHeader: true },
      limits: { headers: 7 },
      log: { access: 0.5 },
    });
    expect(settings?.listeners.storage?.address).toEqual({ kind: 'unix', path: join(folder, 'config/storage.sock') });
    expect(settings?.listeners.search?.address).toMatchObject({ port: 9200 });
  });

  it('may hold the password of a database, which stands nowhere in clear text', () => {
    const at = (url: string) => {
      const env = { PG_USER: 'domicile', PG_PASSWORD: 'hunter-2@/:?' };
      return told(load(`self: { region: eu-west }\nstore: { url: "${url}" }\n`, env));
    };
    for (const clear of [
      'postgres://domicile:hunter-2@db.test/domicile',
      'postgres://${env:PG_USER}:hunter-2@db.test/domicile',
      'postgres://domicile:hunter@2@db.test/domicile',
      'postgres://db.test/domicile?user=domicile&password=hunter-2',
      'postgres://domicile:${env:PG_PASSWORD}@db.test/domicile?sslpassword=hunter-2',
    ])
      expect([clear, at(clear)]).toEqual([clear, ['error clear_secret store.url']]);
    for (const safe of [
      'postgres://db.test/domicile?host=/run/postgresql',
      'postgres://domicile@db.test/domicile',
      'postgres://${env:PG_USER}@db.test/domicile',
      'postgres://${env:PG_USER}:${env:PG_PASSWORD}@db.test/domicile',
      'postgres://db.test/domicile?user=domicile&password=${env:PG_PASSWORD}&sslmode=require',
    ])
      expect([safe, at(safe)]).toEqual([safe, []]);
  });

  it('reach into credentials by their name, whatever its case', () => {
    const text = 'self: { region: eu-west }\ncredentials: { openai-eu: { header: x-api-key, value: clear } }\n';
    expect(told(load(text))).toEqual(['error clear_secret credentials.openai-eu.value']);
    expect(told(load(text, { DOMICILE_CREDENTIALS__OPENAI_EU__VALUE: 'from-env' }))).toEqual([]);
  });

  it('are warned about and ignored when they are no key, but for the test tools’ own; empty ones are as none', () => {
    const { settings, problems } = load('self: { region: eu-west }\n', {
      DOMICILE_PORT: 'tcp://10.0.0.1:80',
      DOMICILE_SELF__NMAE: 'x',
      DOMICILE_SERVERS: 'y',
      DOMICILE_SELF__NAME: '',
    });
    expect(problems.map(({ severity, key, line }) => `${severity} ${key} ${line}`)).toEqual([
      'warning DOMICILE_PORT 1',
      'warning DOMICILE_SELF__NMAE 1',
    ]);
    expect(problems[1]?.message).toContain('did you mean DOMICILE_SELF__NAME?');
    expect(settings?.self.name).toBe('sidecar-1');
  });

  it('are named when it is their value that is wrong', () => {
    const { problems } = load('self: { region: eu-west }\n', { DOMICILE_LIMITS__HEADERS: 'many' });
    expect(problems.map(formatProblem)).toEqual([
      'environment:1: DOMICILE_LIMITS__HEADERS: must be a whole number from 1 to 10000, not "many". Fix: write a whole number from 1 to 10000',
    ]);
  });
});

describe('listeners', () => {
  it('take addresses, IPv6 in brackets, any free port, and sockets', () => {
    expect(parseListen('127.0.0.1:0', '/etc')).toEqual({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    expect(parseListen('[::1]:9100', '/etc')).toEqual({ kind: 'tcp', host: '::1', port: 9100 });
    expect(parseListen('unix:/run/s.sock', '/etc')).toEqual({ kind: 'unix', path: '/run/s.sock' });
    for (const wrong of [
      '',
      ':9100',
      '9100',
      '127.0.0.1',
      '127.0.0.1:65536',
      '127.1:80',
      '[::g]:1',
      'unix:',
      'a b:1',
    ]) {
      expect(parseListen(wrong, '/etc'), wrong).toBeTypeOf('string');
    }
  });

  it('are refused off loopback on bare identity, unless the network is declared authenticated', () => {
    for (const open of ['0.0.0.0:0', '10.0.0.1:0', '[::]:0', 'example.org:0']) {
      expect(told(load(listening(open))), open).toEqual(['error unauthenticated_network listeners.storage.listen']);
    }
    for (const local of ['127.0.0.2:0', '[::1]:0', '[::ffff:127.0.0.1]:0', 'localhost:0', 'unix:/tmp/s']) {
      expect(told(load(listening(local))), local).toEqual([]);
    }
    expect(told(load(listening('0.0.0.0:0', 'identity: { allow_unauthenticated_network: true }\n')))).toEqual([]);
  });

  it('may not share an address, and need the files that their TLS names', () => {
    const text = 'self: { region: eu-west }\nops: { listen: "127.0.0.1:8000", tls: { cert: c.pem, key: k.pem } }\n';
    write('config/c.pem', 'x');
    expect(told(load(text))).toEqual(['error unreadable ops.tls.key', 'error address_taken ops.listen']);
  });
});

describe('files', () => {
  it('over 1 MiB are refused before they are read', () => {
    write('policies/large.yaml', Buffer.alloc(10 * 1024 * 1024, 0x20));
    const { problems } = load('self: { region: eu-west }\n');
    expect(problems.map(formatProblem)).toEqual([
      expect.stringContaining('is 10.0 MiB; the limit is 1 MiB. Fix: split it'),
    ]);
  });

  it('may begin with a byte order mark, and are refused as UTF-16', () => {
    expect(told(load('\uFEFFself: { region: eu-west }\n'))).toEqual([]);
    write('policies/utf16.yaml', Buffer.from('\uFEFFpolicies: []', 'utf16le'));
    expect(load('self: { region: eu-west }\n').problems[0]?.message).toBe('is UTF-16, not UTF-8');
  });

  it('nested so deeply that parsing would take minutes are refused at once', () => {
    write('policies/deep.yaml', '['.repeat(1_000_000));
    const start = performance.now();
    expect(told(load('self: { region: eu-west }\n'))).toEqual(['error too_deep']);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('of JSON are read too, and equal keys refused there as well', () => {
    write('policies/a.json', '{"policies": [{"id": "a", "tenant_id": "a", "primary_region": "eu-west"}]}');
    expect(load('self: { region: eu-west }\n').policySet?.policies).toHaveLength(1);
    write('policies/a.json', '{"policies": [{"id": "a", "id": "b", "primary_region": "eu-west"}]}');
    expect(told(load('self: { region: eu-west }\n'))).toEqual(['error duplicate_key id']);
  });

  it('are found in the folder and its grants, not in regimes, tests or examples; another folder is warned about', () => {
    write('policies/a.yaml', policy('a'));
    write('policies/b.yml', policy('b'));
    write('policies/grants/c.yaml', policy('c'));
    for (const name of ['tests/a_test.yaml', 'a_test.yaml', 'notes.txt', 'examples/x.yaml', '.hidden.yaml'])
      write(`policies/${name}`, 'not: ours\n');
    write('policies/teams/x.yaml', 'not: ours\n');
    const loaded = load('self: { region: eu-west }\n');
    expect(loaded.policySet?.policies).toHaveLength(3);
    expect(told(loaded)).toEqual(['warning folder_ignored']);
  });

  it('that are none are named', () => {
    expect(told(load('self: { region: eu-west }\ncatalogue: .\n'))).toEqual(['error not_a_file']);
  });
});

describe('a reload of policies', () => {
  it('parses only what changed, and sees every edit', () => {
    write('policies/a.yaml', policy('a', 'eu-west'));
    write('policies/b.yaml', policy('b', 'us-east'));
    const loader = new PolicyLoader();
    const file = write('config/domicile.yaml', 'self: { region: eu-west }\n');
    const first = loadConfiguration(file, {}, { loader }).policySet;
    const again = loadConfiguration(file, {}, { loader }).policySet;
    expect(again?.policies[0]).toBe(first?.policies[0]);
    write('policies/a.yaml', policy('a', 'us-east'));
    const edited = loadConfiguration(file, {}, { loader }).policySet;
    expect(edited?.policies[0]?.primaryRegion).toBe('us-east');
    expect(edited?.policies[0]?.revision).not.toBe(first?.policies[0]?.revision);
    expect(edited?.policies[1]).toBe(first?.policies[1]);
    write('policies/a.yaml', policy('a', 'mars'));
    expect(loadConfiguration(file, {}, { loader }).policySet).toBeNull();
  });
});
