import type { JSONWebKeySet } from 'jose';
import type { IdentityRules } from '../inbound/facts.ts';
import { JwtSource } from '../inbound/identity/jwt.ts';
import { parseUriTemplate, type UriTemplate } from '../inbound/identity/uri-template.ts';
import type { Catalogue } from '../region/catalogue.ts';
import type { Settings } from './config/settings.ts';

/**
 * How identity is read, as configured.
 * @param presignKey of signed URLs; null: there are none
 * @param tokens as a source of identity; null: they are none
 * @throws TypeError when `self.region` is not in the catalogue: the loader checks
 */
export function identityRules(
  { self, identity, classification }: Settings,
  catalogue: Catalogue,
  presignKey: Buffer | null,
  tokens: JwtSource | null,
): IdentityRules {
  const region = catalogue.find(self.region);
  if (region === null) throw new TypeError(`self.region ${self.region} is not in the catalogue`);
  const { sources, mtls, trustRegionHeader } = identity;
  return {
    headers: sources.includes('headers'),
    path: sources.includes('path'),
    jwt: tokens,
    mtls: mtls === null ? null : templateOf(mtls.uri),
    presignKey,
    trustRegionHeader,
    defaultClassification: classification.default,
    aliases: classification.aliases,
    selfRegion: region.index,
  };
}

function templateOf(uri: string): UriTemplate {
  const template = parseUriTemplate(uri);
  if (typeof template === 'string') throw new TypeError(`identity.mtls.uri ${template}`);
  return template;
}

/**
 * Tokens as a source of identity, as configured; null: they are none. It remembers what it has verified.
 * @param jwks keys of `identity.jwt.jwks_file`
 */
export function tokenSource({ identity: { jwt } }: Settings, jwks: JSONWebKeySet | null): JwtSource | null {
  if (jwt === null) return null;
  if (jwt.jwksUrl !== null) return new JwtSource({ ...jwt, keys: { url: new URL(jwt.jwksUrl) } });
  if (jwks === null) throw new TypeError('identity.jwt has no keys');
  return new JwtSource({ ...jwt, keys: { jwks } });
}

/** The same for facts that were written down, not sent: no source has to prove them. */
export function writtenIdentity(settings: Settings, catalogue: Catalogue): IdentityRules {
  return identityRules({ ...settings, identity: { ...settings.identity, mtls: null } }, catalogue, null, null);
}
