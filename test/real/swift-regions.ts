import { readFileSync } from 'node:fs';
import { CreateBucketCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { expect, vi } from 'vitest';
import { startRig, type Rig } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';
import { startServer, type RealServer } from '../servers/servers.ts';

/** Logical buckets; each is `NAME-eu-west-1` in one region and `NAME-us-east-1` in the other. */
const BUCKETS = ['docs', 'copies'];

/** Headers of a request about data of a tenant that is pinned in the European region. */
export const FACTS = { 'x-tenant-id': 'acme', 'x-data-classification': 'identity' };
/** Headers of a request about data that is pinned in the American one, of a class that may cross the border. */
export const FOREIGN_FACTS = { 'x-tenant-id': 'globex', 'x-data-classification': 'content' };

/** Two real object stores, each of which verifies signatures and its own region, and a Domicile in front. */
export class SwiftRegions {
  readonly eu: RealServer;
  readonly us: RealServer;
  readonly rig: Rig;
  readonly #clients: S3Client[] = [];

  private constructor(eu: RealServer, us: RealServer, rig: Rig) {
    this.eu = eu;
    this.us = us;
    this.rig = rig;
  }

  static async start(): Promise<SwiftRegions> {
    const [eu, us] = await Promise.all([startServer('swift', 'eu-west-1'), startServer('swift', 'us-east-1')]);
    const access_key_id = eu.fields['access_key'];
    const rig = await startRig({
      regions: [regionOf('eu-west', eu), regionOf('us-east', us)],
      policies: [
        { id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' },
        { id: 'globex-us', tenant_id: 'globex', mode: 'client-owned', primary_region: 'us-east' },
      ],
      settings: {
        identity: { sources: ['headers', 'path'] },
        credentials: { upstream: { access_key_id, secret_access_key: '${env:SWIFT_SECRET}', session_token: null } },
      },
      env: { SWIFT_SECRET: eu.fields['secret_key'] },
    });
    const regions = new SwiftRegions(eu, us, rig);
    for (const server of [eu, us]) {
      const client = regions.direct(server);
      for (const name of BUCKETS) await client.send(new CreateBucketCommand({ Bucket: physical(name, server) }));
    }
    return regions;
  }

  /** A client of the store itself, with its own credentials. */
  direct(server: RealServer): S3Client {
    const { region, access_key, secret_key } = server.fields as Record<string, string>;
    const credentials = { accessKeyId: access_key!, secretAccessKey: secret_key! };
    return this.#keep(new S3Client({ endpoint: server.url, region: region!, credentials }));
  }

  /** A client of Domicile, without any credentials that the stores know. */
  through(facts: Readonly<Record<string, string>>, more: S3ClientConfig = {}): S3Client {
    const credentials = { accessKeyId: 'ignored', secretAccessKey: 'ignored' };
    const client = new S3Client({ endpoint: this.rig.storage, region: 'eu-west-1', credentials, ...more });
    client.middlewareStack.add(
      (next) => (args) => {
        Object.assign((args.request as { headers: object }).headers, facts);
        return next(args);
      },
      { step: 'build', name: 'residency' },
    );
    return this.#keep(client);
  }

  /**
   * Shows by its own log that nothing at all reached a store while `act` ran. The store logs a request when it has
   * answered: one more, made afterwards, marks the place in the log up to which all is told.
   */
  async untouched<T>(server: RealServer, act: () => Promise<T>): Promise<T> {
    const before = readFileSync(server.log, 'utf8').length;
    const result = await act();
    // A path that is neither S3's nor Swift's is refused before the store asks its back ends anything, which it would log.
    const marker = `marker-${before}`;
    expect((await fetch(`${server.url}/${marker}`)).status).toBe(412);
    const since = () => readFileSync(server.log, 'utf8').slice(before);
    await vi.waitUntil(() => since().includes(marker));
    const others = since()
      .split('\n')
      .filter((line) => line !== '' && !line.includes(marker));
    expect(others, 'lines in the log of a store that must not be reached').toEqual([]);
    return result;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.rig.stop();
    await Promise.all([this.eu.stop(), this.us.stop()]);
  }

  #keep(client: S3Client): S3Client {
    this.#clients.push(client);
    return client;
  }
}

/** Name of a logical bucket in a store, by the template of `regionAt`. */
export function physical(bucket: string, server: RealServer): string {
  return `${bucket}-${server.fields['region']}`;
}

/** Swift has no server-side encryption that a client could ask for. */
function regionOf(id: string, server: RealServer) {
  const region = regionAt(id, { storage: server.url });
  const { storage } = region['endpoints'] as Record<string, object>;
  return { ...region, endpoints: { storage: { ...storage, server_side_encryption: 'provider' } } };
}
