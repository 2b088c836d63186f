/** The words a decision is made of (DESIGN 1.4). Everything here is a closed set: what is not in it is refused. */

/** From the most to the least restricted. */
export const CLASSIFICATIONS = ['identity', 'transactional', 'operational', 'content', 'analytical'] as const;
export type Classification = (typeof CLASSIFICATIONS)[number];

export const VERBS = ['store', 'process', 'access', 'delete', 'admin'] as const;
export type Verb = (typeof VERBS)[number];

export const SERVICES = ['storage', 'search', 'inference'] as const;
export type Service = (typeof SERVICES)[number];

export const DIALECTS = ['s3', 'opensearch', 'bedrock', 'openai', 'anthropic'] as const;
export type DialectId = (typeof DIALECTS)[number];

/** The dialects that each service's listener speaks. */
export const DIALECTS_OF: Readonly<Record<Service, readonly DialectId[]>> = {
  storage: ['s3'],
  search: ['opensearch'],
  inference: ['bedrock', 'openai', 'anthropic'],
};

export const SERVICE_OF: Readonly<Record<DialectId, Service>> = {
  s3: 'storage',
  opensearch: 'search',
  bedrock: 'inference',
  openai: 'inference',
  anthropic: 'inference',
};

export const MODES = ['single-country', 'regional', 'hybrid', 'fully-sovereign', 'client-owned'] as const;
export type Mode = (typeof MODES)[number];

export const STATUSES = ['active', 'draining', 'inactive'] as const;
export type RegionStatus = (typeof STATUSES)[number];

/** Classes whose inference state, tools and file sources are refused (DESIGN 1.9). */
export function isGuarded(classification: Classification): boolean {
  return classification === 'identity' || classification === 'transactional' || classification === 'operational';
}
