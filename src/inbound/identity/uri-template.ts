import { FACTS, type Fact, type Verified } from './verified.ts';

/** A URI such as `spiffe://trust/tenant/{tenant}`: where in it the facts stand. */
export interface UriTemplate {
  /** Scheme and authority, `spiffe://trust`. */
  readonly origin: string;
  /** Segments of the path, a literal or the place of a fact. */
  readonly path: readonly (string | { readonly fact: Fact })[];
  readonly namesTenant: boolean;
}

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[A-Za-z0-9._:-]+$/;
/** RFC 3986 §3.3 without percent-encoding: one spelling for one identity. */
const SEGMENT = /^[A-Za-z0-9._~!$&'()*+,;=:@-]+$/;
const PLACEHOLDER = /^\{([a-z]+)\}$/;

/** Reads a template. @returns what is wrong with it, as a string, when it is none */
export function parseUriTemplate(text: string): UriTemplate | string {
  const slash = text.indexOf('/', text.indexOf('://') + 3);
  const origin = slash < 0 ? text : text.slice(0, slash);
  if (!ORIGIN.test(origin)) return 'does not begin with a scheme and a trust domain that are spelled out';
  const path: (string | { fact: Fact })[] = [];
  const seen = new Set<string>();
  for (const segment of slash < 0 ? [] : text.slice(slash + 1).split('/')) {
    const name = PLACEHOLDER.exec(segment)?.[1];
    if (name === undefined) {
      if (!SEGMENT.test(segment))
        return `has the segment "${segment}", which is neither plain text nor one placeholder`;
      path.push(segment);
      continue;
    }
    const fact = FACTS.find((known) => known === name);
    if (fact === undefined) return `has the placeholder ${segment}, which is none of {${FACTS.join('}, {')}}`;
    if (seen.has(fact)) return `has ${segment} twice`;
    seen.add(fact);
    path.push({ fact });
  }
  if (seen.size === 0) return 'has no placeholder';
  return { origin, path, namesTenant: seen.has('tenant') };
}

/** The facts in a URI, or null when it is not of the template. Compared exactly, without any decoding. */
export function matchUri(template: UriTemplate, uri: string): Verified | null {
  const { origin, path } = template;
  if (!uri.startsWith(`${origin}/`)) return null;
  const segments = uri.slice(origin.length + 1).split('/');
  if (segments.length !== path.length) return null;
  const verified: Record<Fact, string | null> = { tenant: null, classification: null, subject: null, user: null };
  for (let i = 0; i < path.length; i++) {
    const wanted = path[i]!;
    const segment = segments[i]!;
    if (typeof wanted === 'string') {
      if (segment !== wanted) return null;
    } else {
      if (!SEGMENT.test(segment)) return null;
      verified[wanted.fact] = segment;
    }
  }
  return verified;
}
