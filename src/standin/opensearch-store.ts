/** A document as it lies in an index. */
export interface StoredDocument {
  readonly id: string;
  readonly version: number;
  readonly sequence: number;
  readonly source: Readonly<Record<string, unknown>>;
}

export interface StoredIndex {
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly documents: Map<string, StoredDocument>;
}

/** An error in OpenSearch's words. */
export class OpenSearchError extends Error {
  readonly status: number;
  readonly type: string;

  constructor(status: number, type: string, reason: string) {
    super(reason);
    this.status = status;
    this.type = type;
  }
}

/** Indices in memory, bounded by the number of documents. */
export class OpenSearchStore {
  readonly indices = new Map<string, StoredIndex>();
  readonly #maxDocuments: number;
  #documents = 0;
  #sequence = 0;

  constructor(maxDocuments: number) {
    this.#maxDocuments = maxDocuments;
  }

  create(name: string, body: Readonly<Record<string, unknown>>): StoredIndex {
    if (this.indices.has(name)) {
      throw new OpenSearchError(400, 'resource_already_exists_exception', `index [${name}] already exists`);
    }
    const index = { name, body, documents: new Map<string, StoredDocument>() };
    this.indices.set(name, index);
    return index;
  }

  drop(index: StoredIndex): void {
    this.indices.delete(index.name);
    this.#documents -= index.documents.size;
  }

  /** The indices of an expression: a list with wildcards and exclusions. Null or `_all`: every index. */
  resolve(expression: string | null): StoredIndex[] {
    if (expression === null || expression === '_all') return [...this.indices.values()];
    const found = new Set<StoredIndex>();
    for (const element of expression.split(',')) {
      if (element.startsWith('-')) for (const index of this.#matching(element.slice(1))) found.delete(index);
      else if (element.includes('*')) for (const index of this.#matching(element)) found.add(index);
      else found.add(this.only(element));
    }
    return [...found];
  }

  /** The index of one name. */
  only(name: string): StoredIndex {
    const index = this.indices.get(name);
    if (index === undefined) throw new OpenSearchError(404, 'index_not_found_exception', `no such index [${name}]`);
    return index;
  }

  /** Stores a document; the index comes to be when it is first written to. */
  put(name: string, id: string, source: Readonly<Record<string, unknown>>, createOnly: boolean): StoredDocument {
    const index = this.indices.get(name) ?? this.create(name, {});
    const before = index.documents.get(id);
    if (before !== undefined && createOnly) {
      const reason = `[${id}]: version conflict, document already exists (current version [${before.version}])`;
      throw new OpenSearchError(409, 'version_conflict_engine_exception', reason);
    }
    if (before === undefined && ++this.#documents > this.#maxDocuments) {
      this.#documents--;
      throw new OpenSearchError(429, 'circuit_breaking_exception', 'the stand-in is full');
    }
    const document = { id, version: (before?.version ?? 0) + 1, sequence: this.#sequence++, source };
    index.documents.set(id, document);
    return document;
  }

  remove(name: string, id: string): StoredDocument | null {
    const documents = this.only(name).documents;
    const before = documents.get(id);
    if (before === undefined) return null;
    documents.delete(id);
    this.#documents--;
    return before;
  }

  #matching(pattern: string): StoredIndex[] {
    const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    const expression = new RegExp(`^${parts.join('.*')}$`);
    return [...this.indices.values()].filter((index) => expression.test(index.name));
  }
}

/** Whether a document answers a query: match_all, match, term, terms, ids, exists and bool, without an analyzer. */
export function matches(query: unknown, document: StoredDocument): boolean {
  if (query === undefined) return true;
  const [kind, body] = Object.entries(objectOf(query))[0] ?? ['match_all', {}];
  switch (kind) {
    case 'match_all':
      return true;
    case 'term':
    case 'match':
      return Object.entries(objectOf(body)).every(([field, wanted]) => {
        const key = kind === 'term' ? 'value' : 'query';
        const value = isObject(wanted) ? wanted[key] : wanted;
        return kind === 'term'
          ? holds(document, field, value)
          : wordsOf(value).some((word) => has(document, field, word));
      });
    case 'terms':
      return Object.entries(objectOf(body)).every(([field, wanted]) =>
        listOf(wanted).some((value) => holds(document, field, value)),
      );
    case 'ids':
      return listOf(objectOf(body)['values']).includes(document.id);
    case 'exists':
      return valuesOf(document, String(objectOf(body)['field'])).length > 0;
    case 'bool':
      return matchesBool(objectOf(body), document);
    default:
      throw new OpenSearchError(400, 'parsing_exception', `unknown query [${kind}]`);
  }
}

function matchesBool(bool: Readonly<Record<string, unknown>>, document: StoredDocument): boolean {
  const should = listOf(bool['should']);
  const needed = [...listOf(bool['must']), ...listOf(bool['filter'])];
  if (!needed.every((query) => matches(query, document))) return false;
  if (listOf(bool['must_not']).some((query) => matches(query, document))) return false;
  return should.length === 0 || needed.length > 0 || should.some((query) => matches(query, document));
}

function holds(document: StoredDocument, field: string, value: unknown): boolean {
  return valuesOf(document, field.replace(/\.keyword$/, '')).some((held) => String(held) === String(value));
}

function has(document: StoredDocument, field: string, word: string): boolean {
  return valuesOf(document, field).some((held) => wordsOf(held).includes(word));
}

function valuesOf(document: StoredDocument, path: string): readonly unknown[] {
  let value: unknown = document.source;
  for (const key of path.split('.')) value = isObject(value) ? value[key] : undefined;
  return listOf(value);
}

function wordsOf(value: unknown): readonly string[] {
  return (
    String(value)
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws OpenSearchError parsing_exception for anything but an object */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw new OpenSearchError(400, 'parsing_exception', 'expected an object');
  return value;
}
