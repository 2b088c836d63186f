import { IDENTITY_HEADERS } from '../../core/http.ts';
import type { Problem } from '../../core/problem.ts';
import { HOP_BY_HOP } from '../framing.ts';
import { readJwks } from './issuer.ts';
import type { JwtSettings } from './jwt.ts';
import { parseUriTemplate } from './uri-template.ts';

/** What of `identity` concerns verified sources, as far as one key can contradict itself. */
interface IdentitySettings {
  readonly sources: readonly string[];
  readonly jwt: (Pick<JwtSettings, 'header' | 'claims'> & { readonly jwksFile: string | null }) | null;
  readonly mtls: { readonly uri: string } | null;
}

/** Fields that say something else already: the token in them would be taken for it, or it for the token. */
const TAKEN: ReadonlySet<string> = new Set([
  ...IDENTITY_HEADERS,
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'cookie',
  'expect',
  'x-request-id',
  'traceparent',
]);

/** What is wrong with `identity.jwt` and `identity.mtls` themselves. Reads `jwks_file`. */
export function identityProblems({ jwt, mtls }: IdentitySettings): Problem[] {
  const problems: Problem[] = [];
  if (jwt !== null) {
    if (TAKEN.has(jwt.header) || jwt.header.startsWith('x-amz-'))
      problems.push({
        code: 'token_header_taken',
        path: ['identity', 'jwt', 'header'],
        message: `${jwt.header} has a meaning of its own`,
        fix: 'use authorization, or a header such as x-identity-token',
      });
    const fault = jwt.jwksFile === null ? null : faultOf(jwt.jwksFile);
    if (fault !== null)
      problems.push({
        code: 'bad_jwks',
        path: ['identity', 'jwt', 'jwks_file'],
        message: fault,
        fix: 'give the public keys of the issuer as a JWK set, {"keys": [...]}',
      });
  }
  const template = mtls === null ? null : parseUriTemplate(mtls.uri);
  if (typeof template === 'string')
    problems.push({
      code: 'bad_uri_template',
      path: ['identity', 'mtls', 'uri'],
      message: `${mtls!.uri} ${template}`,
      fix: 'write a URI such as spiffe://trust/tenant/{tenant}',
    });
  return problems;
}

function faultOf(file: string): string | null {
  try {
    readJwks(file);
    return null;
  } catch (error) {
    // That a file cannot be read is told for every file alike.
    return 'code' in (error as Error) ? null : (error as Error).message;
  }
}

/**
 * Whether nobody can be served without a token or a certificate that says whose data it is: only then may a listener be
 * reached from a network.
 */
export function provesTenants({ sources, jwt, mtls }: IdentitySettings): boolean {
  if (sources.includes('headers')) return false;
  if (sources.includes('jwt') && jwt !== null && jwt.claims.tenant !== null) return true;
  const template = sources.includes('mtls') && mtls !== null ? parseUriTemplate(mtls.uri) : '';
  return typeof template !== 'string' && template.namesTenant;
}
