import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Proof } from '../control/evidence.ts';
import { People } from '../control/people.ts';

/**
 * Auditors copy the folder of evidence and keep it for years, so whoever reads it must not come by anything that proves
 * who somebody is, or that opens anything.
 */
describe('the folder of evidence', () => {
  let proof: Proof;
  let people: People;
  beforeAll(async () => {
    proof = await Proof.open();
    people = await People.open({
      journal: proof.log,
      settings: { webhooks: [{ url: new URL('http://127.0.0.1:9/'), secret: 'whsec-of-the-webhook', events: [] }] },
    });
  });
  afterAll(async () => {
    await people.close();
    await proof.close();
  });

  it('holds no token, no hash of one, no key, and no URL that opens anything', async () => {
    const secrets = ['not-so-secret', 'whsec-of-the-webhook', people.rig.context.registry.presignKey];
    const token = await people.rig.token('admin', null, 'root');
    const viewer = await people.rig.token('viewer', 'acme', 'ann');
    const wrong = `dom_${'B'.repeat(43)}`;
    secrets.push(token, viewer, wrong);
    const rows = await people.store.db.selectFrom('tokens').select('hash').execute();
    secrets.push(...rows.map(({ hash }) => hash));
    const send = (method: string, path: string, body?: unknown, as = token) =>
      people.rig.send(method, `/api/v1${path}`, { token: as, ...(body === undefined ? {} : { body }) });
    await send('GET', '/policies', undefined, wrong);
    await send('GET', `/policies?token=${wrong}`, undefined, wrong);
    await send('POST', '/policies', { tenant_id: 'initech', primary_region: 'eu-west' }, viewer);
    await send('POST', '/policies', { tenant_id: 'initech', primary_region: 'eu-west' });
    const credentials = { storage: { url: 'http://127.0.0.1:9', signing: { credentials: 'aws' } } };
    const region = { id: 'mars', name: 'Mars', cloud_region: 'mars-1', country: 'FR', endpoints: credentials };
    expect((await send('POST', '/regions', region)).status).toBe(201);
    const object = { tenant_id: 'acme', bucket: 'b', key: 'k', data_classification: 'identity' };
    for (const via of ['direct', 'proxy']) {
      const { url } = (await send('POST', '/storage/presign', { ...object, via })).body;
      const [, signature] = /Signature=([^&]+)/.exec(url) ?? [];
      secrets.push(signature!);
    }
    const files = readdirSync(proof.log.folder, { recursive: true, withFileTypes: true }).filter((file) =>
      file.isFile(),
    );
    const texts = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1')).join('\n');
    expect(texts).toContain('"action":"storage.presigned"');
    expect(texts).toContain('"action":"region.created"');
    expect(texts).toContain('"action":"login.failed"');
    expect(secrets.every((secret) => secret.length > 8)).toBe(true);
    expect(secrets.filter((secret) => texts.includes(secret))).toEqual([]);
  });
});
