import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startInferenceStandIn } from '../../standin/inference.ts';
import { startOpenSearchStandIn } from '../../standin/opensearch.ts';
import { startS3StandIn } from '../../standin/s3.ts';
import type { StandIn } from '../../standin/standin.ts';

/** Three regions on loopback, and the files of a Domicile in front of them. */
export interface DemoWorld {
  /** domicile.yaml, in a temporary folder. */
  readonly config: string;
  readonly env: NodeJS.ProcessEnv;
  readonly regions: readonly DemoRegion[];
  close(): Promise<void>;
}

interface DemoRegion {
  readonly id: string;
  readonly storage: StandIn;
  readonly search: StandIn;
  readonly inference: StandIn;
}

const ACCESS_KEY_ID = 'AKIADEMO';
const SECRET = 'demo-secret-of-the-regional-backends';
const TOKEN = 'sk-demo-of-the-regional-backends';

const FACTS = [
  { id: 'eu-west', name: 'EU West (Ireland)', cloud_region: 'eu-west-1', country: 'IE', geography: 'EU' },
  { id: 'eu-central', name: 'EU Central (Frankfurt)', cloud_region: 'eu-central-1', country: 'DE', geography: 'EU' },
  { id: 'us-east', name: 'US East (Virginia)', cloud_region: 'us-east-1', country: 'US', geography: 'NA' },
] as const;

const HOUR = 3_600_000;

/** Starts the stand-ins and writes the files. @param now milliseconds since the epoch, for the window of the grant */
export async function buildWorld(now: number): Promise<DemoWorld> {
  const regions = await Promise.all(FACTS.map(startRegion));
  const folder = mkdtempSync(join(tmpdir(), 'domicile-demo-'));
  mkdirSync(join(folder, 'policies', 'grants'), { recursive: true });
  mkdirSync(join(folder, 'regimes'));
  const write = (name: string, content: unknown) =>
    writeFileSync(join(folder, name), `${JSON.stringify(content, null, 2)}\n`);
  write('domicile.yaml', {
    self: { region: 'eu-west', name: 'demo' },
    policies: ['policies'],
    regimes: 'regimes',
    state: 'state',
    // The demo plays callers from abroad with X-Region; a real sidecar knows where it is.
    identity: { sources: ['headers', 'path'], trust_region_header: true },
    credentials: {
      backends: { access_key_id: '${env:DEMO_KEY}', secret_access_key: '${env:DEMO_SECRET}', session_token: null },
      models: { header: 'authorization', value: 'Bearer ${env:DEMO_TOKEN}' },
    },
    log: { access: 'all' },
  });
  write('regions.yaml', { regions: [...FACTS.map((facts, i) => written(facts, regions[i]!)), SINGAPORE] });
  write('policies/demo.yaml', { policies: POLICIES });
  write('policies/grants/demo.yaml', {
    grants: [
      {
        id: 'case-4711',
        tenant_id: 'acme',
        user_id: 'support-1',
        classifications: ['identity'],
        verbs: ['access'],
        resource: 'invoices/*',
        from_region: 'eu-west',
        to_region: 'us-east',
        not_before: new Date(now - HOUR).toISOString(),
        not_after: new Date(now + 24 * HOUR).toISOString(),
        reason: 'case 4711',
        approved_by: ['dpo'],
      },
    ],
  });
  return {
    config: join(folder, 'domicile.yaml'),
    env: { ...process.env, DEMO_KEY: ACCESS_KEY_ID, DEMO_SECRET: SECRET, DEMO_TOKEN: TOKEN },
    regions,
    close: async () => {
      await Promise.all(
        regions.flatMap(({ storage, search, inference }) => [storage.close(), search.close(), inference.close()]),
      );
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startRegion({ id, cloud_region: cloudRegion }: (typeof FACTS)[number]): Promise<DemoRegion> {
  const signatory = { cloudRegion, accessKeyId: ACCESS_KEY_ID, secretAccessKey: SECRET };
  const [storage, search, inference] = await Promise.all([
    startS3StandIn({ region: id, ...signatory }),
    startOpenSearchStandIn({ cluster: id }),
    startInferenceStandIn({ signatory, openaiKey: TOKEN, anthropicKey: TOKEN }),
  ]);
  return { id, storage, search, inference };
}

function written(facts: (typeof FACTS)[number], { storage, search, inference }: DemoRegion): unknown {
  return {
    ...facts,
    data_center: 'loopback',
    availability_zones: [],
    endpoints: {
      storage: { url: storage.url, signing: { credentials: 'backends' }, bucket: '{bucket}-{cloud_region}' },
      search: { url: search.url },
      bedrock: { url: inference.url, signing: { credentials: 'backends' } },
      openai: { url: inference.url, credential: 'models' },
      // The provider has no European inference: in Europe it does not process.
      anthropic: {
        url: inference.url,
        credential: 'models',
        ...(facts.geography === 'EU' ? {} : { inference_geo: 'us' }),
      },
    },
  };
}

/** In the catalogue, so that it can be prohibited; nothing runs there. */
const SINGAPORE = {
  id: 'apac-southeast',
  name: 'APAC Southeast (Singapore)',
  cloud_region: 'ap-southeast-1',
  country: 'SG',
  geography: 'APAC',
  data_center: 'none',
  availability_zones: [],
  endpoints: {},
};

const POLICIES = [
  {
    id: 'acme-eu',
    tenant_id: 'acme',
    mode: 'regional',
    primary_region: 'eu-west',
    allowed_regions: ['eu-central'],
    prohibited_regions: ['apac-southeast'],
    allow_cross_region_failover: true,
  },
  { id: 'globex-us', tenant_id: 'globex', mode: 'single-country', primary_region: 'us-east' },
];
