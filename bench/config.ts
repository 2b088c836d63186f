import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BULK_TENANT, SMALL_TENANTS, type Ports } from './routes.ts';

/** What the generated configuration's `${env:…}` names; Domicile is started with it. */
export const BENCH_ENVIRONMENT = { BENCH_ACCESS_KEY: 'AKIABENCH', BENCH_SECRET_KEY: 'bench-secret' };

export interface ListenPorts {
  readonly storage: number;
  readonly control: number;
  readonly ops: number;
}

/** Writes a whole configuration under `folder`, without policies. Answers the path for `--config`. */
export function writeConfig(folder: string, upstream: Ports, listen: ListenPorts): string {
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
control: { listen: "127.0.0.1:${listen.control}" }
ops: { listen: "127.0.0.1:${listen.ops}" }
credentials:
  bench: { access_key_id: "\${env:BENCH_ACCESS_KEY}", secret_access_key: "\${env:BENCH_SECRET_KEY}" }
log: { level: warn, access: denials }
`,
  );
  writeFileSync(
    join(folder, 'regions.yaml'),
    `regions:\n${region('eu-west', 'eu-west-1', 'IE', 'EU', upstream.quick)}${region('eu-central', 'eu-central-1', 'DE', 'EU', upstream.bulk)}${region('us-east', 'us-east-1', 'US', 'NA', upstream.quick)}`,
  );
  return file;
}

function region(id: string, cloudRegion: string, country: string, geography: string, port: number): string {
  return `  - id: ${id}
    name: ${id}
    cloud_region: ${cloudRegion}
    country: ${country}
    geography: ${geography}
    data_center: loopback
    availability_zones: [${cloudRegion}a]
    status: active
    endpoints:
      storage: { url: "http://127.0.0.1:${port}", signing: { credentials: bench }, bucket: "{bucket}", server_side_encryption: provider }
`;
}

/** Policies of the tenants that the wire bench uses. */
export function writeBenchPolicies(folder: string): void {
  const policies = [...SMALL_TENANTS.map((tenant) => policy(tenant, 'eu-west')), policy(BULK_TENANT, 'eu-central')];
  writeFileSync(join(folder, 'policies', 'bench.yaml'), `policies:\n${policies.join('')}`);
}

/** Policies of `count` tenants, a hundred to a file. */
export function writeManyPolicies(folder: string, count: number): void {
  for (let from = 0; from < count; from += 100) {
    let text = 'policies:\n';
    for (let i = from; i < Math.min(from + 100, count); i++)
      text += policy(`many-${i}`, i % 2 ? 'eu-central' : 'eu-west');
    writeFileSync(join(folder, 'policies', `tenants-${from}.yaml`), text);
  }
}

function policy(tenant: string, primary: string): string {
  return `  - id: ${tenant}-eu
    tenant_id: ${tenant}
    mode: regional
    policy_type: mandatory
    primary_region: ${primary}
    prohibited_regions: [us-east]
    allow_cross_region_failover: true
`;
}
