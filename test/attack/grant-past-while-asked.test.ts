// A request comes while a grant is live, and waits for its tenant's policies until the grant is past. What widens must hold when it is
// decided, not when it came: whoever can make a proxy wait would have grants that last longer.
import { expect, test } from 'vitest';
import { grant } from '../feed/source.ts';
import { search, startFed } from './fed-world.ts';

const fed = await startFed();
const { control, domicile } = fed;
const asAna = { 'x-user-id': 'ana', 'x-requested-region': 'us-east' };

test('a grant that was live when the request came, and is past when it is decided, opens nothing', async () => {
  const over = { fromRegion: 'eu-west', toRegion: 'us-east', maxUses: null };
  const lasting = { ...grant('acme', 'g-1'), ...over };
  control.documents = () => fed.document({}, { grants: [lasting] });
  expect(await search(fed, asAna)).toBe('200 grant');

  control.documents = null;
  control.change(['acme']);
  await expect.poll(() => control.heard.some((said) => said.type === 'ack' && said.revision === 2)).toBe(true);
  const asked = () => control.heard.findLast((said) => said.type === 'get') as { id: number };
  const notAfter = Date.now() + 400;
  const answer = search(fed, asAna);
  await expect.poll(() => domicile.plane.proxy.inflight.search).toBe(1);
  await expect.poll(() => domicile.plane.proxy.now() >= notAfter, { timeout: 2000, interval: 10 }).toBe(true);
  control.documents = () => fed.document({}, { grants: [{ ...lasting, notAfter }] });
  control.answer(asked().id, ['acme']);
  expect(await answer).toBe('403 region_not_allowed');
});
