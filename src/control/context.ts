import type { Effect, Reason } from '../core/reasons.ts';
import type { Classification, DialectId, Service, Verb } from '../core/vocabulary.ts';
import type { IssuerSettings } from '../inbound/identity/issuer.ts';
import type { RegionHealth } from '../region/health.ts';
import type { Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { EvidenceIndex } from './evidence/evidence-index.ts';
import type { Registry } from './registry.ts';

/** Rules of access requests, grants and overrides (`approvals` of domicile.yaml; API.md, "Configuration keys"). */
export interface ApprovalSettings {
  readonly grantDefaultMinutes: number;
  readonly grantCapDays: number;
  /** After it, what nobody decided is closed. */
  readonly pendingMinutes: number;
  readonly grantQuorum: number;
  readonly overrideQuorum: number;
  readonly overrideDefaultMinutes: number;
  readonly overrideCapHours: number;
  /** Within which an override that is already in force must be approved; 0: it is approved before. */
  readonly afterTheFactMinutes: number;
  /** What a ticket must look like; null: none is needed. */
  readonly ticketPattern: RegExp | null;
}

/** `control.jwt`: whose tokens are believed, and which claims say who it is. */
export interface JwtSettings extends IssuerSettings {
  readonly claims: {
    readonly role: string;
    /** Null: tokens of this issuer are for all tenants. Else a token without the claim is refused. */
    readonly tenant: string | null;
    readonly subject: string;
  };
}

/** A webhook of domicile.yaml. `events`: as `eventsOf` of events.ts takes them. */
export interface WebhookSettings {
  readonly url: URL;
  readonly secret: string;
  readonly events: readonly string[];
}

export interface ControlSettings {
  readonly approvals: ApprovalSettings;
  /** Longest life of a presigned URL, in seconds. */
  readonly maxPresignSeconds: number;
  /** Base of `via: proxy` URLs, without a slash at its end; null: there is no storage listener. */
  readonly proxyUrl: string | null;
  /** Whether `path` is among `identity.sources`: without it nobody could serve a `via: proxy` URL. */
  readonly pathIdentity: boolean;
  /** Class of what has none; null: it must be said. */
  readonly defaultClassification: Classification | null;
  readonly rateLimit: {
    /** Requests of one principal. */
    readonly perMinute: number;
    /** Of one address. */
    readonly failedLoginsPerMinute: number;
  };
  readonly jwt: JwtSettings | null;
  readonly webhooks: readonly WebhookSettings[];
}

/** A proxy that this control plane feeds. */
export interface SidecarState {
  readonly name: string;
  /** Its number, where it is one of several processes of a machine. */
  readonly worker: number | null;
  readonly region: string;
  readonly version: string;
  /** Address and port, or `unix`. */
  readonly address: string;
  /** Of the store, that it has applied. */
  readonly revision: number;
  /** How far it is behind what it was told; 0: it has everything. */
  readonly lagRevisions: number;
  readonly lagMs: number;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
  /** Why it refused the last message, or null. */
  readonly refused: string | null;
}

/** What only the app can tell of the world outside. None of it may block for long. */
export interface World {
  /** Health of every region; from the data plane where there is one in this process, else from the catalogue. */
  regions(): readonly RegionHealth[] | Promise<readonly RegionHealth[]>;
  /** By place in the catalogue in force: 1 where the dialect has a healthy endpoint that serves the verb. */
  available(dialect: DialectId, verb: Verb): Uint8Array;
  sidecars(): readonly SidecarState[];
}

/** Something that was asked and changed nothing. What is left out is null in the record. */
export interface QueryFacts {
  readonly requestId: string;
  /** Whose data it was about; null: of all tenants. */
  readonly tenant: string | null;
  /** Subject of the principal. */
  readonly actor: string;
  readonly action: 'access.resolved' | 'storage.presigned' | 'audit.read';
  readonly subject?: string | null;
  readonly user?: string | null;
  readonly classification?: Classification | null;
  readonly verb?: Verb | null;
  readonly service?: Service | null;
  /** What it was about, several joined by `,`; of `audit.read`: the path that was read. */
  readonly resource?: string | null;
  /** Id: where it leads; of a refusal, where it was wanted. */
  readonly targetRegion?: string | null;
  readonly effect?: Effect | null;
  readonly reason?: Reason | null;
  /** HTTP status that is answered. */
  readonly status: number;
}

/** A request of the API that was refused, or did not prove who sent it. */
export interface RefusalFacts {
  readonly requestId: string;
  /** Of the principal; null: all tenants, or nobody was proven. */
  readonly tenant: string | null;
  /** Subject of the principal; empty: nobody was proven. */
  readonly actor: string;
  /** `login.failed`, or the kind of object and `refused`: `policy.refused`. */
  readonly action: string;
  /** Of the path; null: it names none, or it is about a login. */
  readonly objectId: string | null;
  /** HTTP status that is answered. */
  readonly status: number;
  readonly title: string;
  /** What people are told, in one line. */
  readonly detail: string;
  /** Method, path, and what else there is to know. */
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Keeps evidence of what goes on at the API. What resolves is durable, unless it says otherwise; what rejects does so with
 * the ApiError 503 `audit_unavailable`, and then whatever it was about must not be done, or shown.
 * Changes of the store are no matter of the routes: its witness (store/witness.ts) writes of them.
 */
export interface ControlEvidence {
  /** `batch`: resolves as soon as there is room for it; it is durable moments later. */
  query(facts: QueryFacts, mode: 'strict' | 'batch'): Promise<void>;
  refused(facts: RefusalFacts): Promise<void>;
}

/** What every route works with. */
export interface ControlContext {
  readonly version: string;
  readonly store: Store;
  readonly evidence: ControlEvidence;
  readonly index: EvidenceIndex;
  readonly registry: Registry;
  readonly settings: ControlSettings;
  readonly world: World;
  readonly log: Log;
  /** Milliseconds since the epoch, of this machine: for tokens. What people decide goes by the store's clock. */
  now(): number;
}
