import type { Registry } from '../control/registry.ts';
import type { FeedSource } from '../feed/source.ts';
import type { Store } from '../store/store.ts';
import type { StoredUses, UseAsked } from '../store/uses.ts';

/** What the feed tells: files and store together, and whose uses it counts. */
export function feedSource(store: Store, registry: Registry, uses: StoredUses): FeedSource {
  return {
    revision: () => store.revision(),
    world: () => registry.worldDocument(),
    bundles: (tenants) => registry.tenantDocuments(tenants),
    touchedSince: (revision) => store.touchedSince(revision),
    onRevision: (listener) => store.onRevision(listener),
    take: (grants) => uses.take(grants.map((id) => asked(registry, id))),
    addUses: (counts) => uses.add(counts),
    // A beat vouches for what was handed out.
    now: () => registry.mustBeCurrent().then(() => store.now()),
  };
}

/** What a file says of a grant. One that no file has is looked up in the store, which does not know it unless it is there. */
function asked(registry: Registry, id: string): UseAsked {
  const grant = registry.fileGrant(id);
  return grant ?? { id, maxUses: 0, notBefore: 0, notAfter: 0 };
}
