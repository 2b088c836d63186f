// What restricts is kept on disk by each process under its number. Run for a month as one process, and then as several again, those
// would begin with what their numbers had known a month ago, although this sidecar has since acknowledged that it is outdated.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Primary } from '../../src/app/cluster/primary.ts';
import { Domicile } from '../../src/app/domicile.ts';
import { writeFiles } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';

const NAMES = ['last-good', 'last-good-1', 'last-good-2', 'last-good-3', 'last-good.key', 'last-goods'];

/** A configuration, and a state folder in which earlier runs have left this. */
function leftover(): { config: string; state: string; kept: () => string[] } {
  const folder = writeFiles({ regions: [regionAt('eu-west', { search: 'http://127.0.0.1:1' })], policies: [] });
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const state = join(folder, 'state');
  mkdirSync(state, { mode: 0o700 });
  for (const name of NAMES) writeFileSync(join(state, name), 'x'.repeat(32), { mode: 0o600 });
  const kept = () => NAMES.filter((name) => existsSync(join(state, name)));
  return { config: join(folder, 'domicile.yaml'), state, kept };
}

const options = (config: string) => ({
  config,
  version: '0.0.0-test',
  env: {},
  origin: { kind: 'remote', url: 'unix:/nobody/listens/here.sock' } as const,
  log: { write: () => undefined },
});

test('one process begins with nothing that several had kept', async () => {
  const { config, kept } = leftover();
  const domicile = await Domicile.start(options(config));
  onTestFinished(() => domicile.drain(0));
  expect(kept()).not.toContain('last-good-1');
  expect(kept()).toEqual(expect.arrayContaining(['last-good.key', 'last-goods']));
});

test('nor do two with what one, or a third, had kept', async () => {
  const { config, kept } = leftover();
  await expect(
    Primary.start({ ...options(config), workers: 2, env: { DOMICILE_OPS_LISTEN: '203.0.113.1:1' } }),
  ).rejects.toThrow();
  expect(kept()).toEqual(['last-good-1', 'last-good-2', 'last-good.key', 'last-goods']);
});
