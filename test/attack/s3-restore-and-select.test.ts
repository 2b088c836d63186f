// PROTOCOLS, leak table "S3", row "Restore/Select output": a restore may carry an OutputLocation, and S3 then writes the
// object, or what a query selects from it, into any bucket of any account. SelectObjectContent answers inline: it is a read.
import { gzipSync } from 'node:zlib';
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const target = '/reports/2026?restore';
const restore = (inner: string) =>
  `<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</RestoreRequest>`;
const OUTPUT = '<OutputLocation><S3><BucketName>copies-us-east-1</BucketName><Prefix>x</Prefix></S3></OutputLocation>';

test.each([
  ['an output location', restore(OUTPUT)],
  ['an output location behind what is allowed', restore(`<Days>1</Days>${OUTPUT}`)],
  ['a selection', restore('<Type>SELECT</Type><SelectParameters><Expression>*</Expression></SelectParameters>')],
])('a restore with %s is refused', async (_, body) => {
  await world.refuses({ method: 'POST', target, body }, { reason: 'leak_blocked', leak: 'restore_output' });
});

test('an output location inside gzip is found', async () => {
  await world.refuses(
    { method: 'POST', target, body: gzipSync(restore(OUTPUT)), headers: { 'Content-Encoding': 'gzip' } },
    { reason: 'leak_blocked', leak: 'restore_output' },
  );
});

test('a body in which an output location could hide is refused', async () => {
  const stacked = gzipSync(gzipSync(restore(OUTPUT)));
  const bodies = [
    { body: `<!DOCTYPE x [<!ENTITY o "${OUTPUT.replaceAll('"', '')}">]>${restore('&o;')}` },
    { body: Buffer.from(`\ufeff${restore(OUTPUT)}`, 'utf16le') },
    { body: restore(OUTPUT.replaceAll(/<(\/?)(?=[A-Z])/g, '<$1x:')) },
    { body: `<!-- -->${restore(OUTPUT)}` },
    { body: stacked, headers: { 'Content-Encoding': 'gzip, gzip' } },
    { body: restore(OUTPUT), headers: { 'Content-Encoding': 'gzip' } },
    { body: restore(OUTPUT), headers: { 'Content-Encoding': 'br' } },
  ];
  for (const sent of bodies) await world.refuses({ method: 'POST', target, ...sent }, { reason: 'request_malformed' });
});

test('a body too large to be looked at is refused, not waved through', async () => {
  const body = restore(`<Description>${'x'.repeat(2 << 20)}</Description>${OUTPUT}`);
  await world.refuses({ method: 'POST', target, body }, { reason: 'body_too_large_to_inspect' });
});

test('selecting from data of another region crosses the border as reading it does', async () => {
  const body = '<SelectObjectContentRequest/>';
  const select = { method: 'POST', target: '/reports/2026?select&select-type=2', body };
  await world.refuses({ ...select, tenant: 'globex' }, { reason: 'cross_border_restricted' });
  await world.forwards(select, { region: 'eu-west', reason: 'in_residency' });
});

test('a restore to where the object lies goes through', async () => {
  await world.forwards(
    { method: 'POST', target, body: restore('<Days>1</Days>') },
    { region: 'eu-west', reason: 'in_residency' },
  );
});
