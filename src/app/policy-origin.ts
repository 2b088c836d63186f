import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Configuration } from './configuration.ts';
import type { ControlPlane } from './control-plane.ts';
import { FedPolicies, type FeedAddress } from './fed-policies.ts';
import { readClientTls } from './tls-files.ts';

/** Who says what holds: a control plane in this process, or one at this address. */
export type PolicyOrigin = { readonly kind: 'own' } | { readonly kind: 'remote'; readonly url: string };

/** What a data plane's policies are fetched from. */
export class PolicySource {
  /** Null: it is elsewhere. */
  readonly control: ControlPlane | null;
  readonly feed: FeedAddress;
  readonly #configuration: Configuration;
  readonly #version: string;

  constructor(configuration: Configuration, version: string, control: ControlPlane | null, feed: FeedAddress) {
    this.#configuration = configuration;
    this.#version = version;
    this.control = control;
    this.feed = feed;
  }

  /** Policies for this process. */
  async fetch(): Promise<FedPolicies> {
    const { loaded, log } = this.#configuration;
    const policies = await FedPolicies.open({ feed: this.feed, loaded, version: this.#version, worker: null, log });
    await policies.settled();
    return policies;
  }
}

/**
 * @param workers processes that will be fed; 0: this one
 * @throws Error, in one line, when the store, the feed or the address cannot be had
 */
export async function openPolicySource(
  configuration: Configuration,
  version: string,
  origin: PolicyOrigin,
  workers = 0,
): Promise<PolicySource> {
  const { settings } = configuration.loaded;
  const { token } = settings.feed;
  const tls = readClientTls(settings.feed.tls);
  if (origin.kind === 'remote') {
    await removeLeftOver(settings.state, workers);
    const feed = { url: origin.url, token, tls, lastGood: settings.state };
    return new PolicySource(configuration, version, null, feed);
  }
  // Loaded only where it is run: a proxy of a fleet needs neither database nor API.
  const { ControlPlane } = await import('./control-plane.ts');
  const control = await ControlPlane.open(configuration, version, 'itself');
  return new PolicySource(configuration, version, control, { url: control.localFeedUrl, token, tls, lastGood: null });
}

/**
 * Takes away what processes had kept that there will be none of: it is not told of changes any more, and would be believed,
 * however old, when there are so many again.
 */
async function removeLeftOver(state: string, workers: number): Promise<void> {
  const names = await readdir(state).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names) {
    const kept = /^last-good(?:-(\d+))?$/.exec(name);
    if (kept === null) continue;
    const worker = Number(kept[1] ?? 0);
    if (workers === 0 ? worker > 0 : worker < 1 || worker > workers) await rm(join(state, name));
  }
}

/** Port of the storage listener; null: there is none, or it is a Unix socket. */
export function storagePort(listeners: readonly { readonly name: string; readonly port: number }[]): number | null {
  return listeners.find(({ name }) => name === 'listeners.storage')?.port || null;
}
