import type { Effect, Reason } from '../../core/reasons.ts';
import type { Service } from '../../core/vocabulary.ts';

/** One command of the demo, and what it shows. */
export interface Scene {
  readonly shows: string;
  /** As a person would type it. */
  readonly shell: string;
  /** The program that `shell` needs. */
  readonly program: 'curl' | 'aws' | 'openai';
  /** The request that `shell` makes; sent as it is where the program is not installed. */
  readonly request: SceneRequest;
  readonly expected: { readonly decision: Effect; readonly reason: Reason; readonly region: string | null };
}

export interface SceneRequest {
  readonly service: Service;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

const IDENTITY = { 'X-Tenant-ID': 'acme', 'X-Data-Classification': 'identity' };
const CONTENT = { 'X-Tenant-ID': 'acme', 'X-Data-Classification': 'content' };
const JSON_BODY = { 'Content-Type': 'application/json' };
const INVOICE = '/invoices/2026/1.txt';
const CLAUDE = 'anthropic.claude-3-5-sonnet-20240620-v1:0';
const CONVERSE = '{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}';
const CHAT = '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}';

const allow = (reason: Reason, region: string) => ({ decision: 'allow', reason, region }) as const;
const deny = (reason: Reason) => ({ decision: 'deny', reason, region: null }) as const;

/** The scenes for listeners at these URLs (`http://127.0.0.1:9100`). */
export function scenes(urls: Readonly<Record<Service, string>>): Scene[] {
  const curl = (
    shows: string,
    expected: Scene['expected'],
    service: Service,
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: string | null = null,
  ): Scene => {
    const request = { service, method, path, headers, body };
    return { shows, expected, program: 'curl', request, shell: curlText(request, urls[service]) };
  };
  return [
    curl(
      'an invoice of acme is stored in Ireland',
      allow('in_residency', 'eu-west'),
      'storage',
      'PUT',
      INVOICE,
      IDENTITY,
      'Invoice 1',
    ),
    curl('and read there', allow('in_residency', 'eu-west'), 'storage', 'GET', INVOICE, IDENTITY),
    curl('without a tenant nothing moves', deny('tenant_missing'), 'storage', 'GET', INVOICE, {}),
    curl('nor for a tenant without a policy', deny('no_policy'), 'storage', 'GET', INVOICE, {
      ...IDENTITY,
      'X-Tenant-ID': 'nobody',
    }),
    curl('the policy does not allow Virginia', deny('region_not_allowed'), 'storage', 'GET', INVOICE, {
      ...IDENTITY,
      'X-Requested-Region': 'us-east',
    }),
    curl('and prohibits Singapore', deny('region_prohibited'), 'storage', 'GET', INVOICE, {
      ...IDENTITY,
      'X-Requested-Region': 'apac-southeast',
    }),
    curl(
      'a caller in Virginia may not read identity data',
      deny('cross_border_restricted'),
      'storage',
      'GET',
      INVOICE,
      {
        ...IDENTITY,
        'X-Region': 'us-east',
      },
    ),
    curl('unless a grant is live for that person', allow('grant', 'eu-west'), 'storage', 'GET', INVOICE, {
      ...IDENTITY,
      'X-Region': 'us-east',
      'X-User-ID': 'support-1',
    }),
    curl(
      'content may be read from abroad',
      allow('cross_border_class', 'eu-west'),
      'storage',
      'GET',
      '/handbook?list-type=2',
      {
        ...CONTENT,
        'X-Region': 'us-east',
      },
    ),
    curl('a copy may not reach for a bucket elsewhere', deny('leak_blocked'), 'storage', 'PUT', '/invoices/copy.txt', {
      ...IDENTITY,
      'x-amz-copy-source': 'arn:aws:s3:us-east-1:123456789012:accesspoint/all/object/1.txt',
    }),
    curl(
      'an order is indexed in Ireland',
      allow('in_residency', 'eu-west'),
      'search',
      'PUT',
      '/orders/_doc/1',
      { ...IDENTITY, ...JSON_BODY },
      '{"total":12}',
    ),
    curl(
      'a search may not reach into another cluster',
      deny('leak_blocked'),
      'search',
      'GET',
      '/us:orders/_search',
      IDENTITY,
    ),
    curl(
      'a model of this region answers',
      allow('in_residency', 'eu-west'),
      'inference',
      'POST',
      `/model/${CLAUDE}/converse`,
      { ...IDENTITY, ...JSON_BODY },
      CONVERSE,
    ),
    curl(
      'a global model could run anywhere',
      deny('leak_blocked'),
      'inference',
      'POST',
      `/model/global.${CLAUDE}/converse`,
      { ...IDENTITY, ...JSON_BODY },
      CONVERSE,
    ),
    curl(
      'a provider that has no European inference is not used',
      deny('no_compliant_region'),
      'inference',
      'POST',
      '/v1/messages',
      { ...IDENTITY, ...JSON_BODY, 'anthropic-version': '2023-06-01' },
      '{"model":"claude-sonnet-4-5","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}',
    ),
    {
      shows: 'the AWS CLI, which sends no headers of ours, says who it is in the path',
      program: 'aws',
      shell: `AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=eu-west-1 aws s3api get-object --endpoint-url ${urls.storage}/t/acme/identity --bucket invoices --key 2026/1.txt /dev/stdout`,
      request: { service: 'storage', method: 'GET', path: `/t/acme/identity${INVOICE}`, headers: {}, body: null },
      expected: allow('in_residency', 'eu-west'),
    },
    {
      shows: 'and so does the OpenAI command line',
      program: 'openai',
      shell: `OPENAI_API_KEY=any OPENAI_BASE_URL=${urls.inference}/t/acme/content/v1 openai api chat.completions.create -m gpt-4o-mini -g user Hello`,
      request: {
        service: 'inference',
        method: 'POST',
        path: '/t/acme/content/v1/chat/completions',
        headers: JSON_BODY,
        body: CHAT,
      },
      expected: allow('in_residency', 'eu-west'),
    },
  ];
}

function curlText({ method, path, headers, body }: SceneRequest, url: string): string {
  const fields = Object.entries(headers).map(([name, value]) => ` -H '${name}: ${value}'`);
  return `curl -i${method === 'GET' ? '' : ` -X ${method}`} '${url}${path}'${fields.join('')}${body === null ? '' : ` -d '${body}'`}`;
}
