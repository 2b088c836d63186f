import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RULES } from '../../src/control/auth/authorize.ts';
import { ROLES, type Role } from '../../src/control/principal.ts';
import { ROUTES } from '../../src/control/routes/all.ts';
import { ControlRig, type Sent } from './rig.ts';

/** As the contract says it ("Principals"), and not as the code does. */
const ALL: readonly Role[] = ROLES;
const OPERATORS: readonly Role[] = ['operator', 'admin'];
const AUDITORS: readonly Role[] = ['auditor', 'admin'];

interface Row {
  readonly roles: readonly Role[];
  /** Whose: one tenant's, nobody's (and then for those without a tenant scope only), everybody's to read. */
  readonly whose: 'tenant' | 'world' | 'shared';
  /** Statuses that say: it was permitted. The objects are shared by all rows, so several may do. */
  readonly ok: readonly number[];
  /** What another tenant gets that names an object of this one. Default 404. `empty`: a list without it. */
  readonly other?: 'empty';
  readonly params?: () => Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: () => unknown;
  readonly headers?: Sent['headers'];
}

let policyId = '';
let requestId = '';
let grantId = '';
let overrideId = '';

const DATA = encodeURIComponent('bucket/key');
const STALE = { 'if-match': '"999999"' };
const policy = { params: () => ({ policy_id: policyId }) };
const policyRows = (base: string): Readonly<Record<string, Row>> => ({
  [`GET ${base}`]: { roles: ALL, whose: 'tenant', ok: [200], other: 'empty' },
  [`POST ${base}`]: {
    roles: OPERATORS,
    whose: 'tenant',
    ok: [201, 409],
    body: () => ({ tenant_id: 'acme', subject_id: `s-${base.length}`, primary_region: 'eu-west' }),
  },
  [`GET ${base}/{policy_id}`]: { roles: ALL, whose: 'tenant', ok: [200], ...policy },
  [`PUT ${base}/{policy_id}`]: {
    roles: OPERATORS,
    whose: 'tenant',
    ok: [412],
    ...policy,
    body: () => ({ primary_region: 'eu-west' }),
    headers: STALE,
  },
  [`DELETE ${base}/{policy_id}`]: { roles: OPERATORS, whose: 'tenant', ok: [412], ...policy, headers: STALE },
  [`GET ${base}/{policy_id}/history`]: { roles: ALL, whose: 'tenant', ok: [200], ...policy },
});

const request = { params: () => ({ request_id: requestId }) };
const override = { params: () => ({ override_id: overrideId }) };
const region = { params: () => ({ region_id: 'ap-new' }) };

