import { detached } from '../../core/text.ts';
import type { Naming } from './naming.ts';
import { leakBlocked, malformed, notPermitted, type Refusal } from '../../core/refusal.ts';

/**
 * An index expression as a path or a body has it: `a,b*,-bc*`, `_all`, `<logs-{now/d}>`; decoded, not yet expanded.
 * `resources` are its elements without the exclusions, a date-math element as the wildcard of what it can become.
 */
export interface IndexExpression {
  readonly resources: readonly string[];
  /** Null: nothing wrong. A `leak_blocked` one still lists `resources`, for the decision that comes first. */
  readonly refusal: Refusal | null;
  /** It is `_all`: every index that the cluster has. */
  readonly all: boolean;
}

/** What OpenSearch forbids in a name (create-index, "Index naming restrictions"), and `%` and `+`, which two decoders may
 *  read in two ways. `*` is judged apart. */
const FORBIDDEN = /[\\/?"<>|#:%+\p{C}\p{Z}]/u;
/**
 * Date math that can only become a name with its own static text around a date: no quotes (`{now{'any-name'}}` is any
 * name), no `:` (a remote, or a time zone that cannot be told from one), no escape.
 */
const DATE_MATH =
  /^<([a-z0-9_.-]*)((?:\{now[a-zA-Z0-9/+-]*(?:\{[a-zA-Z0-9_.-]+(?:\|[a-zA-Z0-9_/+-]+)?\})?\}[a-z0-9_.-]*)+)>$/;
const DATE = /\{now[^{}]*(?:\{[^{}]*\})?\}/g;
/** Backing indices of data streams: the one kind of hidden index that is a user's own. */
const DATA_STREAM = '.ds-';
const LONGEST = 255;

/** Expressions found good, so that each is looked through once. Bounded: past it, they are looked through each time. */
const GOOD = { one: new Map<string, IndexExpression>(), many: new Map<string, IndexExpression>() };
const GOOD_MAX = 4096;

/**
 * @param takes `one`: exactly one name, as for a document; `many`: a list with wildcards
 */
export function judgeExpression(text: string, takes: 'one' | 'many'): IndexExpression {
  const good = GOOD[takes];
  const known = good.get(text);
  if (known !== undefined) return known;
  const own = detached(text);
  const judged = judge(own, takes);
  if (judged.refusal === null && good.size < GOOD_MAX) good.set(own, judged);
  return judged;
}

function judge(text: string, takes: 'one' | 'many'): IndexExpression {
  if (text === '_all' && takes === 'many') return { resources: ['_all'], refusal: null, all: true };
  const resources: string[] = [];
  let refusal: Refusal | null = null;
  const elements = text.split(',');
  if (takes === 'one' && elements.length > 1) refusal = malformed('One index must be named here, not a list.');
  for (let i = 0; i < elements.length; i++) {
    let element = elements[i]!;
    const exclusion = i > 0 && element.charCodeAt(0) === 0x2d;
    if (exclusion) element = element.slice(1);
    const fault = faultOf(element, takes);
    // What does not parse is named before what leaks.
    if (fault !== null && (refusal === null || refusal.reason === 'leak_blocked')) refusal = fault;
    if (!exclusion) resources.push(element.startsWith('<') ? element.slice(1, -1).replace(DATE, '*') : element);
  }
  return { resources, refusal, all: false };
}

function faultOf(element: string, takes: 'one' | 'many'): Refusal | null {
  if (element === '') return malformed('An index name is empty.');
  if (element.includes(':')) {
    return leakBlocked('remote_cluster', 'The request names an index of another cluster.', element);
  }
  if (element.charCodeAt(0) === 0x3c) {
    return DATE_MATH.test(element)
      ? hiddenFault(element.slice(1))
      : malformed('Date math of this form is not supported.');
  }
  if (FORBIDDEN.test(element)) return malformed('An index name holds a character that it must not.');
  if (/^[_+-]/.test(element)) return malformed('An index name starts with a character that it must not.');
  if (Buffer.byteLength(element) > LONGEST) return malformed('An index name is too long.');
  if (takes === 'one' && element.includes('*')) return malformed('One index must be named here, not a wildcard.');
  return hiddenFault(element);
}

/** Hidden indices hold the cluster's own state: users, models, connectors, saved objects. */
function hiddenFault(element: string): Refusal | null {
  return element.charCodeAt(0) === 0x2e && !element.startsWith(DATA_STREAM)
    ? notPermitted('Hidden and system indices are not served.', element)
    : null;
}

/** The expression with every name and wildcard as the cluster has it. */
export function expandExpression(text: string, naming: Naming): string {
  const elements = text.split(',');
  for (let i = 0; i < elements.length; i++) {
    const element = elements[i]!;
    if (i > 0 && element.charCodeAt(0) === 0x2d) elements[i] = `-${around(element.slice(1), naming)}`;
    else elements[i] = around(element, naming);
  }
  return elements.join(',');
}

function around(element: string, naming: Naming): string {
  return element.charCodeAt(0) === 0x3c ? `<${naming.physical(element.slice(1, -1))}>` : naming.physical(element);
}
