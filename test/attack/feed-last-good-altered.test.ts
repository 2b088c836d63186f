// The last good state lies on a disk. Whoever can write there would like a proxy that restarts, cut off, to believe looser
// pins than were in force: by changing a line, by taking one out, by putting an old one last, by another sidecar's file.
// Such a file is refused whole, and the proxy has nothing to serve by until its control plane answers.
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { LastGood, type LastGoodOptions } from '../../src/feed/last-good.ts';
import { MemorySource } from '../feed/source.ts';
import { folder, Lines, Rig } from '../feed/world.ts';

const URL = 'unix:/nonexistent/feed.sock';
const TOKEN = 'the token of the feed';

function options(path: string, over: Partial<LastGoodOptions> = {}): LastGoodOptions {
  return { path, name: 'proxy-1', url: URL, token: TOKEN, log: new Lines(), ...over };
}

/** A file in which acme was pinned to us-east and then to eu-west, and globex is pinned to us-east. */
async function written(over: Partial<LastGoodOptions> = {}): Promise<string> {
  const path = join(folder(), 'last-good');
  const source = new MemorySource();
  const kept = await LastGood.open(options(path, over));
  kept.world(1, await source.world());
  kept.attach(() => kept.found);
  await kept.flush();
  for (const [tenant, region] of [
    ['acme', 'us-east'],
    ['globex', 'us-east'],
    ['acme', 'eu-west'],
  ] as const) {
    source.pin(tenant, region);
    kept.document(source.document(tenant));
  }
  kept.at(source.at);
  await kept.close();
  return path;
}

/** Opens what lies there, and says why it was not believed. */
async function refusal(path: string, over: Partial<LastGoodOptions> = {}): Promise<string | null> {
  const log = new Lines();
  const kept = await LastGood.open(options(path, { ...over, log }));
  onTestFinished(() => kept.close());
  const { refused } = kept.state();
  const rig = new Rig(URL, { lastGood: kept });
  if (refused === null) return null;
  expect(rig.client.get('acme')).toBeUndefined();
  expect(rig.client.get('globex')).toBeUndefined();
  expect(rig.client.world).toBeNull();
  expect(rig.client.state().revision).toBe(0);
  expect(log.text).toContain('the last good state is refused');
  expect(existsSync(`${path}.refused`)).toBe(true);
  return refused;
}

async function altered(alter: (lines: string[]) => string[]): Promise<string | null> {
  const path = await written();
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  writeFileSync(
    path,
    alter(lines)
      .map((line) => `${line}\n`)
      .join(''),
  );
  return refusal(path);
}

const json = (line: string) => line.slice(line.indexOf(' ') + 1);

test('a file that was left alone is believed', async () => {
  expect(await altered((lines) => lines)).toBeNull();
});

test('one with a looser pin is refused', async () => {
  expect(await altered((lines) => lines.map((line) => line.replaceAll('eu-west', 'us-east')))).toMatch(
    /^line \d is not signed by us, in this place$/,
  );
});

test('one with a grant written in is refused', async () => {
  expect(await altered((lines) => lines.map((line) => line.replace('"grants":[]', '"grants":[{}]')))).toContain(
    'not signed',
  );
});

test('one whose lines are in another order is refused, though each is signed', async () => {
  expect(await altered(([first, ...rest]) => [first!, ...rest.toReversed()])).toBe(
    'line 2 is not signed by us, in this place',
  );
});

test('one from whose middle a line was taken is refused', async () => {
  expect(await altered((lines) => lines.filter((_, i) => i !== 2))).toBe('line 3 is not signed by us, in this place');
});

test('one with an old line repeated at its end is refused', async () => {
  expect(await altered((lines) => [...lines, lines.find((line) => line.includes('us-east'))!])).toContain('not signed');
});

test('one whose signatures were stripped is refused', async () => {
  expect(await altered((lines) => lines.map(json))).toBe('its first line is not that of such a file');
  expect(await altered((lines) => lines.map((line) => ` ${json(line)}`))).toContain('line 1 is not signed by us');
  expect(await altered(([first, ...rest]) => [first!, ...rest.map(json)])).toContain('line 2 is not signed by us');
});

test('one whose signatures are empty, short, or another’s is refused', async () => {
  for (const signature of ['', 'AAAA', 'A'.repeat(43)])
    expect(
      await altered(([first, ...rest]) => [first!, ...rest.map((line) => `${signature} ${json(line)}`)]),
    ).toContain('line 2 is not signed by us');
});

test('one that is empty, or no such file, is refused', async () => {
  expect(await altered(() => [])).toBe('it is empty');
  expect(await altered(() => ['acme: us-east'])).toBe('its first line is not that of such a file');
  expect(await altered((lines) => lines.map((line) => line.replace('"version":1', '"version":2')))).toBe(
    'it is of version 2, this is 1',
  );
});

test('one of another sidecar, of another control plane, or of another token is refused', async () => {
  expect(await refusal(await written({ name: 'proxy-2' }))).toBe(
    `it was written by proxy-2, fed by ${URL}; this is proxy-1, fed by ${URL}`,
  );
  expect(await refusal(await written({ url: 'unix:/evil.sock' }))).toContain('fed by unix:/evil.sock');
  expect(await refusal(await written({ token: 'a token of the attacker' }))).toBe(
    'line 1 is not signed by us: its key is another (a new feed.token?)',
  );
  // Renamed in its first line, it is no better.
  const path = await written({ name: 'proxy-2' });
  writeFileSync(path, readFileSync(path, 'utf8').replace('proxy-2', 'proxy-1'));
  expect(await refusal(path)).toContain('line 1 is not signed by us');
});

test('without a token, one of another machine is refused: the key lies beside it, and is open to nobody', async () => {
  const here = await written({ token: null });
  const there = await written({ token: null });
  copyFileSync(there, here);
  expect(await refusal(here, { token: null })).toContain('line 1 is not signed by us');
  chmodSync(`${there}.key`, 0o644);
  await expect(LastGood.open(options(there, { token: null }))).rejects.toThrow(`${there}.key is open to other users`);
});