/** Every path but health, which takes no token. */
const ROWS: Readonly<Record<string, Row>> = {
  'GET /api/v1/regions': { roles: ALL, whose: 'shared', ok: [200] },
  'POST /api/v1/regions': {
    roles: OPERATORS,
    whose: 'world',
    ok: [200],
    body: () => ({ id: 'ap-new', cloud_region: 'ap-new-1', country: 'SG' }),
  },
  'GET /api/v1/regions/{region_id}': { roles: ALL, whose: 'shared', ok: [200], ...region },
  'PUT /api/v1/regions/{region_id}': {
    roles: OPERATORS,
    whose: 'world',
    ok: [412],
    ...region,
    body: () => ({ name: 'x' }),
    headers: STALE,
  },
  'DELETE /api/v1/regions/{region_id}': { roles: OPERATORS, whose: 'world', ok: [412], ...region, headers: STALE },
  'POST /api/v1/regions/{region_id}/activate': { roles: OPERATORS, whose: 'world', ok: [409], ...region },
  'POST /api/v1/regions/{region_id}/drain': { roles: OPERATORS, whose: 'world', ok: [409], ...region },
  ...policyRows('/api/v1/policies'),
  ...policyRows('/api/v1/residency/policies'),
  'POST /api/v1/data/classify': {
    roles: OPERATORS,
    whose: 'tenant',
    ok: [200],
    body: () => ({ tenant_id: 'acme', data_id: 'bucket/key', classification_level: 'identity' }),
  },
  'GET /api/v1/data/{data_id}/classification': {
    roles: ALL,
    whose: 'tenant',
    ok: [200],
    params: () => ({ data_id: DATA }),
    query: '?tenant_id=acme',
  },
  'POST /api/v1/access/resolve': {
    roles: ALL,
    whose: 'tenant',
    ok: [200],
    body: () => ({ tenant_id: 'acme', operation_type: 'read', data_classification: 'identity' }),
  },
  'POST /api/v1/access/request': {
    roles: ['requester', 'admin'],
    whose: 'tenant',
    ok: [201],
    body: () => ({
      tenant_id: 'acme',
      data_id: 'data-456',
      target_region: 'us-east',
      access_type: 'read',
      reason: 'support case',
    }),
  },
  'GET /api/v1/access/requests': { roles: ALL, whose: 'tenant', ok: [200], other: 'empty' },
  'GET /api/v1/access/requests/{request_id}': { roles: ALL, whose: 'tenant', ok: [200], ...request },
  'POST /api/v1/access/approve': {
    roles: ['approver'],
    whose: 'tenant',
    ok: [200, 409],
    body: () => ({ request_id: requestId, approved: true, reason: 'as discussed' }),
  },
  'POST /api/v1/access/revoke': {
    roles: ['requester', 'approver', 'admin'],
    whose: 'tenant',
    ok: [200, 409],
    body: () => ({ grant_id: grantId, reason: 'over' }),
  },
  'GET /api/v1/access/grants': { roles: ALL, whose: 'tenant', ok: [200], other: 'empty' },
  'GET /api/v1/access/grants/{grant_id}': {
    roles: ALL,
    whose: 'tenant',
    ok: [200],
    params: () => ({ grant_id: grantId }),
  },
  'POST /api/v1/emergency/override': {
    roles: ['breakglass', 'admin'],
    whose: 'tenant',
    ok: [201],
    body: () => ({ tenant_id: 'acme', reason: 'region is down', source_region: 'eu-west', target_region: 'us-east' }),
  },
  'GET /api/v1/emergency/overrides': { roles: ALL, whose: 'tenant', ok: [200], other: 'empty' },
  'GET /api/v1/emergency/overrides/{override_id}': { roles: ALL, whose: 'tenant', ok: [200], ...override },
  'POST /api/v1/emergency/overrides/{override_id}/approve': {
    roles: ['approver'],
    whose: 'tenant',
    ok: [200, 409],
    ...override,
    body: () => ({ approved: true, reason: 'as discussed' }),
  },
  'POST /api/v1/emergency/overrides/{override_id}/revoke': {
    roles: ['approver', 'breakglass', 'admin'],
    whose: 'tenant',
    ok: [200, 409],
    ...override,
    body: () => ({ reason: 'over' }),
  },
  'POST /api/v1/emergency/overrides/{override_id}/review': {
    roles: ['approver'],
    whose: 'tenant',
    ok: [200, 409],
    ...override,
    body: () => ({ outcome: 'justified' }),
  },
  'POST /api/v1/storage/presign': {
    roles: ['requester', 'operator', 'admin'],
    whose: 'tenant',
    ok: [200],
    body: () => ({
      tenant_id: 'acme',
      bucket: 'bucket',
      key: 'key',
      operation: 'get',
      data_classification: 'identity',
    }),
  },
  'GET /api/v1/audit/access-logs/{tenant_id}': {
    roles: AUDITORS,
    whose: 'tenant',
    ok: [200],
    params: () => ({ tenant_id: 'acme' }),
  },
  'GET /api/v1/audit/violations': { roles: AUDITORS, whose: 'tenant', ok: [200], other: 'empty' },
  'GET /api/v1/access/audit': { roles: AUDITORS, whose: 'tenant', ok: [200], other: 'empty' },
  'GET /api/v1/audit/reports': { roles: AUDITORS, whose: 'tenant', ok: [200], query: '?tenant_id=acme' },
  'GET /api/v1/sidecars': { roles: OPERATORS, whose: 'world', ok: [200] },
  'GET /api/v1/webhooks': { roles: OPERATORS, whose: 'world', ok: [200] },
};

let rig: ControlRig;
let outcomes = 0;

