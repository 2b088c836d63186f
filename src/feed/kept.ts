import { Type } from 'typebox';
import { closed, Shape, tenantId } from '../core/schema.ts';
import type { Chain } from './chain.ts';
import type { TenantDocument, WorldDocument } from './documents.ts';
import { revision, stranger, tenantDocument, worldDocument } from './shapes.ts';

/** What is known of the last good state: what restricts, and nothing that widens. */
export interface Kept {
  /** Everything up to it is taken in. */
  readonly revision: number;
  /** Null: none, or it was announced to be outdated. `revision`: as of which it holds. */
  readonly world: { readonly revision: number; readonly world: WorldDocument } | null;
  readonly documents: readonly TenantDocument[];
  /** Announced to be outdated, and not asked for anew since. */
  readonly stale: readonly string[];
}

/** A line of the file. */
const ENTRY = new Shape(
  Type.Union([
    closed({ type: Type.Literal('world'), revision, world: worldDocument }),
    closed({ type: Type.Literal('document'), document: tenantDocument }),
    closed({
      type: Type.Literal('outdated'),
      revision,
      tenants: Type.Array(tenantId({})),
      all: Type.Boolean(),
      world: Type.Boolean(),
    }),
    closed({ type: Type.Literal('gone'), tenant: tenantId({}) }),
    closed({ type: Type.Literal('at'), revision }),
  ]),
);
export type Entry =
  | { readonly type: 'world'; readonly revision: number; readonly world: WorldDocument }
  | { readonly type: 'document'; readonly document: TenantDocument }
  | {
      readonly type: 'outdated';
      readonly revision: number;
      readonly tenants: readonly string[];
      readonly all: boolean;
      readonly world: boolean;
    }
  | { readonly type: 'gone'; readonly tenant: string }
  | { readonly type: 'at'; readonly revision: number };

const VERSION = 1;

/** The first line: what the file is, and whose. */
export interface Whose {
  /** Of the sidecar, and of the control plane that it is fed by. */
  readonly name: string;
  readonly url: string;
}

/** A file that cannot be believed: why, for people. */
export class Refused extends Error {}

export function header({ name, url }: Whose): string {
  return JSON.stringify({ domicile: 'last good', version: VERSION, name, url });
}

/**
 * What a file says. A last line without its end was never acknowledged, and is left out.
 * @throws Refused
 */
export function read(text: string, whose: Whose, chain: Chain): Kept {
  const lines = text.split('\n');
  const torn = lines.pop();
  if (lines.length === 0) throw new Refused(torn === '' ? 'it is empty' : 'its first line is cut off');
  readHeader(lines[0]!, whose, chain);
  const state = new State();
  for (let i = 1; i < lines.length; i++) {
    const json = chain.verified(lines[i]!);
    if (json === null) throw new Refused(`line ${i + 1} is not signed by us, in this place`);
    const entry: unknown = JSON.parse(json);
    if (!ENTRY.conforms(entry)) throw new Refused(`line ${i + 1} is of no kind that this version knows`);
    state.add(entry);
  }
  return state.kept();
}

function readHeader(line: string, whose: Whose, chain: Chain): void {
  const json = line.slice(line.indexOf(' ') + 1);
  let said: { domicile?: unknown; version?: unknown; name?: unknown; url?: unknown };
  try {
    said = JSON.parse(json) as typeof said;
  } catch {
    throw new Refused('its first line is not that of such a file');
  }
  if (said?.domicile !== 'last good') throw new Refused('its first line is not that of such a file');
  if (said.version !== VERSION) throw new Refused(`it is of version ${String(said.version)}, this is ${VERSION}`);
  if (json !== header(whose))
    throw new Refused(
      `it was written by ${String(said.name)}, fed by ${String(said.url)}; this is ${whose.name}, fed by ${whose.url}`,
    );
  if (chain.verified(line) === null)
    throw new Refused('line 1 is not signed by us: its key is another (a new feed.token?)');
}

/** Entries, one after the other. */
class State {
  #revision = 0;
  #world: Kept['world'] = null;
  readonly #documents = new Map<string, TenantDocument>();
  readonly #stale = new Set<string>();

  add(entry: Entry): void {
    switch (entry.type) {
      case 'world':
        this.#world = { revision: entry.revision, world: entry.world };
        break;
      case 'document':
        this.#put(entry.document);
        break;
      case 'outdated':
        this.#revision = entry.revision;
        if (entry.world) this.#world = null;
        for (const tenant of entry.tenants) this.#outdate(tenant);
        if (entry.all) this.#documents.clear();
        break;
      case 'gone':
        this.#documents.delete(entry.tenant);
        this.#stale.delete(entry.tenant);
        break;
      case 'at':
        this.#revision = entry.revision;
    }
  }

  kept(): Kept {
    return {
      revision: this.#revision,
      world: this.#world,
      documents: [...this.#documents.values()],
      stale: [...this.#stale],
    };
  }

  #put(document: TenantDocument): void {
    const whose = stranger(document);
    if (whose !== null) throw new Refused(`the document of ${document.tenant} holds something of ${whose}`);
    this.#documents.delete(document.tenant);
    this.#documents.set(document.tenant, document);
    this.#stale.delete(document.tenant);
  }

  #outdate(tenant: string): void {
    this.#documents.delete(tenant);
    this.#stale.add(tenant);
  }
}

/** The same as entries. */
export function entries({ revision, world, documents, stale }: Kept): Entry[] {
  const all: Entry[] = documents.map((document) => ({ type: 'document', document: pins(document) }));
  if (world !== null) all.push({ type: 'world', ...world, world: withoutKey(world.world) });
  all.push({ type: 'outdated', revision, tenants: stale, all: false, world: false });
  return all;
}

/** What holds for all, without what makes URLs. */
export function withoutKey(world: WorldDocument): WorldDocument {
  return { ...world, presignKey: '' };
}

/** A document without what widens. */
export function pins({ tenant, revision, policies }: TenantDocument): TenantDocument {
  return { tenant, revision, policies: policies && { ...policies, grants: [], overrides: [] } };
}
