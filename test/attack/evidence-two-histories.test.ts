/**
 * Whoever has the key signs two histories of one log. Each verifies by itself; where both are at hand, they are found.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verifyLog } from '../../src/audit/verify.ts';
import { verifyTogether } from '../../src/audit/verify-together.ts';
import { openLog, temporaryFolder } from '../audit/make-log.ts';

test('two histories of one log are found beside each other, and a copy that lags behind is none', async () => {
  const root = temporaryFolder();
  const log = openLog(join(root, 'a'));
  log.addDecisions(299);
  const copied = (to: string) => cpSync(join(root, 'a'), join(root, to), { recursive: true });
  copied('lags');
  copied('other');
  log.addDecisions(300);
  const other = openLog(join(root, 'other'));
  other.addDecisions(1, () => ({ effect: 'deny' }));
  const verified = (...states: readonly string[]) =>
    Promise.all(states.map((state) => verifyLog(join(root, state, 'evidence/edge.1'))));

  const both = await verified('a', 'other');
  expect(both.map(({ fault }) => fault)).toEqual([null, null]);
  expect(verifyTogether(both, null)).toEqual([
    `domicile/edge/1: ${both[0]!.folder} does not begin with what is in ${both[1]!.folder}: two histories were signed`,
  ]);
  expect(verifyTogether(await verified('lags', 'a'), null)).toEqual([]);
  expect(verifyTogether(await verified('other', 'lags'), null)).toEqual([]);
});