beforeAll(async () => {
  rig = await ControlRig.start();
  const operator = await rig.token('operator');
  const send = async (role: Role, path: string, body: unknown) =>
    (await rig.send('POST', path, { token: await rig.token(role, 'acme', role), body })).body;
  // One person of each role: a requester revokes its own.
  for (const role of ROLES) for (const tenant of ['acme', 'other', null]) await rig.token(role, tenant, role);
  await rig.token('approver', 'acme', 'second-approver');
  policyId = (await send('operator', '/api/v1/policies', { primary_region: 'eu-west' })).id;
  await rig.send('POST', '/api/v1/policies', {
    token: operator,
    body: { tenant_id: 'other', primary_region: 'eu-west' },
  });
  await rig.send('POST', '/api/v1/regions', { token: operator, body: ROWS['POST /api/v1/regions']!.body!() });
  await send('operator', '/api/v1/data/classify', { data_id: 'bucket/key', classification_level: 'identity' });
  const ask = { data_id: 'data-456', target_region: 'us-east', access_type: 'read', reason: 'support case' };
  const granted = (await send('requester', '/api/v1/access/request', ask)).request_id;
  const approval = { request_id: granted, approved: true, reason: 'as discussed' };
  grantId = (await send('approver', '/api/v1/access/approve', approval)).grant_id;
  requestId = (await send('requester', '/api/v1/access/request', ask)).request_id;
  const emergency = { reason: 'region is down', source_region: 'eu-west', target_region: 'us-east' };
  overrideId = (await send('breakglass', '/api/v1/emergency/override', emergency)).override_id;
  for (const id of [policyId, requestId, grantId, overrideId]) expect(id, 'there are objects to ask for').toBeTruthy();
});
afterAll(async () => {
  console.log(`role × path × tenant: ${outcomes} outcomes`);
  await rig.stop();
});

const declared = ROUTES.filter(({ action }) => action !== null);

it('every path has its row, and every row its path', () => {
  expect(Object.keys(ROWS).sort()).toEqual(declared.map(({ method, path }) => `${method} ${path}`).sort());
});

it('every path has an action of the table, and every action a path', () => {
  const used = new Set(declared.map(({ action }) => action as string));
  expect([...used].sort()).toEqual(Object.keys(RULES).sort());
});

it('health alone is open to everybody', () => {
  const open = ROUTES.filter(({ action }) => action === null).map(({ path }) => path);
  expect(open).toEqual(['/health', '/health/db', '/health/regions']);
});

describe.each(Object.entries(ROWS))('%s', (name, row) => {
  const [method = '', path = ''] = name.split(' ');
  const send = async (token: string | null) => {
    const filled = path.replaceAll(/\{([a-z_]+)\}/g, (_, key: string) => row.params!()[key] as string);
    const body = row.body === undefined ? {} : { body: row.body() };
    return rig.send(method, filled + (row.query ?? ''), { token, ...body, headers: row.headers ?? {} });
  };

  it('takes a token', async () => {
    expect((await send(null)).status).toBe(401);
    expect((await send('dom_wrong')).status).toBe(401);
    outcomes += 2;
  });

  it.each(ROLES)('%s', async (role) => {
    for (const tenant of ['other', 'acme', null]) {
      const { status, body, text } = await send(await rig.token(role, tenant, role));
      outcomes++;
      const whom = `${role} of ${tenant ?? 'all tenants'}: ${text.slice(0, 300)}`;
      const permitted = row.roles.includes(role) && (row.whose !== 'world' || tenant === null);
      if (!permitted) expect(status, whom).toBe(403);
      else if (row.whose === 'tenant' && tenant === 'other' && row.other === undefined) expect(status, whom).toBe(404);
      else expect(row.ok, `${status} for ${whom}`).toContain(status);
      if (permitted && row.other === 'empty' && tenant === 'other') {
        expect(
          body.items.every((item: Record<string, string>) => (item['tenant_id'] ?? item['tenant']) === 'other'),
          whom,
        ).toBe(true);
        const named = await rig.send(method, `${path}?tenant_id=acme`, { token: await rig.token(role, tenant, role) });
        expect(named.status, 'naming it is no better').toBe(404);
      }
    }
  });
});
