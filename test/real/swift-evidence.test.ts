import { GetObjectCommand } from '@aws-sdk/client-s3';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyLog } from '../../src/audit/verify.ts';
import { ShippingRig } from '../app/shipping-rig.ts';
import { filesIn, scratch } from '../audit/written-log.ts';
import { available } from '../servers/servers.ts';
import { FACTS, physical, SwiftRegions } from './swift-regions.ts';

describe.skipIf(available('swift'))('evidence in a real object store', () => {
  let regions: SwiftRegions;
  beforeAll(async () => {
    regions = await SwiftRegions.start();
  });
  afterAll(() => regions.stop());

  test('what was shipped is fetched and verifies, and the other region was not asked', async () => {
    await regions.untouched(regions.us, async () => {
      // Refusals make a log of more than a bundle without troubling the store.
      const headers = { ...FACTS, 'x-tenant-id': 'nobody' };
      for (let i = 0; i < 300; i++) await fetch(`${regions.rig.storage}/docs/none-${i}`, { headers });
      const shipping = new ShippingRig(regions.rig, {
        kind: 'bucket',
        bucket: 'docs',
        prefix: 'evidence',
        tenant: 'acme',
        classification: 'identity',
        region: null,
        objectLock: null,
      });
      await shipping.settled();
      const files = filesIn(shipping.folder);
      const { size } = shipping.reader.checkpoint();
      await shipping.turn();
      expect(shipping.lines).toEqual([]);

      const copy = scratch();
      const eu = regions.direct(regions.eu);
      for (const path of [...Object.keys(files), `checkpoints/${size}`]) {
        const Key = `evidence/sidecar-1.1/${path}`;
        const object = await eu.send(new GetObjectCommand({ Bucket: physical('docs', regions.eu), Key }));
        mkdirSync(dirname(join(copy, path)), { recursive: true });
        writeFileSync(join(copy, path), await object.Body!.transformToByteArray());
      }
      expect(filesIn(copy)).toMatchObject(files);
      expect(await verifyLog(copy)).toMatchObject({ size, fault: null });
      await shipping.shipping.close();
    });
  });
});
