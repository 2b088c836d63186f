import { asciiJson, quoted } from '../audit/ascii.ts';
import type { ControlEntry, QueryEntry } from '../audit/entry.ts';
import { MAX_ENTRY_BYTES } from '../audit/entry.ts';
import { pseudonym, type PseudonymField } from '../audit/pseudonym.ts';
import type { ChangeFact } from '../store/witness.ts';
import { sha256 } from './approval/ids.ts';
import type { QueryFacts, RefusalFacts } from './context.ts';
import { dataOf } from './evidence-data.ts';

/** How people and resources are named in entries; null: by their names. */
export type Pseudonyms = { readonly key: string; readonly fields: readonly PseudonymField[] } | null;

/** Characters of an id or a detail, which others choose: with each of them escaped both still fit. */
const LONGEST = 1024;

/** Characters of a resource. */
const RESOURCE_LENGTH = 2048;

/** Bytes of an entry's beginning, which the log writes: `{"v":1,"kind":…,"seq":…,"time":…,`. */
const BEGINNING = 128;

/** What is said of a `control` entry but for its object's data. */
export type ControlFacts = Omit<ControlEntry, 'v' | 'kind' | 'seq' | 'time' | 'sidecar' | 'object'>;

/**
 * Texts of the entries of the control plane, from `sidecar` to the closing brace: one JSON object in ASCII, at most
 * 16 KiB. Data that does not fit is replaced by its SHA-256.
 */
export class ControlEntries {
  readonly #sidecar: string;
  readonly #pseudonyms: Pseudonyms;

  constructor(sidecar: string, pseudonyms: Pseudonyms) {
    this.#sidecar = sidecar;
    this.#pseudonyms = pseudonyms;
  }

  /** Of a change of the store. @param detail why it failed */
  change(fact: ChangeFact, outcome: 'done' | 'failed', detail?: string): string {
    const { kind, id, tenant, action, actor, requestId, revision } = fact;
    const data = dataOf(fact);
    return this.control({
      request_id: requestId,
      tenant: tenant ?? '',
      actor,
      action: `${kind}.${action}`,
      object_id: kind === 'record' ? this.#hidden('resource', tenant, id) : id,
      revision,
      outcome,
      status: null,
      ...(detail === undefined ? {} : { detail }),
      ...(data === null ? {} : { data: this.#withoutNames(tenant, data) }),
    });
  }

  refusal({ requestId, tenant, actor, action, objectId, status, title, detail, data }: RefusalFacts): string {
    const id =
      action.startsWith('record.') && objectId !== null ? this.#hidden('resource', tenant, objectId) : objectId;
    return this.control({
      request_id: requestId,
      tenant: tenant ?? '',
      actor,
      action,
      object_id: id,
      revision: null,
      outcome: 'refused',
      status,
      // It may name whom or what it is about.
      detail: this.#pseudonyms === null ? `${title}: ${detail}` : title,
      data: this.#withoutNames(tenant, data),
    });
  }

  control(facts: ControlFacts): string {
    const { request_id, tenant, actor, action, object_id, revision, outcome, status, detail, data } = facts;
    const object = action.slice(0, action.indexOf('.'));
    const told = {
      actor,
      action,
      object,
      object_id: object_id && cut(object_id),
      revision,
      outcome,
      status,
      ...(detail === undefined ? {} : { detail: cut(detail) }),
    };
    const beginning = this.#begun(request_id, tenant, told);
    if (data === undefined) return `${beginning}}`;
    const text = asciiJson(data);
    const fits = beginning.length + text.length <= MAX_ENTRY_BYTES - BEGINNING;
    return `${beginning},"data":${fits ? text : asciiJson({ sha256: sha256(text), cut: true })}}`;
  }

  query(facts: QueryFacts): string {
    const { tenant, subject = null, resource = null } = facts;
    const told = {
      actor: facts.actor,
      action: facts.action,
      subject: subject && this.#hidden('subject', tenant, subject),
      user: facts.user ?? null,
      classification: facts.classification ?? null,
      verb: facts.verb ?? null,
      service: facts.service ?? null,
      resource: resource && cut(this.#hidden('resource', tenant, resource), RESOURCE_LENGTH),
      target_region: facts.targetRegion ?? null,
      effect: facts.effect ?? null,
      reason: facts.reason ?? null,
      status: facts.status,
    } satisfies Partial<QueryEntry>;
    return `${this.#begun(facts.requestId, tenant ?? '', told)}}`;
  }

  /** Without the closing brace. */
  #begun(requestId: string, tenant: string, told: object): string {
    const common = `"sidecar":${quoted(this.#sidecar)},"request_id":${quoted(requestId)},"tenant":${quoted(tenant)}`;
    return `${common},${asciiJson(told).slice(1, -1)}`;
  }

  /** An object's data with pseudonyms for people and resources. */
  #withoutNames(tenant: string | null, data: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    if (this.#pseudonyms === null) return data;
    const hide = (key: string, value: unknown): unknown => {
      const field = FIELDS[key];
      if (field === undefined) return value;
      if (Array.isArray(value)) return value.map((each) => hide(key, each));
      return typeof value === 'string' ? this.#hidden(field, tenant, value) : value;
    };
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, hide(key, value)] as const));
  }

  #hidden(field: PseudonymField, tenant: string | null, value: string): string {
    if (this.#pseudonyms === null || !this.#pseudonyms.fields.includes(field)) return value;
    return pseudonym(this.#pseudonyms.key, field, tenant ?? '', value);
  }
}

/** What of an entry's data names a person or a resource, or may. */
const FIELDS: Readonly<Record<string, PseudonymField>> = {
  subjects: 'subject',
  subject_id: 'subject',
  resource: 'resource',
  data_id: 'resource',
  unknown_path: 'resource',
};

/** What is longer than can be told ends in its SHA-256. */
function cut(text: string, length = LONGEST): string {
  return text.length <= length ? text : `${text.slice(0, length)} … sha256:${sha256(text)}`;
}
