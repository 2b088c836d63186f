import type { IdentityRules } from '../inbound/facts.ts';
import type { Catalogue } from '../region/catalogue.ts';
import type { Settings } from './config/settings.ts';

/** How identity is read, as configured. @throws TypeError when `self.region` is not in the catalogue: the loader checks */
export function identityRules(settings: Settings, catalogue: Catalogue): IdentityRules {
  const self = catalogue.find(settings.self.region);
  if (self === null) throw new TypeError(`self.region ${settings.self.region} is not in the catalogue`);
  return {
    headers: settings.identity.sources.includes('headers'),
    path: settings.identity.sources.includes('path'),
    trustRegionHeader: settings.identity.trustRegionHeader,
    defaultClassification: settings.classification.default,
    aliases: settings.classification.aliases,
    selfRegion: self.index,
  };
}
