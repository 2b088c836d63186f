import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Registry, RegistryConflict } from '../../src/control/registry.ts';
import { historyOf } from '../../src/store/history.ts';
import { deletePolicy, putPolicy } from '../../src/store/policies.ts';
import { putRecord } from '../../src/store/records.ts';
import { deleteRegion, putRegion } from '../../src/store/regions.ts';
import type { Change, Store } from '../../src/store/store.ts';
import { Home, KINDS, type Place } from '../store/homes.ts';
import { policyEntry, putGrant, putOverride, regionEntry, WHO } from '../store/rows.ts';
import { files, region, REGIONS, type WrittenFiles } from './files.ts';

const ACME = { id: 'acme-file', tenant_id: 'acme', primary_region: 'eu-west', classifications: ['identity'] };
const GDPR = {
  id: 'gdpr',
  type: 'H',
  territory: ['IE', 'DE'],
  valid_from: '2018-05-25',
  review_by: '2999-01-01',
  source_url: 'https://law.example',
};
const FOR_OTHERS = { id: 'p-1', classifications: ['content' as const] };

describe.each(KINDS)('files and a store in %s together', (kind) => {
  let home: Home;
  let place: Place;
  let store: Store;
  beforeAll(async () => void (home = await Home.start(kind)));
  afterAll(() => home.stop());
  beforeEach(async () => {
    place = await home.place();
    store = await place.store();
  });

  const open = (written: WrittenFiles = { policies: [ACME] }) => Registry.open(store, files(written));
  const change = <T>(work: (under: Change) => Promise<T>) => store.change(WHO, work);
  const put = (written: Parameters<typeof policyEntry>[0]) => change((under) => putPolicy(under, policyEntry(written)));
  const now = async () => ({ db: store.db, now: await store.now() });
  /** Code, place and kind of each problem. */
  const check = async (registry: Registry, written: Parameters<typeof policyEntry>[0], before: string | null = null) =>
    (await registry.check(await now(), policyEntry(written), before)).map(({ code, path, conflict }) =>
      [code, path.join('/'), conflict ? 409 : 400].join(' '),
    );
  const conflicts = async (opening: Promise<unknown>): Promise<readonly string[]> => {
    const error = await opening.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(RegistryConflict);
    return (error as RegistryConflict).conflicts;
  };

  describe('hand out', () => {
    it('everything that decides about a tenant, of both', async () => {
      const registry = await open({
        policies: [ACME],
        grants: [
          {
            id: 'g-file',
            tenant_id: 'acme',
            user_id: 'u',
            from_region: 'eu-west',
            to_region: 'us-east',
            not_before: '2026-01-01',
            not_after: '2999-01-01',
            approved_by: ['dpo'],
          },
        ],
      });
      const stored = await put(FOR_OTHERS);
      const grant = await putGrant(store, 'acme', { id: 'g-store' });
      await putOverride(store, 'acme', { id: 'o-store' });
      await change((under) =>
        putRecord(under, { tenant: 'acme', dataId: 'crm/a', classification: 'identity', body: {} }),
      );
      const document = await registry.tenantDocument('acme');
      expect(document.revision).toBe(await store.revision());
      expect(document.policies?.policies.map(({ id }) => id)).toEqual(['acme-file', 'p-1']);
      expect(document.policies?.policies[1]?.revision).toBe(stored.revision);
      expect(document.policies?.policies[0]?.revision).toBe(registry.filePolicy('acme-file')?.revision);
      expect(document.policies?.grants).toEqual([expect.objectContaining({ id: 'g-file' }), grant]);
      expect(document.policies?.overrides).toEqual([expect.objectContaining({ id: 'o-store', tenantId: 'acme' })]);
      expect(document.policies?.records).toEqual([['crm/a', 'identity']]);
      expect(JSON.parse(JSON.stringify(document))).toEqual(document); // plain JSON
      expect((await registry.policiesOf('acme')).map(({ id }) => id)).toEqual(['acme-file', 'p-1']);
    });

    it('nothing about an unknown tenant, in the order that was asked for', async () => {
      const registry = await open();
      const documents = await registry.tenantDocuments(['nobody', 'acme']);
      expect(documents.map(({ tenant, policies }) => [tenant, policies?.policies.length ?? null])).toEqual([
        ['nobody', null],
        ['acme', 1],
      ]);
      expect(await registry.policiesOf('nobody')).toEqual([]);
    });

    it('the default policy where a tenant has none of its own, be it of a file or of the store', async () => {
      const everybody = { id: 'all', primary_region: 'eu-west' };
      const named = { policies: [ACME, everybody], defaultPolicy: 'all' };
      const registry = await open(named);
      const policyFor = async (tenant: string) => (await registry.tenantDocument(tenant)).policies?.policies[0]?.id;
      expect([await policyFor('nobody'), await policyFor('acme')]).toEqual(['all', 'acme-file']);
      await putGrant(store, 'nobody', { id: 'g-nobody' });
      expect((await registry.tenantDocument('nobody')).policies?.grants).toHaveLength(1);

      await registry.reload(files({ policies: [ACME], defaultPolicy: 'stored' }));
      expect(await policyFor('nobody')).toBeUndefined();
      await put({ id: 'stored', tenant_id: null });
      expect([await policyFor('nobody'), await policyFor('acme')]).toEqual(['stored', 'acme-file']);
    });

    it('a revision that is not above what is in the document, whatever changes meanwhile', async () => {
      const registry = await open();
      const done = new AbortController();
      const changing = (async () => {
        for (let i = 0; !done.signal.aborted; i++)
          await put({ id: 'p-1', name: String(i), classifications: ['content'] });
      })();
      for (let i = 0; i < 40; i++) {
        const { revision, policies } = await registry.tenantDocument('acme');
        const seen = policies?.policies.find(({ id }) => id === 'p-1')?.revision ?? 0;
        // Every change up to the revision is in it, and each of these wrote the policy.
        expect(seen === 0 || seen >= revision).toBe(true);
        await new Promise(setImmediate);
      }
      done.abort();
      await changing;
    });

    it('the regions of both, in order, those of the file with the status of the API and without endpoints', async () => {
      const registry = await open({ policies: [ACME], regimes: [GDPR] });
      const entry = regionEntry({ id: 'eu-north', endpoints: { storage: { url: 'https://s3.north.example' } } });
      await change((under) => putRegion(under, { id: 'eu-north', status: 'active', entry }, 'created'));
      await change((under) => putRegion(under, { id: 'us-east', status: 'draining', entry: null }, 'drained'));
      const revision = await store.revision();
      const world = await registry.worldDocument();
      expect(world).toMatchObject({ revision, policies: 1, regimes: [{ id: 'gdpr' }] });
      expect(world.regions.map(({ id, status, source }) => [id, status, source])).toEqual([
        ['eu-west', 'active', 'file'],
        ['eu-central', 'active', 'file'],
        ['us-east', 'draining', 'file'],
        ['eu-north', 'active', 'api'],
      ]);
      expect(world.regions[0]?.entry).toMatchObject({ id: 'eu-west', cloud_region: 'eu-west-1', country: 'IE' });
      expect(world.regions[0]?.entry).not.toHaveProperty('endpoints');
      expect(world.regions[3]?.entry).toEqual(entry);
      expect(registry.catalogue.find('eu-north-1')).toMatchObject({ index: 3, status: 'active' });
      expect(registry.catalogue.find('us-east')?.status).toBe('draining');
      expect(registry.regions.map(({ revision: of }) => of)).toEqual([0, 0, revision, revision - 1]);
      const other = await Registry.open(await place.store(), registry.files);
      expect((await other.worldDocument()).presignKey).toBe(world.presignKey);
    });

    it('what another process has changed, after a refresh', async () => {
      const registry = await open();
      const elsewhere = await place.store();
      await elsewhere.change(WHO, (under) =>
        putRegion(under, { id: 'eu-north', status: 'inactive', entry: regionEntry({ id: 'eu-north' }) }, 'created'),
      );
      await registry.refresh();
      expect(registry.catalogue.find('eu-north')?.status).toBe('inactive');
      await elsewhere.change(WHO, (under) => deleteRegion(under, 'eu-north'));
      await registry.refresh();
      expect(registry.catalogue.find('eu-north')).toBeNull();
    });

    it('a region whose credential this machine does not have as inactive and without endpoints', async () => {
      const registry = await open();
      const storage = { url: 'https://s3.north.example', signing: { credentials: 'north' } };
      const entry = regionEntry({ id: 'eu-north', endpoints: { storage } });
      await change((under) => putRegion(under, { id: 'eu-north', status: 'active', entry }, 'created'));
      await registry.refresh();
      expect(registry.catalogue.find('eu-north')).toMatchObject({ status: 'inactive', endpoints: {} });
      await registry.reload(
        files({ policies: [ACME], credentials: { north: { access_key_id: 'AK', secret_access_key: 'secret' } } }),
      );
      expect(registry.catalogue.find('eu-north')).toMatchObject({
        status: 'active',
        endpoints: { s3: { authentication: { kind: 'sigv4', name: 'north' } } },
      });
      expect(JSON.stringify(await registry.worldDocument())).not.toContain('secret');
    });
  });

  describe('check a policy', () => {
    it('by itself, against regions and regimes', async () => {
      const registry = await open({ policies: [ACME], regimes: [GDPR] });
      const wrong = {
        ...FOR_OTHERS,
        mode: 'regional' as const,
        allowed_regions: ['us-east', 'eu-wset'],
        prohibited_regions: ['eu-west-1'],
        compliance_frameworks: ['gdpr', 'hipaa'],
        cross_border: { identity: 'logged' as const },
        transfer_evidence: [{ regime: 'gdpr', mechanism: 'scc', valid_until: '2027-02-30' }],
      };
      expect(await check(registry, wrong)).toEqual(['bad_instant transfer_evidence/0/valid_until 400']);
      expect(await check(registry, { ...wrong, transfer_evidence: [] })).toEqual([
        'cross_border_looser cross_border/identity 400',
        'unknown_framework compliance_frameworks/1 400',
        'unknown_region allowed_regions/1 400',
        'prohibits_itself prohibited_regions/0 400',
        'outside_mode allowed_regions/0 400',
      ]);
      expect(await check(registry, { ...FOR_OTHERS, id: 'no spaces' })).toEqual(['misshapen id 400']);
      const [problem] = await registry.check(
        await now(),
        policyEntry({ ...FOR_OTHERS, primary_region: 'eu-wset' }),
        null,
      );
      expect(problem?.message).toBe(
        'there is no region eu-wset (did you mean eu-west?); use one of eu-west, eu-central, us-east',
      );
      expect(await check(registry, FOR_OTHERS)).toEqual([]);
    });

    it('against the regions that the API made', async () => {
      const registry = await open();
      expect(await check(registry, { ...FOR_OTHERS, primary_region: 'eu-north' })).toEqual([
        'unknown_region primary_region 400',
      ]);
      const entry = regionEntry({ id: 'eu-north' });
      await change((under) => putRegion(under, { id: 'eu-north', status: 'inactive', entry }, 'created'));
      expect(await check(registry, { ...FOR_OTHERS, primary_region: 'eu-north' })).toEqual([]);
    });

    it('against the tenant’s other policies of files and store: two of equal rank contradict each other', async () => {
      const registry = await open();
      expect(await check(registry, { id: 'p-2', classifications: ['identity'] })).toEqual(['equal_rank  409']);
      await put(FOR_OTHERS);
      expect(await check(registry, { id: 'p-2', classifications: ['content', 'analytical'] })).toEqual([
        'equal_rank  409',
      ]);
      const [problem] = await registry.check(
        await now(),
        policyEntry({ id: 'p-2', classifications: ['content'] }),
        null,
      );
      expect(problem?.message).toContain('p-2 and p-1 both hold for tenant acme, content');
      // In its own place, for another tenant or subject, or disabled, it contradicts nothing.
      expect(await check(registry, FOR_OTHERS, 'p-1')).toEqual([]);
      for (const more of [{ tenant_id: 'globex' }, { subject_id: 'eve' }, { enabled: false }])
        expect(await check(registry, { ...FOR_OTHERS, id: 'p-2', ...more })).toEqual([]);
    });

    it('against ids that are taken, by policies or by tenants', async () => {
      const registry = await open();
      await put(FOR_OTHERS);
      await put({ id: 'p-globex', tenant_id: 'globex' });
      const other = { classifications: ['analytical' as const] };
      expect(await check(registry, { ...other, id: 'p-1' })).toEqual(['duplicate_policy id 409']);
      expect(await check(registry, { ...other, id: 'acme-file' })).toEqual(['policy_of_file id 409']);
      expect(await check(registry, { ...other, id: 'acme' })).toEqual(['id_of_tenant id 409']);
      expect(await check(registry, { ...other, id: 'globex' })).toEqual(['id_of_tenant id 409']);
      expect(await check(registry, { ...other, id: 'new', tenant_id: 'new' })).toEqual(['id_of_tenant id 409']);
      // Nobody keeps a tenant out by a policy of its name.
      expect(await check(registry, { id: 'new', tenant_id: 'p-1' })).toEqual([]);
      expect(await check(registry, { id: 'new', tenant_id: 'acme-file' })).toEqual([]);
    });

    it('against being the default policy: that one has no tenant, and stays enabled and there', async () => {
      const registry = await open({ policies: [ACME], defaultPolicy: 'all' });
      expect(await check(registry, { id: 'all', tenant_id: null })).toEqual([]);
      expect(await check(registry, { id: 'all', tenant_id: 'globex' })).toEqual(['default_policy tenant_id 409']);
      expect(await check(registry, { id: 'all', tenant_id: null, enabled: false })).toEqual([
        'default_policy enabled 409',
      ]);
      expect(registry.checkDeletion('all')).toMatchObject([{ code: 'default_policy', conflict: true }]);
      expect(registry.checkDeletion('p-1')).toEqual([]);
    });

    it('so that of two that contradict each other, written at once, one is', async () => {
      const registry = await open();
      const second = await place.store();
      const write = (by: Store, id: string) =>
        by.change(WHO, async (under) => {
          const entry = policyEntry({ id, classifications: ['content'] });
          const problems = await registry.check(under, entry, null);
          if (problems.length === 0) await putPolicy(under, entry);
          return problems.length;
        });
      const written = await Promise.all([write(store, 'p-1'), write(second, 'p-2'), write(store, 'p-3')]);
      expect(written.toSorted()).toEqual([0, 1, 1]);
      expect(await registry.policiesOf('acme')).toHaveLength(2);
    });
  });

  describe('check a region', () => {
    const named = (registry: Registry, entry: Parameters<typeof regionEntry>[0], before: string | null = null) =>
      now().then((at) => registry.checkRegion(at, regionEntry(entry), before));

    it('by itself, and against names that others have', async () => {
      const registry = await open();
      expect(await named(registry, { id: 'eu-north' })).toEqual([]);
      expect(await named(registry, { id: 'eu-west' })).toMatchObject([{ path: ['id'], conflict: true }]);
      expect(await named(registry, { id: 'eu-north', cloud_region: 'us-east-1' })).toMatchObject([
        { code: 'duplicate_region', path: ['cloud_region'], conflict: true },
      ]);
      const storage = { url: 'https://ada:pw@s3.example', signing: { credentials: 'none' }, bucket: '{bukket}' };
      const problems = await named(registry, { id: 'eu-north', endpoints: { storage } });
      expect(problems.map(({ code, path, conflict }) => [code, path.join('/'), conflict])).toEqual([
        ['unknown_credential', 'endpoints/storage/signing/credentials', false],
        ['unknown_placeholder', 'endpoints/storage/bucket', false],
        ['clear_secret', 'endpoints/storage/url', false],
      ]);
    });

    it('against the policies and grants that name it, before it is changed or goes', async () => {
      const registry = await open();
      const entry = { id: 'eu-north', country: 'SE' };
      await change((under) =>
        putRegion(under, { id: 'eu-north', status: 'inactive', entry: regionEntry(entry) }, 'created'),
      );
      await put({ ...FOR_OTHERS, mode: 'regional', allowed_regions: ['eu-north-1'] });
      await put({ id: 'p-2', tenant_id: 'globex', name: 'eu-north' });
      await putGrant(store, 'acme', { id: 'g-1', toRegion: 'eu-north' });
      await putGrant(store, 'acme', { id: 'g-2', toRegion: 'eu-north' }, { state: 'revoked' });
      expect(await registry.namingRegion(store.db, { id: 'eu-north', cloudRegion: 'eu-north-1' })).toEqual([
        'policy p-1',
        'grant g-1',
      ]);
      expect(await named(registry, { ...entry, country: 'FI' }, 'eu-north')).toEqual([]);
      expect((await named(registry, { ...entry, geography: 'NA' }, 'eu-north')).map(({ message }) => message)).toEqual([
        'policy p-1 would break: allowed_regions.0 eu-north is in NA, and a regional policy stays in geography EU',
      ]);
      const renamed = await named(registry, { ...entry, id: 'north' }, 'eu-north');
      expect(renamed.map(({ code, conflict }) => [code, conflict])).toEqual([
        ['breaks_policy', true],
        ['breaks_widening', true],
      ]);
    });
  });

  describe('when files are loaded', () => {
    it('tell everybody once, and only where they say something else', async () => {
      const registry = await open();
      const revision = await store.revision();
      expect(revision).toBe(1);
      expect((await store.touchedSince(0))?.tenants).toEqual(['*']);
      await registry.reload(files({ policies: [ACME] }));
      await Registry.open(await place.store(), files({ policies: [ACME] }));
      expect(await store.revision()).toBe(revision);

      await registry.reload(files({ policies: [{ ...ACME, allowed_regions: ['eu-central'] }] }));
      expect((await store.touchedSince(revision))?.tenants).toEqual(['*']);
      expect((await registry.tenantDocument('acme')).policies?.policies[0]?.allowedRegions).toEqual(['eu-central']);
      const history = await historyOf(store.db, 'files', 'files', { before: null, limit: 9 });
      expect(history).toEqual([
        expect.objectContaining({
          actor: 'domicile',
          action: 'loaded',
          body: expect.objectContaining({ policies: 1 }),
        }),
        expect.objectContaining({ revision: 1 }),
      ]);
      for (const more of [
        { regions: [...REGIONS, region('us-west')] },
        { regions: [region('eu-west', { status: 'draining' }), ...REGIONS.slice(1)] },
        { regimes: [GDPR] },
        { defaultPolicy: 'all' },
      ]) {
        const before = await store.revision();
        await registry.reload(files({ policies: [ACME], ...more }));
        expect(await store.revision(), JSON.stringify(more)).toBe(before + 1);
      }
    });

    it('are found by whoever hears of their revision', async () => {
      const registry = await open();
      const heard = new Promise<readonly string[] | undefined>((resolve) => {
        store.onRevision(() => {
          void registry.tenantDocument('acme').then(({ policies }) => resolve(policies?.policies[0]?.allowedRegions));
        });
      });
      await registry.reload(files({ policies: [{ ...ACME, allowed_regions: ['eu-central'] }] }));
      expect(await heard).toEqual(['eu-central']);
    });

    it('are refused where they contradict the store, with everything that does, and nothing changes', async () => {
      const registry = await open();
      await put(FOR_OTHERS);
      await put({ id: 'p-2', classifications: ['analytical'] });
      await put({ id: 'p-globex', tenant_id: 'globex', primary_region: 'us-east' });
      await putGrant(store, 'acme', { id: 'g-1' });
      await putOverride(store, 'acme', { id: 'o-1' });
      const entry = regionEntry({ id: 'eu-north' });
      await change((under) => putRegion(under, { id: 'eu-north', status: 'inactive', entry }, 'created'));
      const revision = await store.revision();
      const contradicting = files({
        regions: [region('eu-west'), region('eu-central'), region('north', { cloud_region: 'eu-north-1' })],
        policies: [
          { ...ACME, id: 'p-2' },
          { ...ACME, id: 'new-file', classifications: ['content', 'operational'] },
        ],
      });
      const lines = [
        'region eu-north (eu-north-1) was made by the API, and the catalogue has north (eu-north-1): rename the one in the file',
        'policy p-2 of a file and policy p-2 of the store have one id: rename the one in the file',
        'policies of the store and of a file: p-1 and new-file both hold for tenant acme, content: remove or disable the one in the file',
        'policy p-globex of the store: primary_region there is no region us-east',
        'grant g-1 of the store: there is no region us-east',
        'override o-1 of the store: there is no region us-east',
      ];
      expect(await conflicts(registry.reload(contradicting))).toEqual(lines);
      expect(await store.revision()).toBe(revision);
      expect(registry.files.policySet.policies.map(({ id }) => id)).toEqual(['acme-file']);
      expect((await registry.policiesOf('acme')).map(({ id }) => id)).toEqual(['acme-file', 'p-1', 'p-2']);
      expect(registry.catalogue.find('us-east')).not.toBeNull();
      expect(registry.catalogue.find('north')).toBeNull();
      expect(await conflicts(Registry.open(store, contradicting))).toEqual(lines);
    });

    it('are refused with a grant or override that the store has too, also where it was ended there', async () => {
      const registry = await open();
      await putGrant(store, 'acme', { id: 'g-1' }, { state: 'revoked' });
      await putOverride(store, 'acme', { id: 'o-1', state: 'revoked' });
      const window = { not_before: '2026-01-01', not_after: '2999-01-01', approved_by: ['dpo'] };
      const grant = { tenant_id: 'acme', user_id: 'u', from_region: 'eu-west', to_region: 'us-east', ...window };
      const override = { tenant_id: 'acme', source_region: 'eu-west', target_region: 'us-east', ...window };
      const written = (id: string) =>
        files({
          policies: [ACME],
          grants: [{ id: `g-${id}`, ...grant }],
          overrides: [{ id: `o-${id}`, ...override }],
        });
      expect(await conflicts(registry.reload(written('1')))).toEqual([
        'grant g-1 of a file and grant g-1 of the store have one id: rename the one in the file',
        'override o-1 of a file and override o-1 of the store have one id: rename the one in the file',
      ]);
      await registry.reload(written('2'));
    });

    it('are refused also where they are those that were announced last', async () => {
      const registry = await open();
      await registry.reload(files({ policies: [] }));
      await put({ id: 'p-1', classifications: ['identity'] });
      expect(await conflicts(registry.reload(files({ policies: [ACME] })))).toHaveLength(1);
      await change((under) => deletePolicy(under, 'p-1'));
      await registry.reload(files({ policies: [ACME] }));
      // Written by a process that has other files in force.
      await put({ id: 'acme-file', tenant_id: 'globex' });
      expect(await conflicts(Registry.open(store, files({ policies: [ACME] })))).toHaveLength(1);
    });

    it('look through everything that is stored where regions or regimes are others, however much it is', async () => {
      const registry = await open({ policies: [], regimes: [GDPR] });
      await change(async (under) => {
        for (let i = 0; i < 2100; i++)
          await putPolicy(
            under,
            policyEntry({ id: `p${i}`, tenant_id: `t${i}`, compliance_frameworks: i % 700 ? [] : ['gdpr'] }),
          );
      });
      await registry.reload(files({ policies: [], regimes: [GDPR], regions: REGIONS.slice(0, 2) }));
      expect(await conflicts(registry.reload(files({ policies: [], regimes: [] })))).toEqual(
        ['p0', 'p1400', 'p700'].map(
          (id) => `policy ${id} of the store: compliance_frameworks.0 there is no regime gdpr`,
        ),
      );
    });
  });
});
