// A token holds for its audience and in its time, and whoever holds one of another tenant, or of no tenant, holds nothing here.
import { afterAll, test } from 'vitest';
import { TokenIssuer } from './issuer.ts';
import { headWith, startWorld } from './world.ts';

const issuer = await TokenIssuer.make();
const { jwt, done } = issuer.settings({ claims: { user: 'sub', classification: 'data.class' } });
afterAll(done);
const world = await startWorld({ settings: { identity: { sources: ['jwt', 'path'], jwt } } });
const now = Math.floor(Date.now() / 1000);
const nobody = { tenant: null, classification: null };
const bearer = async (claims: Record<string, unknown> = {}) => ({
  Authorization: `Bearer ${await issuer.token(claims)}`,
});

test.each([
  ['expired', { exp: now - 31 }],
  ['not valid yet', { nbf: now + 3600 }],
  ['without an end', { exp: undefined }],
  ['of nobody', { sub: undefined }],
  ['for another audience', { aud: 'other' }],
  ['for no audience', { aud: undefined }],
  ['of another issuer', { iss: 'https://issuer.test' }],
  ['of no issuer', { iss: undefined }],
  ['without a tenant', { tenant: undefined }],
  ['with an empty tenant', { tenant: '' }],
  ['with two tenants', { tenant: ['acme', 'globex'] }],
])('a token that is %s is refused', async (_, claims) => {
  await world.refuses(
    { target: '/reports/key', headers: await bearer(claims) },
    { reason: 'identity_unauthenticated' },
  );
});

test('no token at all is refused, what headers and path say or not', async () => {
  await world.refuses({ target: '/reports/key' }, { reason: 'identity_unauthenticated' });
  await world.refuses({ target: '/t/acme/identity/reports/key', ...nobody }, { reason: 'identity_unauthenticated' });
});

test.each([
  ['a header of another tenant', { target: '/reports/key', tenant: 'globex' }],
  ['a tenant in other letters', { target: '/reports/key', tenant: 'Acme' }],
  ['a path of another tenant', { target: '/t/globex/identity/reports/key', ...nobody }],
  ['an encoded path of another tenant', { target: '/t/%67lobex/identity/reports/key', ...nobody }],
])('a token of one tenant with %s is refused', async (_, attack) => {
  await world.refuses({ ...attack, headers: await bearer() }, { reason: 'header_conflict' });
});

test('a header that lowers the class or names another person is refused', async () => {
  const headers = await bearer({ data: { class: 'identity' } });
  await world.refuses({ target: '/reports/key', classification: 'content', headers }, { reason: 'header_conflict' });
  await world.refuses(
    { target: '/reports/key', headers: { ...headers, 'X-User-ID': 'support-1' } },
    { reason: 'header_conflict' },
  );
});

test('the tenant of the token decides, not where a header would have it', async () => {
  await world.refuses(
    { target: '/reports/key', tenant: null, headers: await bearer({ tenant: 'globex' }) },
    { reason: 'cross_border_restricted' },
  );
  await world.forwards(
    { target: '/reports/key', tenant: null, headers: await bearer() },
    { region: 'eu-west', reason: 'in_residency' },
  );
});

test('two tokens are none', async () => {
  const [acme, globex] = [await issuer.token(), await issuer.token({ tenant: 'globex' })];
  for (const lines of [
    `Authorization: Bearer ${acme}\r\nAuthorization: Bearer ${globex}\r\n`,
    `Authorization: Bearer ${acme}\r\nauthorization: Bearer ${acme}\r\n`,
    `Authorization: Basic eDp5\r\nAuthorization: Bearer ${acme}\r\n`,
  ]) {
    const answers = await world.sendBytes('storage', headWith(lines));
    expectConflict(answers);
  }
  await world.refuses(
    { target: '/reports/key', headers: { Authorization: `Bearer ${acme}, Bearer ${globex}` } },
    { reason: 'identity_unauthenticated' },
  );
});

test('a token that Connection names is not read', async () => {
  await world.refuses(
    { target: '/reports/key', headers: { ...(await bearer()), Connection: 'authorization' } },
    { reason: 'request_malformed' },
  );
});

function expectConflict(answers: readonly { status: number; headers: readonly string[] }[]): void {
  const [answer] = answers;
  const at = answer?.headers.indexOf('x-residency-reason') ?? -1;
  if (answer?.status !== 400 || answer.headers[at + 1] !== 'header_conflict')
    throw new Error(`not refused as a conflict: ${JSON.stringify(answers)}`);
}
