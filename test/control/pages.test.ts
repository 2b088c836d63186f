import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putPolicy } from '../../src/store/policies.ts';
import type { SidecarState } from '../../src/control/context.ts';
import { ControlRig } from './rig.ts';

const sidecar = (name: string): SidecarState => ({
  name,
  worker: null,
  region: 'eu-west',
  version: '1.0.0',
  address: 'unix',
  revision: 7,
  lagRevisions: 2,
  lagMs: 12.5,
  connectedAt: 1_000,
  refused: null,
});

let rig: ControlRig;
const ids = Array.from({ length: 23 }, (_, i) => `${'Bb_-.:a'[i % 7]}${i}`.replace(/^[_.:-]/, 'c$&'));

beforeAll(async () => {
  const inFiles = ids.filter((_, i) => i % 3 === 0);
  const lines = inFiles.map(
    (id) => `  - { id: "${id}", tenant_id: acme, subject_id: "${id}", primary_region: eu-west }`,
  );
  rig = await ControlRig.start({
    policies: `policies:\n${lines.join('\n')}\n`,
    world: { sidecars: () => ['c', 'a', 'b'].map(sidecar) },
  });
  const token = await rig.token('operator', 'acme');
  for (const id of ids.filter((_, i) => i % 3 !== 0)) {
    const body = { id, subject_id: id, primary_region: 'eu-west' };
    expect((await rig.send('POST', '/api/v1/policies', { token, body })).status).toBe(201);
  }
});
afterAll(() => rig.stop());

async function everyPage(path: string, limit: number, between: () => Promise<void> = async () => {}) {
  const token = await rig.token('operator');
  const items: { id: string; name: string }[] = [];
  let sizes: number[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const { status, body } = await rig.send('GET', `${path}limit=${limit}${cursor && `&cursor=${cursor}`}`, { token });
    expect(status).toBe(200);
    items.push(...body.items);
    sizes = [...sizes, body.items.length];
    cursor = body.next_cursor;
    await between();
  }
  return { items, sizes };
}

describe('pages', () => {
  it.each([1, 2, 5, 22, 23, 24, 200])(
    'of files and store together hold everything once, in order: %i',
    async (limit) => {
      const { items, sizes } = await everyPage('/api/v1/policies?tenant_id=acme&', limit);
      expect(items.map(({ id }) => id)).toEqual([...ids].sort());
      expect(Math.max(...sizes)).toBeLessThanOrEqual(limit);
      expect(sizes.at(-1), 'no page is empty').toBeGreaterThan(0);
    },
  );

  it('hold 50 unless told', async () => {
    const { body } = await rig.send('GET', '/api/v1/policies', { token: await rig.token('viewer', 'acme') });
    expect(body.items).toHaveLength(23);
    expect(body.next_cursor).toBeNull();
  });

  it('skip nothing when something is added or taken away between them', async () => {
    let added = 0;
    const { items } = await everyPage('/api/v1/policies?tenant_id=acme&', 4, async () => {
      const who = { actor: 'test', requestId: 'test' };
      const { body } = await rig.send('GET', '/api/v1/policies/a13', { token: await rig.token('viewer', 'acme') });
      const { revision: _r, source: _s, created_at: _c, updated_at: _u, ...entry } = body;
      const id = `A${++added}`;
      await rig.store.change(who, (change) => putPolicy(change, { ...entry, id, subject_id: id }));
    });
    expect(items.map(({ id }) => id).filter((id) => ids.includes(id))).toEqual([...ids].sort());
  });

  it('are of sidecars too', async () => {
    const { items } = await everyPage('/api/v1/sidecars?', 2);
    expect(items.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(items[0]).toMatchObject({ region: 'eu-west', revision: 7, lag_ms: 12.5, lag_revisions: 2, refused: null });
    expect(items[0]).toMatchObject({ connected_since: '1970-01-01T00:00:01.000Z' });
  });
});

describe('an ETag', () => {
  it('spares who has it the body', async () => {
    const token = await rig.token('viewer', 'acme');
    const path = '/api/v1/policies/a13';
    const { etag } = await rig.send('GET', path, { token });
    for (const known of [etag, `W/${etag}`, `"0", ${etag}`]) {
      const { status, text, headers } = await rig.send('GET', path, { token, headers: { 'if-none-match': known } });
      expect(status).toBe(304);
      expect(text).toBe('');
      expect(headers['etag']).toBe(etag);
    }
    expect((await rig.send('GET', path, { token, headers: { 'if-none-match': '"0"' } })).status).toBe(200);
  });
});
