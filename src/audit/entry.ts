/** What the entries of a log say: one JSON object each, in ASCII, with keys in a fixed order. */

export const KINDS = ['decision', 'outcome', 'control', 'query', 'gap', 'key'] as const;
export type Kind = (typeof KINDS)[number];

/** An entry of at most so many bytes is written; a bundle could hold 65,535. */
export const MAX_ENTRY_BYTES = 16_384;

/** What every entry begins with. `request_id` and `tenant` are empty where there is none. */
interface Common {
  readonly v: 1;
  readonly seq: number;
  /** When it was appended, RFC 3339 in UTC with milliseconds. */
  readonly time: string;
  readonly sidecar: string;
  readonly request_id: string;
  readonly tenant: string;
}

type Effect = 'allow' | 'audit' | 'deny';

/** A change of the control plane, or an attempt at one, and what a process does to its own log. */
export interface ControlEntry extends Common {
  readonly kind: 'control';
  readonly actor: string;
  /** Kind of object, dot, verb in the past: `policy.created`. */
  readonly action: string;
  readonly object: string;
  readonly object_id: string | null;
  readonly revision: number | null;
  readonly outcome: 'done' | 'refused' | 'failed';
  readonly status: number | null;
  readonly detail?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A question that was answered about somebody's data. */
export interface QueryEntry extends Common {
  readonly kind: 'query';
  readonly actor: string;
  readonly action: string;
  readonly subject: string | null;
  readonly user: string | null;
  readonly classification: string | null;
  readonly verb: string | null;
  readonly service: string | null;
  readonly resource: string | null;
  readonly target_region: string | null;
  readonly effect: Effect | null;
  readonly reason: string | null;
  readonly status: number | null;
}

/** What is known not to be in the log. */
export interface GapEntry extends Common {
  readonly kind: 'gap';
  readonly cause: 'unclean_stop' | 'best_effort' | 'unwritable';
  /** Null: not known. */
  readonly lost: number | null;
  readonly refused: number;
  readonly from: string | null;
  readonly to: string | null;
  readonly detail: string;
}

/** Which key signs from here on. */
export interface KeyEntry extends Common {
  readonly kind: 'key';
  readonly action: 'began' | 'handed_over';
  /** Verifier key. */
  readonly key: string;
  readonly previous: string | null;
  /** Base64; by the previous key. */
  readonly signature: string | null;
}

/** One entry of a log. */
export class Entry {
  /** Origin of its log. */
  readonly log: string;
  readonly seq: number;
  /** The entry as it is hashed. */
  readonly text: string;
  #value: Record<string, unknown> | null = null;

  constructor(log: string, seq: number, text: string) {
    this.log = log;
    this.seq = seq;
    this.text = text;
  }

  /** Parsed when it is first asked for. @throws SyntaxError where it is no JSON */
  get value(): Record<string, unknown> {
    return (this.#value ??= JSON.parse(this.text) as Record<string, unknown>);
  }

  /** When it was appended, read without parsing; empty for what begins like no entry. */
  get time(): string {
    const at = this.text.indexOf(TIME_MARK);
    return at < 0 ? '' : this.text.slice(at + TIME_MARK.length, at + TIME_MARK.length + TIME_LENGTH);
  }
}

const TIME_MARK = '"time":"';
/** Of `2026-11-24T15:00:00.123Z`. */
const TIME_LENGTH = 24;
