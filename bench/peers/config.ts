import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REGIONS, type Region, TENANT, TENANTS, UNSIGNED_TENANT } from './map.ts';

/** What the generated configuration's `${env:…}` names; Domicile is started with it. */
export const BENCH_ENVIRONMENT = {
  BENCH_ACCESS_KEY: 'AKIABENCH',
  BENCH_SECRET_KEY: 'bench-secret',
  BENCH_API_KEY: 'bench-key',
};

export interface ListenPorts {
  readonly storage: number;
  readonly search: number;
  readonly inference: number;
  readonly control: number;
  readonly ops: number;
}

/** Writes a whole configuration under `folder`, without policies. Answers the path for `--config`. */
export function writeConfig(folder: string, upstream: number, listen: ListenPorts): string {
  mkdirSync(join(folder, 'policies'), { recursive: true });
  mkdirSync(join(folder, 'regimes'), { recursive: true });
  const file = join(folder, 'domicile.yaml');
  writeFileSync(
    file,
    `self: { region: eu-west, name: bench }
catalogue: regions.yaml
policies: [policies]
regimes: regimes
state: state
listeners:
  storage: { listen: "127.0.0.1:${listen.storage}" }
  search: { listen: "127.0.0.1:${listen.search}" }
  inference: { listen: "127.0.0.1:${listen.inference}" }
control: { listen: "127.0.0.1:${listen.control}" }
ops: { listen: "127.0.0.1:${listen.ops}" }
credentials:
  bench: { access_key_id: "\${env:BENCH_ACCESS_KEY}", secret_access_key: "\${env:BENCH_SECRET_KEY}" }
  openai: { header: authorization, value: "Bearer \${env:BENCH_API_KEY}" }
log: { level: warn, access: denials }
`,
  );
  const signed = 'signing: { credentials: bench }, ';
  const regions = [
    region('eu-west', 'eu-west-1', 'IE', 'EU', upstream, signed),
    region('eu-central', 'eu-central-1', 'DE', 'EU', upstream, signed),
    region('eu-north', 'eu-north-1', 'SE', 'EU', upstream, ''),
    region('us-east', 'us-east-1', 'US', 'NA', upstream, signed),
    region('ca-central', 'ca-central-1', 'CA', 'NA', upstream, signed),
  ];
  writeFileSync(join(folder, 'regions.yaml'), `regions:\n${regions.join('')}`);
  return file;
}

function region(
  id: string,
  cloudRegion: string,
  country: string,
  geography: string,
  upstream: number,
  signing: string,
): string {
  const url = `url: "http://127.0.0.1:${upstream}"`;
  return `  - id: ${id}
    name: ${id}
    cloud_region: ${cloudRegion}
    country: ${country}
    geography: ${geography}
    data_center: loopback
    availability_zones: [${cloudRegion}a]
    status: active
    endpoints:
      storage: { ${url}, ${signing}bucket: "{bucket}", server_side_encryption: provider }
      search: { ${url} }
      openai: { ${url}, credential: openai }
`;
}

/** Policies of the tenants that loads name. */
export function writeBenchPolicies(folder: string): void {
  const policies = TENANTS.map((tenant, i) => policy(tenant, REGIONS[i % REGIONS.length]!));
  policies.push(policy(UNSIGNED_TENANT, 'eu-north'));
  writeFileSync(join(folder, 'policies', 'bench.yaml'), `policies:\n${policies.join('')}`);
  mkdirSync(join(folder, 'policies', 'grants'));
  const window = 'not_before: 2020-01-01T00:00:00Z, not_after: 2099-01-01T00:00:00Z';
  const widening = `from_region: ${REGIONS[TENANTS.indexOf(TENANT) % REGIONS.length]}, to_region: ca-central, ${window}`;
  writeFileSync(
    join(folder, 'policies', 'grants', 'bench.yaml'),
    `grants:\n  - { id: bench, tenant_id: ${TENANT}, user_id: bench, ${widening}, reason: bench, approved_by: [bench] }\n`,
  );
}

/** Policies of `count` tenants, a hundred to a file. */
export function writeManyPolicies(folder: string, count: number): void {
  for (let from = 0; from < count; from += 100) {
    let text = 'policies:\n';
    for (let i = from; i < Math.min(from + 100, count); i++) text += policy(`many-${i}`, REGIONS[i % REGIONS.length]!);
    writeFileSync(join(folder, 'policies', `tenants-${from}.yaml`), text);
  }
}

function policy(tenant: string, primary: Region | 'eu-north'): string {
  return `  - id: ${tenant}-eu
    tenant_id: ${tenant}
    mode: regional
    policy_type: mandatory
    primary_region: ${primary}
    prohibited_regions: [us-east]
    allow_cross_region_failover: true
`;
}
