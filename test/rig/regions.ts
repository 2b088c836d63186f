import type { Written } from './domicile.ts';

export interface RegionUrls {
  readonly storage?: string;
  readonly search?: string;
  /** One server that speaks all three inference dialects. */
  readonly inference?: string;
}

/** Credentials of the stand-ins. */
export const ACCESS_KEY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
export const SETTINGS_CREDENTIALS = {
  upstream: { access_key_id: '${env:UPSTREAM_KEY}', secret_access_key: '${env:UPSTREAM_SECRET}', session_token: null },
  openai: { header: 'authorization', value: 'Bearer ${env:OPENAI_KEY}' },
  anthropic: { header: 'x-api-key', value: '${env:ANTHROPIC_KEY}' },
};
export const ENV = {
  UPSTREAM_KEY: ACCESS_KEY.accessKeyId,
  UPSTREAM_SECRET: ACCESS_KEY.secretAccessKey,
  OPENAI_KEY: 'sk-upstream-openai',
  ANTHROPIC_KEY: 'sk-upstream-anthropic',
};

const FACTS: Readonly<Record<string, Written>> = {
  'eu-west': { name: 'EU West', cloud_region: 'eu-west-1', country: 'IE', geography: 'EU' },
  'eu-central': { name: 'EU Central', cloud_region: 'eu-central-1', country: 'DE', geography: 'EU' },
  'us-east': { name: 'US East', cloud_region: 'us-east-1', country: 'US', geography: 'NA' },
};

/** A region of the catalogue whose endpoints are the given servers. `id` is eu-west, eu-central or us-east. */
export function regionAt(id: string, urls: RegionUrls, more: Written = {}): Written {
  const endpoints: Written = {};
  if (urls.storage !== undefined) {
    endpoints['storage'] = {
      url: urls.storage,
      signing: { credentials: 'upstream' },
      bucket: '{bucket}-{cloud_region}',
    };
  }
  if (urls.search !== undefined) endpoints['search'] = { url: urls.search };
  if (urls.inference !== undefined) {
    endpoints['bedrock'] = { url: urls.inference, signing: { credentials: 'upstream' } };
    endpoints['openai'] = { url: urls.inference, credential: 'openai' };
    endpoints['anthropic'] = { url: urls.inference, credential: 'anthropic', processing: true };
  }
  return { id, data_center: 'test', availability_zones: [], ...FACTS[id], endpoints, ...more };
}
