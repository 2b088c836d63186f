// A reload names other keys of the token issuer, and is refused over something else. The keys that came with it must not come into force
// behind everybody's back with the next word of the control plane.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { TokenIssuer } from './issuer.ts';
import { regionsWith, startFed } from './fed-world.ts';

const issuer = await TokenIssuer.make('ES256', 'ours');
const stranger = await TokenIssuer.make('ES256', 'theirs');
const { jwt, done } = issuer.settings();
const theirs = stranger.settings();
afterAll(() => {
  done();
  theirs.done();
});

const fed = await startFed({ identity: { sources: ['jwt'], jwt } });
const { control, domicile } = fed;
const asked = async (of: TokenIssuer) => {
  const headers = { authorization: `Bearer ${await of.token()}`, 'x-data-classification': 'content' };
  return (await fetch(`${fed.search}/reports/_doc/1`, { headers })).headers.get('x-residency-reason');
};

test('keys of files that were refused verify nothing, also after the control plane has changed regions', async () => {
  control.documents = () => fed.document();
  expect([await asked(issuer), await asked(stranger)]).toEqual(['in_residency', 'identity_unauthenticated']);
  const { file, catalogue } = domicile.loaded.settings;
  const edit = (path: string, change: (written: Record<string, unknown>) => void) => {
    const written = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    change(written);
    writeFileSync(path, JSON.stringify(written));
  };
  edit(file, (written) => (written['identity'] = { sources: ['jwt'], jwt: theirs.jwt }));
  edit(catalogue, ({ regions }) => ((regions as { country: string }[])[1]!.country = 'AT'));
  expect(await domicile.reload('test')).toBe(false);
  control.change(null, { regions: regionsWith({ 'us-east': 'draining' }) });
  control.sayWorld();
  await expect
    .poll(() => domicile.plane.proxy.snapshot.catalogue.regions.find(({ id }) => id === 'us-east')!.status)
    .toBe('draining');
  expect([await asked(issuer), await asked(stranger)]).toEqual(['in_residency', 'identity_unauthenticated']);
});
