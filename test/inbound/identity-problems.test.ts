import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { identityProblems, provesTenants } from '../../src/inbound/identity/problems.ts';
import { TokenIssuer } from '../attack/issuer.ts';

const CLAIMS = { tenant: 'tenant', classification: null, subject: null, user: null };
const JWT = { header: 'authorization', claims: CLAIMS, jwksFile: null };
const MTLS = { uri: 'spiffe://trust/tenant/{tenant}' };
const NONE = { sources: ['headers'], jwt: null, mtls: null };

test('nothing is wrong with what is fine, or not there', () => {
  expect(identityProblems(NONE)).toEqual([]);
  expect(identityProblems({ sources: ['jwt', 'mtls'], jwt: JWT, mtls: MTLS })).toEqual([]);
  for (const header of ['x-identity-token', 'x-api-key', 'x-goog-iap-jwt-assertion'])
    expect(identityProblems({ ...NONE, jwt: { ...JWT, header } })).toEqual([]);
});

test.each(['x-tenant-id', 'x-user-id', 'host', 'connection', 'content-type', 'x-request-id', 'x-amz-security-token'])(
  'a token in %s is a problem',
  (header) => {
    expect(identityProblems({ ...NONE, jwt: { ...JWT, header } })).toEqual([
      {
        code: 'token_header_taken',
        path: ['identity', 'jwt', 'header'],
        message: `${header} has a meaning of its own`,
        fix: 'use authorization, or a header such as x-identity-token',
      },
    ]);
  },
);

test('a form of URIs that is none is a problem that says why', () => {
  expect(identityProblems({ ...NONE, mtls: { uri: 'spiffe://trust/{team}' } })).toMatchObject([
    {
      code: 'bad_uri_template',
      path: ['identity', 'mtls', 'uri'],
      message: expect.stringContaining('spiffe://trust/{team} has the placeholder {team}, which is none of {tenant}'),
    },
  ]);
});

test('a key file that holds no public keys is a problem; one that is not there is told elsewhere', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'domicile-jwks-'));
  try {
    const jwksFile = join(folder, 'jwks.json');
    const problems = () => identityProblems({ ...NONE, jwt: { ...JWT, jwksFile } });
    expect(problems()).toEqual([]);
    writeFileSync(jwksFile, '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}');
    expect(problems()).toMatchObject([{ code: 'bad_jwks', path: ['identity', 'jwt', 'jwks_file'] }]);
    writeFileSync(jwksFile, '-----BEGIN PRIVATE KEY-----');
    expect(problems()).toMatchObject([{ message: `${jwksFile} is not JSON` }]);
    writeFileSync(jwksFile, JSON.stringify((await TokenIssuer.make()).jwks));
    expect(problems()).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.each([
  [['jwt'], JWT, null, true],
  [['mtls'], null, MTLS, true],
  [['jwt', 'mtls'], { ...JWT, claims: { ...CLAIMS, tenant: null } }, MTLS, true],
  [['jwt', 'path'], JWT, null, true],
  [['jwt', 'headers'], JWT, null, false],
  [['mtls', 'headers'], null, MTLS, false],
  [['jwt'], { ...JWT, claims: { ...CLAIMS, tenant: null } }, null, false],
  [['mtls'], null, { uri: 'spiffe://trust/user/{user}' }, false],
  [['mtls'], null, { uri: 'nonsense' }, false],
  [['path'], JWT, MTLS, false],
  [['headers', 'path'], null, null, false],
])('sources %j prove whose data it is, or do not', (sources, jwt, mtls, proven) => {
  expect(provesTenants({ sources, jwt, mtls })).toBe(proven);
});
