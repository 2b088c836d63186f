import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createToken, firstToken, listTokens, revokeToken } from '../../src/control/auth/tokens.ts';
import { ControlRig } from './rig.ts';

let rig: ControlRig;
const who = { actor: 'test', requestId: 'test' };
const PATH = '/api/v1/policies';
const get = (token: string) => rig.send('GET', PATH, { token });

beforeAll(async () => {
  rig = await ControlRig.start();
});
afterAll(() => rig.stop());
afterEach(() => void vi.useRealTimers());

describe('the first start', () => {
  it('makes one token for the first administrator, once', async () => {
    const fresh = await ControlRig.start();
    const tokens = await Promise.all([firstToken(fresh.store), firstToken(fresh.store)]);
    const made = tokens.filter((token) => token !== null);
    expect(made, 'of two that start at once, one makes it').toHaveLength(1);
    expect(await firstToken(fresh.store), 'and no later start').toBeNull();
    const { status } = await fresh.send('POST', '/api/v1/policies', {
      token: made[0]!,
      body: { tenant_id: 'acme', primary_region: 'eu-west' },
    });
    expect(status, 'it may do anything').toBe(201);
    await fresh.stop();
  });
});

describe('a token', () => {
  it('is 256 random bits that are kept nowhere', async () => {
    const { secret, token } = await createToken(rig.store, who, {
      role: 'viewer',
      tenant: 'acme',
      subject: 'ann',
      lifeMs: null,
    });
    expect(secret).toMatch(/^dom_[A-Za-z0-9_-]{43}$/);
    expect(JSON.stringify(token)).not.toContain(secret);
    const kept = JSON.stringify([
      await rig.store.db.selectFrom('tokens').selectAll().execute(),
      await rig.store.db.selectFrom('history').selectAll().execute(),
    ]);
    expect(kept).not.toContain(secret.slice(4));
    const hashes = await rig.store.db.selectFrom('tokens').select('hash').execute();
    for (const { hash } of hashes) expect((await get(hash)).status, 'a hash is no token').toBe(401);
  });

  it('is over at its end, by the clock of the store', async () => {
    const { secret } = await createToken(rig.store, who, {
      role: 'viewer',
      tenant: 'acme',
      subject: 'ann',
      lifeMs: 60_000,
    });
    expect((await get(secret)).status).toBe(200);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
    const { status, body } = await get(secret);
    expect(status).toBe(401);
    expect(body.detail).toBe('this token is unknown, has expired or was revoked');
  });

  it('is worth nothing from its revocation on', async () => {
    const { secret, token } = await createToken(rig.store, who, {
      role: 'viewer',
      tenant: 'acme',
      subject: 'ann',
      lifeMs: null,
    });
    expect((await get(secret)).status).toBe(200);
    expect(await revokeToken(rig.store, who, token.id)).toMatchObject({ id: token.id, revokedAt: expect.any(Number) });
    expect((await get(secret)).status).toBe(401);
    expect(await revokeToken(rig.store, who, 'tok_none')).toBeNull();
    const listed = await listTokens(rig.store.db);
    expect(listed.find(({ id }) => id === token.id)).toMatchObject({ subject: 'ann', createdBy: 'test' });
    expect(JSON.stringify(listed)).not.toContain('hash');
  });
});

describe('Authorization', () => {
  let good: string;
  beforeAll(async () => {
    good = await rig.token('viewer', 'acme');
  });

  const ask = (authorization: string | readonly string[]) => rig.send('GET', PATH, { headers: { authorization } });

  it('is asked for', async () => {
    const { status, headers, body } = await rig.send('GET', PATH);
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe('Bearer realm="domicile"');
    expect(body.detail).toBe('send a token: Authorization: Bearer TOKEN');
  });

  it('names its scheme in any case of letters', async () => {
    expect((await ask(`bEARER ${good}`)).status).toBe(200);
  });

  it('sent twice proves nothing, even with one token', async () => {
    const { status, body } = await ask([`Bearer ${good}`, `Bearer ${good}`]);
    expect(status).toBe(401);
    expect(body.detail).toContain('more than once');
  });

  it('proves nothing in any other form', async () => {
    const forms = [
      good,
      `Basic ${Buffer.from(`${good}:`).toString('base64')}`,
      `Token ${good}`,
      `Bearer ${good} `.trimEnd() + ' x',
      `Bearer ${good}, Bearer ${good}`,
      `Bearer ${good.slice(0, -1)}`,
      `Bearer ${good}A`,
      `Bearer ${good.toUpperCase()}`,
      'Bearer dom_',
      'Bearer undefined',
      `Bearer ${' '.repeat(8000)}`,
    ];
    for (const form of forms) expect((await ask(form)).status, form.slice(0, 40)).toBe(401);
  });

  it('is not taken from the query', async () => {
    expect((await rig.send('GET', `${PATH}?access_token=${good}`)).status).toBe(401);
  });
});

describe('limits', () => {
  it('tell an address that fails too often to wait, and shut out nobody with a good token', async () => {
    const strict = await ControlRig.start({ settings: { rateLimit: { perMinute: 1000, failedLoginsPerMinute: 3 } } });
    const good = await strict.token('viewer', 'acme');
    const fail = () => strict.send('GET', PATH, { token: 'dom_wrong' });
    for (let i = 0; i < 3; i++) expect((await fail()).status).toBe(401);
    const { status, headers, body } = await fail();
    expect(status).toBe(429);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60);
    expect(headers['content-type']).toContain('application/problem+json');
    expect(body.detail).toContain('too many failed logins from this address');
    expect((await strict.send('GET', PATH, { token: good })).status).toBe(200);
    await strict.stop();
  });

  it('are by principal, not by token', async () => {
    const strict = await ControlRig.start({ settings: { rateLimit: { perMinute: 3, failedLoginsPerMinute: 1000 } } });
    const make = async (subject: string) =>
      (await createToken(strict.store, who, { role: 'viewer', tenant: 'acme', subject, lifeMs: null })).secret;
    const [first, second, other] = await Promise.all([make('ann'), make('ann'), make('bob')]);
    const ask = async (token: string) => (await strict.send('GET', PATH, { token })).status;
    expect([await ask(first!), await ask(second!), await ask(first!)]).toEqual([200, 200, 200]);
    const { status, headers } = await strict.send('GET', PATH, { token: second! });
    expect(status, 'a second token of the same subject is the same caller').toBe(429);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(await ask(other!)).toBe(200);
    expect((await strict.send('GET', '/health')).status, 'health is told without limit').toBe(200);
    await strict.stop();
  });
});
