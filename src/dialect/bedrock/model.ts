import { leakBlocked, type Refusal } from '../../core/refusal.ts';
import type { Place } from '../dialect.ts';
import { words } from '../walk.ts';
import { destinationsOf } from './profiles.ts';

/** First segments of bare model ids (docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html). */
const PROVIDERS = words(`
  ai21 amazon anthropic cohere deepseek google luma meta minimax mistral moonshot moonshotai nvidia openai qwen
  stability twelvelabs writer zai`);

/** What the API accepts, without the characters that would end a path segment. */
const ID = /^[A-Za-z0-9][A-Za-z0-9.:/_-]{0,2047}$/;
const BARE = /^[a-z0-9-]+\.[A-Za-z0-9][A-Za-z0-9.:_-]*$/;
/** RFC-less form of AWS: `arn:partition:service:region:account:resource`. */
const ARN = /^arn:[a-z-]+:([a-z-]+):([a-z0-9-]*):(\d{12})?:([a-z-]+)\/(.+)$/;

/** Resources that name no model and no place, so only the operator can know where they run. */
const OPAQUE = words(`
  application-inference-profile custom-model custom-model-deployment imported-model provisioned-model
  prompt prompt-router default-prompt-router endpoint`);

const MESSAGE = 'This model is not permitted.';

export function isModelId(id: string): boolean {
  return ID.test(id);
}

/**
 * A model id, percent-decoded: bare, with a geography prefix, an ARN, or an opaque id (DESIGN 1.9, "Bedrock ids").
 * Null when inference with it stays where the policy allows, else `leak_blocked`.
 */
export function guardModel(id: string, place: Place): Refusal | null {
  if (id.startsWith('arn:')) return guardArn(id, place);
  const first = firstSegment(id);
  const destinations = destinationsOf(first, place.region.cloudRegion);
  if (destinations !== null) return guardProfile(id, first, destinations, place);
  if (first === 'global') return leakBlocked('global_profile', MESSAGE, id);
  if (isBare(id, place) || place.endpoint.arns.includes(id)) return null;
  return leakBlocked('model_unknown', MESSAGE, id);
}

/** Provider that a model id names, without its geography prefix and ARN; null when it does not say. */
export function providerOf(id: string): string | null {
  const name = id.startsWith('arn:') ? id.slice(id.lastIndexOf('/') + 1) : id;
  const segments = name.split('.');
  for (const segment of segments.slice(0, 2)) if (PROVIDERS.has(segment)) return segment;
  return null;
}

/** An account's own resource, such as a guardrail: listed, exactly, by its id or as a whole ARN that is in the region. */
export function isListed(name: string, listed: readonly string[], place: Place): boolean {
  if (!name.startsWith('arn:')) return listed.includes(name);
  const arn = ARN.exec(name);
  if (arn === null || arn[2] !== place.region.cloudRegion) return false;
  return listed.includes(name) || listed.includes(arn[5] as string);
}

function guardArn(id: string, place: Place): Refusal | null {
  const arn = ARN.exec(id);
  if (arn === null) return leakBlocked('model_arn', MESSAGE, id);
  const [, service, region, , kind, name] = arn as unknown as [string, string, string, string, string, string];
  // A foundation model without a region is how a global profile names its models.
  if (region !== place.region.cloudRegion) return leakBlocked('model_arn_region', MESSAGE, id);
  if (service === 'bedrock' && kind === 'foundation-model')
    return isBare(name, place) ? null : leakBlocked('model_unknown', MESSAGE, id);
  if (service === 'bedrock' && kind === 'inference-profile') {
    const prefix = firstSegment(name);
    const destinations = destinationsOf(prefix, region);
    if (destinations !== null) return guardProfile(name, prefix, destinations, place);
    return leakBlocked(prefix === 'global' ? 'global_profile' : 'model_unknown', MESSAGE, id);
  }
  const isKnown = OPAQUE.has(kind) && service === (kind === 'endpoint' ? 'sagemaker' : 'bedrock');
  if (isKnown && isListed(id, place.endpoint.arns, place)) return null;
  return leakBlocked('model_arn', MESSAGE, id);
}

function guardProfile(id: string, prefix: string, destinations: readonly string[], place: Place): Refusal | null {
  if (!isBare(id.slice(prefix.length + 1), place)) return leakBlocked('model_unknown', MESSAGE, id);
  for (const region of destinations) {
    if (!place.mayProcessIn(region)) return leakBlocked('geography_profile', MESSAGE, `${id} may reach ${region}`);
  }
  return null;
}

function isBare(id: string, place: Place): boolean {
  if (!BARE.test(id)) return false;
  const provider = firstSegment(id);
  // A geography is no provider, not even where the endpoint's list has it.
  if (provider === 'global' || destinationsOf(provider, '') !== null) return false;
  return PROVIDERS.has(provider) || place.endpoint.providers.includes(provider);
}

function firstSegment(id: string): string {
  const dot = id.indexOf('.');
  return dot < 0 ? id : id.slice(0, dot);
}
