// The use of a grant must be on record before a byte leaves, and writing it may take long: on a slow disk, seconds. A grant
// that is revoked meanwhile must not be good for that one request more.
import { expect, test } from 'vitest';
import type { Evidence } from '../../src/proxy/evidence.ts';
import type { Proxy } from '../../src/proxy/proxy.ts';
import { grant } from '../feed/source.ts';
import { search, startFed } from './fed-world.ts';

const fed = await startFed();
const { control, domicile } = fed;
const asAna = { 'x-user-id': 'ana', 'x-requested-region': 'us-east' };
const GRANT = { ...grant('acme', 'g-1'), fromRegion: 'eu-west', toRegion: 'us-east', maxUses: null };

/** The evidence of this proxy, on a disk that writes when the test says. */
function slowDisk(): { readonly written: () => void; readonly writing: Promise<void> } {
  const { proxy } = domicile.plane;
  const real = proxy.evidence;
  const writing = Promise.withResolvers<void>();
  let wasWritten = () => {};
  const slow: Evidence = {
    reserve: (x) => real.reserve(x),
    mustBeDurable: (x, refused) => real.mustBeDurable(x, refused),
    secure(x, next) {
      real.secure(x, (_, failed) => {
        wasWritten = () => next(x, failed);
        writing.resolve();
      });
    },
    record: (...all) => real.record(...all),
    refused: (...all) => real.refused(...all),
  };
  Object.assign(proxy, { evidence: slow } satisfies Partial<Proxy>);
  return {
    writing: writing.promise,
    written: () => {
      Object.assign(proxy, { evidence: real });
      wasWritten();
    },
  };
}

test('a grant that is revoked while its use is written opens nothing, and what became of it is on record', async () => {
  control.documents = () => fed.document({}, { grants: [GRANT] });
  expect(await search(fed, asAna)).toBe('200 grant');
  const forwarded = fed.upstream['us-east'].requests.length;

  const disk = slowDisk();
  const answer = search(fed, asAna);
  await disk.writing;
  control.documents = () => fed.document({}, { grants: [] });
  control.change(['acme']);
  await expect.poll(() => control.heard.some((said) => said.type === 'ack' && said.revision === 2)).toBe(true);
  disk.written();
  expect(await answer).toBe('403 region_not_allowed');
  expect(fed.upstream['us-east'].requests.length).toBe(forwarded);
});

test('one that still holds when it is written is good, also where other policies changed meanwhile', async () => {
  control.documents = () => fed.document({}, { grants: [GRANT] });
  control.change(['acme']);
  await expect.poll(() => control.heard.some((said) => said.type === 'ack' && said.revision === 3)).toBe(true);
  const disk = slowDisk();
  const answer = search(fed, asAna);
  await disk.writing;
  control.change(['acme']);
  await expect.poll(() => control.heard.some((said) => said.type === 'ack' && said.revision === 4)).toBe(true);
  disk.written();
  expect(await answer).toBe('200 grant');
});
