import { expect, test } from 'vitest';
import { Refusal } from '../../src/core/refusal.ts';
import { readClaims, together, type Claims, type IdentityRules } from '../../src/inbound/facts.ts';
import { JwtSource } from '../../src/inbound/identity/jwt.ts';
import { parseUriTemplate, type UriTemplate } from '../../src/inbound/identity/uri-template.ts';
import { NOBODY, type Verified } from '../../src/inbound/identity/verified.ts';
import { CATALOGUE, RULES } from './identity-host.ts';

const jwt = (tenant: string | null) =>
  new JwtSource({
    issuer: 'i',
    audience: 'a',
    algorithms: ['ES256'],
    header: 'authorization',
    keys: { jwks: { keys: [] } },
    claims: { tenant, classification: 'class', subject: null, user: 'sub' },
  });
const TENANTS = { ...RULES, jwt: jwt('tenant') };
const PEOPLE = { ...RULES, jwt: jwt(null) };
const said = (facts: Partial<Verified>): Verified => ({ ...NOBODY, ...facts });
const ACME = said({ tenant: 'acme', classification: 'identity', subject: 's1', user: 'u1' });

function read(rules: IdentityRules, verified: Verified, headers: Record<string, string>, target = '/b/k') {
  const flat = Object.entries(headers).flat();
  return readClaims({ method: 'GET', target, headers: flat }, rules, CATALOGUE, verified);
}

function reasonOf(read: Claims | Refusal): string | null {
  return read instanceof Refusal ? read.reason : null;
}

test('what is verified is what counts, without a header', () => {
  expect(read(TENANTS, ACME, {})).toMatchObject({
    tenant: 'acme',
    classification: 'identity',
    subject: 's1',
    user: 'u1',
  });
});

test('headers that say the same may be there, a class by its alias too', () => {
  const headers = {
    'x-tenant-id': 'acme',
    'x-data-classification': 'educational',
    'x-learner-id': 's1',
    'x-user-id': 'u1',
  };
  expect(read(TENANTS, ACME, headers)).toMatchObject({ tenant: 'acme', classification: 'identity', subject: 's1' });
  expect(read({ ...TENANTS, headers: true }, ACME, headers)).toMatchObject({ tenant: 'acme' });
});

test.each([
  ['x-tenant-id', 'globex'],
  ['x-tenant-id', 'ACME'],
  ['x-tenant-id', 'no tenant'],
  ['x-data-classification', 'content'],
  ['x-data-classification', 'nothing'],
  ['x-subject-id', 's2'],
  ['x-learner-id', 's2'],
  ['x-user-id', 'u2'],
])('a header %s: %s that contradicts it is refused, whether or not headers are a source', (name, value) => {
  for (const headers of [true, false])
    expect(reasonOf(read({ ...TENANTS, headers }, ACME, { [name]: value }))).toBe('header_conflict');
});

test('what is not verified may come from a header', () => {
  const token = said({ tenant: 'acme' });
  const headers = { 'x-data-classification': 'content', 'x-subject-id': 's1', 'x-user-id': 'u1' };
  expect(read(TENANTS, token, headers)).toMatchObject({
    tenant: 'acme',
    classification: 'content',
    subject: 's1',
    user: 'u1',
  });
});

test('but not the tenant, where tokens name it: it takes more than a token of anybody', () => {
  const token = said({ user: 'u1' });
  const headers = { 'x-tenant-id': 'globex', 'x-data-classification': 'content' };
  expect(reasonOf(read(TENANTS, token, headers))).toBe('tenant_missing');
  expect(read({ ...TENANTS, headers: true }, token, headers)).toMatchObject({ tenant: 'globex' });
  expect(read(PEOPLE, token, headers)).toMatchObject({ tenant: 'globex', user: 'u1' });
});

test('headers alone are nobody where they are no source', () => {
  const headers = { 'x-tenant-id': 'acme', 'x-data-classification': 'content' };
  expect(reasonOf(read(TENANTS, NOBODY, headers))).toBe('tenant_missing');
  expect(reasonOf(read(PEOPLE, NOBODY, headers))).toBe('tenant_missing');
});

