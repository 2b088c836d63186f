import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Registry } from '../../src/control/registry.ts';
import { feedSource } from '../../src/app/feed-source.ts';
import { StoredUses } from '../../src/store/uses.ts';
import { Home } from '../store/homes.ts';
import { files } from './files.ts';

/** Several control planes on one store are given new files one after the other. */
const LOOSE = { id: 'acme-file', tenant_id: 'acme', primary_region: 'eu-west', allowed_regions: ['us-east'] };
const STRICT = { id: 'acme-file', tenant_id: 'acme', primary_region: 'eu-west' };

describe('one whose files are not the ones loaded last', () => {
  let home: Home;
  beforeAll(async () => {
    home = await Home.start('SQLite' as never);
  });
  afterAll(() => home.stop());

  it('hands nothing out and vouches for nothing, until it has loaded the same', async () => {
    const place = await home.place();
    const [first, second] = [await place.store(), await place.store()];
    const a = await Registry.open(first, files({ policies: [LOOSE] }));
    const b = await Registry.open(second, files({ policies: [LOOSE] }));
    const source = feedSource(second, b, new StoredUses(second));
    expect((await b.tenantDocument('acme')).policies!.policies[0]!.allowedRegions).toEqual(['us-east']);
    await source.now();
    await a.reload(files({ policies: [STRICT] }));
    const refusal = 'another control plane has loaded other files';
    await expect(b.tenantDocument('acme')).rejects.toThrow(refusal);
    await expect(b.worldDocument()).rejects.toThrow(refusal);
    await expect(source.now()).rejects.toThrow(refusal);
    expect((await a.tenantDocument('acme')).policies!.policies[0]!.allowedRegions).toEqual([]);
    await b.reload(files({ policies: [STRICT] }));
    expect((await b.tenantDocument('acme')).policies!.policies[0]!.allowedRegions).toEqual([]);
    await source.now();
  });
});
