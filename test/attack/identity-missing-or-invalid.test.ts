// DESIGN 1.3 and 1.5 step 1: who does not say whose data it is, or says it in a way that could be read as another, is refused
// before anything is decided, and the first fact that fails is the one that is named.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const target = '/reports/key';

test.each([
  ['nothing at all', { tenant: null, classification: null }, 'tenant_missing'],
  ['no class', { classification: null }, 'classification_missing'],
  ['an empty class', { classification: '' }, 'classification_missing'],
  ['spaces for a class', { classification: '   ' }, 'classification_missing'],
  ['an unknown class', { classification: 'public' }, 'classification_invalid'],
  ['a class in capitals', { classification: 'CONTENT' }, 'classification_invalid'],
  ['a class with a parameter', { classification: 'content; q=1' }, 'classification_invalid'],
  ['an alias that the file does not know', { classification: 'Educational' }, 'classification_invalid'],
  ['a class of the prototype', { classification: '__proto__' }, 'classification_invalid'],
  ['a tenant of dots', { tenant: '..' }, 'tenant_invalid'],
  ['a tenant with a slash', { tenant: 'acme/../globex' }, 'tenant_invalid'],
  ['a tenant that is encoded', { tenant: 'acme%00' }, 'tenant_invalid'],
  ['a tenant in quotes', { tenant: '"acme"' }, 'tenant_invalid'],
  ['a tenant with a colon', { tenant: 'acme:globex' }, 'tenant_invalid'],
  ['a tenant beyond ASCII', { tenant: 'acm\u00e9' }, 'tenant_invalid'],
  ['a tenant of 129 characters', { tenant: 'a'.repeat(129) }, 'tenant_invalid'],
  ['a tenant that is an object', { tenant: '{"$ne":null}' }, 'tenant_invalid'],
] as const)('%s is refused', async (_, identity, reason) => {
  await world.refuses({ target, ...identity }, { reason });
  await world.refuses({ service: 'search', target: '/notes/_search', ...identity }, { reason });
});

test('the first that fails is named, whatever else is wrong', async () => {
  const region = { 'X-Requested-Region': 'nowhere' };
  const ids = { 'X-Subject-ID': 'a b' };
  await world.refuses({ target, tenant: '?', classification: '?', headers: region }, { reason: 'tenant_invalid' });
  await world.refuses({ target, classification: '?', headers: region }, { reason: 'classification_invalid' });
  await world.refuses({ target, headers: { ...region, ...ids } }, { reason: 'region_unknown' });
  await world.refuses({ target: '/', headers: ids }, { reason: 'request_malformed' });
  await world.refuses({ target: '/', tenant: 'nobody' }, { reason: 'operation_not_permitted' });
});

test.each(['X-Subject-ID', 'X-Learner-ID', 'X-User-ID', 'X-Residency-Grant'])(
  'a %s that is none is refused',
  async (name) => {
    for (const value of ['a b', 'a\tb', '\u00e9', 'a'.repeat(257)]) {
      await world.refuses({ target, headers: { [name]: value } }, { reason: 'request_malformed' });
    }
  },
);

test.each(['X_Tenant_ID', 'X-Tenant_ID', 'X-TenantID', 'Tenant-ID', 'X-Tenant', 'HTTP_X_TENANT_ID', 'X-Tenant-ID-'])(
  '%s is no tenant',
  async (name) => {
    await world.refuses({ target, tenant: null, headers: { [name]: 'acme' } }, { reason: 'tenant_missing' });
  },
);
