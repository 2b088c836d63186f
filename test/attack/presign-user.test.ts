// A presigned URL says whose object it is for, and nothing of who holds it. Where others must prove who they are, its holder must not be
// whoever a header says: a grant that names somebody would be his for the asking.
import { afterAll, expect, test } from 'vitest';
import { presignSignature } from '../../src/core/presign.ts';
import { JwtSource } from '../../src/inbound/identity/jwt.ts';
import { IdentityHost } from '../inbound/identity-host.ts';
import { TokenIssuer } from './issuer.ts';

const issuer = await TokenIssuer.make();
const KEY = Buffer.alloc(32, 7);
const claims = { tenant: 'tenant', classification: null, subject: null, user: null };
const jwt = new JwtSource({
  issuer: TokenIssuer.ISSUER,
  audience: TokenIssuer.AUDIENCE,
  keys: { jwks: issuer.jwks },
  algorithms: ['ES256'],
  header: 'authorization',
  claims,
});
const proven = await IdentityHost.start({ path: true, jwt, presignKey: KEY });
const open = await IdentityHost.start({ path: true, headers: true, presignKey: KEY });
afterAll(() => Promise.all([proven.stop(), open.stop()]));

const PATH = '/t/acme/identity/bucket/key';
const expires = Math.floor(Date.now() / 1000) + 60;
const target = `${PATH}?X-Domicile-Expires=${expires}&X-Domicile-Signature=${presignSignature(KEY, 'GET', PATH, expires)}`;
const headers = ['X-User-ID', 'ana'];

test('its holder is nobody, whatever the header says', async () => {
  expect((await proven.ask({ target, headers })).claims).toMatchObject({ tenant: 'acme', user: null });
});

test('with a token of the same tenant the header fills in what the token leaves out, as for any other request', async () => {
  const token = ['Authorization', `Bearer ${await issuer.token()}`];
  expect((await proven.ask({ target, headers: [...headers, ...token] })).claims).toMatchObject({ user: 'ana' });
});

test('where headers are believed anyhow, so is this one', async () => {
  expect((await open.ask({ target, headers })).claims).toMatchObject({ tenant: 'acme', user: 'ana' });
});