test('a path may only agree with what is verified', () => {
  const rules = { ...TENANTS, path: true };
  expect(read(rules, ACME, {}, '/t/acme/identity/b/k')).toMatchObject({ tenant: 'acme', target: '/b/k' });
  expect(read(rules, ACME, {}, '/t/acme/educational/b/k')).toMatchObject({ classification: 'identity' });
  expect(read(rules, said({ tenant: 'acme' }), {}, '/t/acme/content/b/k')).toMatchObject({ classification: 'content' });
  expect(reasonOf(read(rules, ACME, {}, '/t/globex/identity/b/k'))).toBe('header_conflict');
  expect(reasonOf(read(rules, ACME, {}, '/t/%67lobex/identity/b/k'))).toBe('header_conflict');
  expect(reasonOf(read(rules, ACME, {}, '/t/acme/content/b/k'))).toBe('header_conflict');
  expect(read(rules, ACME, {}, '/b/k')).toMatchObject({ tenant: 'acme', target: '/b/k' });
});

test('a class that nobody names is the default one, or refused', () => {
  const token = said({ tenant: 'acme' });
  expect(reasonOf(read(TENANTS, token, {}))).toBe('classification_missing');
  expect(read({ ...TENANTS, defaultClassification: 'identity' }, token, {})).toMatchObject({
    classification: 'identity',
  });
});

test('verified values are judged like any other, in the same order', () => {
  const all = { tenant: '../acme', classification: 'nothing', subject: 'a b', user: 'ü' };
  expect(reasonOf(read(TENANTS, said(all), {}))).toBe('tenant_invalid');
  expect(reasonOf(read(TENANTS, said({ ...all, tenant: 'acme' }), {}))).toBe('classification_invalid');
  const asking = { 'x-requested-region': 'nowhere' };
  expect(reasonOf(read(TENANTS, said({ ...ACME, subject: 'a b' }), asking))).toBe('region_unknown');
  expect(reasonOf(read(TENANTS, said({ ...ACME, subject: 'a b' }), {}))).toBe('request_malformed');
  expect(reasonOf(read(TENANTS, said({ ...ACME, user: 'ü' }), {}))).toBe('request_malformed');
});

test('an identity header that is repeated is a conflict, whatever is verified', () => {
  const head = { method: 'GET', target: '/b/k', headers: ['x-tenant-id', 'acme', 'x-tenant-id', 'acme'] };
  expect(reasonOf(readClaims(head, TENANTS, CATALOGUE, ACME))).toBe('header_conflict');
});

test('two verified sources add up, and may not contradict each other', () => {
  expect(together(NOBODY, ACME, TENANTS)).toBe(ACME);
  expect(together(ACME, NOBODY, TENANTS)).toBe(ACME);
  expect(together(said({ tenant: 'acme' }), said({ classification: 'content', user: 'u1' }), TENANTS)).toEqual(
    said({ tenant: 'acme', classification: 'content', user: 'u1' }),
  );
  expect(together(ACME, said({ classification: 'educational' }), TENANTS)).toEqual(ACME);
  for (const other of [{ tenant: 'globex' }, { classification: 'content' }, { subject: 's2' }, { user: 'u2' }])
    expect(together(ACME, said(other), TENANTS)).toBeNull();
});

test('certificates that name the tenant are as strict as tokens that do', () => {
  const rules = { ...RULES, mtls: parseUriTemplate('spiffe://trust/tenant/{tenant}') as UriTemplate };
  const people = { ...RULES, mtls: parseUriTemplate('spiffe://trust/user/{user}') as UriTemplate };
  const headers = { 'x-tenant-id': 'globex', 'x-data-classification': 'content' };
  expect(reasonOf(read(rules, said({ tenant: 'acme' }), headers))).toBe('header_conflict');
  expect(read(people, said({ user: 'u1' }), headers)).toMatchObject({ tenant: 'globex', user: 'u1' });
});
