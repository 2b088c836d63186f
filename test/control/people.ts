import type { AccessAsk, OverrideAsk } from '../../src/control/approval/ask.ts';
import type { ApprovalSettings, ControlSettings } from '../../src/control/context.ts';
import type { Journal } from '../../src/app/control-evidence.ts';
import type { Pseudonyms } from '../../src/control/evidence-entry.ts';
import type { Role } from '../../src/control/principal.ts';
import type { Store } from '../../src/store/store.ts';
import { ControlRig, SETTINGS, type Got } from './rig.ts';

/** A region as the catalogue has it, with a storage that signs. */
function region(port: number, id: string, cloud: string, country: string, geography: string, more: object = {}) {
  const url = `http://127.0.0.1:${port}`;
  const endpoints = {
    storage: { url, signing: { credentials: 'aws' }, bucket: '{bucket}-{cloud_region}' },
    search: { url, index: '{tenant}--{index}' },
    bedrock: { url, signing: { credentials: 'aws' } },
  };
  return { id, name: id, cloud_region: cloud, country, geography, data_center: id, endpoints, ...more };
}

/** Six regions; `sovereign` alone is declared so, `keyless` has no key to sign with. */
function regionsAt(port: number): string {
  const keyless = { endpoints: { storage: { url: `http://127.0.0.1:${port}` } } };
  return JSON.stringify({
    regions: [
      region(port, 'us-east', 'us-east-1', 'US', 'NA'),
      region(port, 'us-west', 'us-west-2', 'US', 'NA'),
      region(port, 'eu-west', 'eu-west-1', 'IE', 'EU'),
      region(port, 'eu-central', 'eu-central-1', 'DE', 'EU'),
      region(port, 'sovereign', 'de-sovereign-1', 'DE', 'EU', { sovereign: true }),
      region(port, 'keyless', 'eu-keyless-1', 'FR', 'EU', keyless),
    ],
  });
}

/** In eu-west, perhaps in eu-central, never in us-west. */
export const ACME = {
  id: 'acme-eu',
  tenant_id: 'acme',
  primary_region: 'eu-west',
  allowed_regions: ['eu-central'],
  prohibited_regions: ['us-west'],
};

/** A second tenant, pinned elsewhere. */
export const GLOBEX = { id: 'globex-us', tenant_id: 'globex', primary_region: 'us-east' };

/** A tenant that nothing opens. */
export const STATE = { id: 'state-de', tenant_id: 'state', mode: 'fully-sovereign', primary_region: 'sovereign' };

/** What an access request needs at the least. */
export const REQUEST = { resource: 'invoices/*', to_region: 'us-east', reason: 'case 4711' };

/** What an override needs at the least. */
export const OVERRIDE = { source_region: 'eu-west', target_region: 'us-west', reason: 'outage' };

/** The same, as it is stored. */
export const ACCESS_ASK: AccessAsk = {
  tenantId: 'acme',
  requester: 'alice',
  userId: 'uma',
  subjects: [],
  classifications: [],
  verbs: ['access'],
  resource: null,
  fromRegion: 'eu-west',
  toRegion: 'us-east',
  notBefore: null,
  notAfter: null,
  durationMinutes: 30,
  maxUses: null,
  legalBasis: null,
  reason: 'case 4711',
  ticket: null,
  policyRevision: 1,
};

/** The same, as it is stored: for an hour. */
export const OVERRIDE_ASK: OverrideAsk = {
  tenantId: 'acme',
  requester: 'alice',
  subjects: [],
  sourceRegion: 'eu-west',
  targetRegion: 'us-west',
  durationMs: 3_600_000,
  reason: 'outage',
  ticket: null,
  policyRevision: 1,
};

export interface PeopleOptions {
  /** Entries of a policy file; default ACME, GLOBEX and STATE. */
  readonly policies?: readonly object[];
  readonly grants?: readonly object[];
  readonly approvals?: Partial<ApprovalSettings>;
  readonly settings?: Partial<ControlSettings>;
  /** Where the storage of every region is. */
  readonly storagePort?: number;
  readonly store?: Store;
  /** As of `RigOptions`. */
  readonly journal?: Journal;
  readonly pseudonyms?: Pseudonyms;
}

/** Sends to a path under `/api/v1` as someone. */
export type Send = (
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Got>;

/** A control plane, and people who call it. */
export class People {
  readonly rig: ControlRig;

  private constructor(rig: ControlRig) {
    this.rig = rig;
  }

  static async open(options: PeopleOptions = {}): Promise<People> {
    const { policies = [ACME, GLOBEX, STATE], grants = [], store, journal, pseudonyms } = options;
    const rig = await ControlRig.start({
      regions: regionsAt(options.storagePort ?? 9),
      policies: JSON.stringify({ policies, grants }),
      settings: { approvals: { ...SETTINGS.approvals, ...options.approvals }, ...options.settings },
      ...(store === undefined ? {} : { store }),
      ...(journal === undefined ? {} : { journal }),
      ...(pseudonyms === undefined ? {} : { pseudonyms }),
    });
    return new People(rig);
  }

  get store(): Store {
    return this.rig.store;
  }

  /** Someone with a token of their own. @param tenant null: for all tenants */
  async someone(role: Role, subject: string, tenant: string | null = 'acme'): Promise<Send> {
    const token = await this.rig.token(role, tenant, subject);
    return (method, path, body, headers = {}) => this.rig.send(method, `/api/v1${path}`, { token, body, headers });
  }

  close(): Promise<void> {
    return this.rig.stop();
  }
}
