import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgePitId, judgeScrollId } from '../../../src/dialect/opensearch/cursor.ts';
import { PIT, SCROLL } from './cursors.ts';
import { outcome, passed } from './journey.ts';

/** The same with every id one of this cluster. */
const local = (text: string) =>
  text
    .replaceAll(SCROLL.remote, SCROLL.local)
    .replaceAll(SCROLL.both, SCROLL.local)
    .replaceAll(PIT.remote, PIT.local)
    .replaceAll(PIT.both, PIT.local)
    .replaceAll(encodeURIComponent(SCROLL.remote), encodeURIComponent(SCROLL.local));

describe('scroll and point-in-time ids', () => {
  it('passes ids of this cluster, with and without padding', () => {
    expect(judgeScrollId(SCROLL.local)).toBeNull();
    expect(judgeScrollId(SCROLL.local.replace(/=+$/, ''))).toBeNull();
    expect(judgePitId(PIT.local)).toBeNull();
  });

  it('refuses ids that name another cluster, alone or beside this one, as leak_blocked', () => {
    for (const id of [SCROLL.remote, SCROLL.both]) expect(judgeScrollId(id)?.reason).toBe('leak_blocked');
    for (const id of [PIT.remote, PIT.both]) expect(judgePitId(id)?.reason).toBe('leak_blocked');
    expect(judgeScrollId(Buffer.from('us:YBvXDFurTC6WiwenAi0bMQ').toString('base64url'))?.leak).toBe('opaque_id');
  });

  it('refuses ids that do not decode as request_malformed', () => {
    for (const id of ['', '!', 'a b', 'c2Nyb2xs', `${SCROLL.local}A`, SCROLL.local.slice(0, -4), `${PIT.local}\n`]) {
      expect(judgeScrollId(id)?.reason).toBe('request_malformed');
      expect(judgePitId(id)?.reason).toBe('request_malformed');
    }
    expect(judgeScrollId(PIT.local)?.reason).toBe('request_malformed');
    expect(judgePitId(SCROLL.local)?.reason).toBe('request_malformed');
  });

  it('refuses a point in time with an alias filter, which is a query of its own', () => {
    const bytes = Buffer.from(PIT.local, 'base64url');
    bytes[bytes.length - 1] = 1;
    expect(judgePitId(bytes.toString('base64url'))?.reason).toBe('request_malformed');
  });

  it('never throws nor hangs, whatever the bytes', () => {
    const seeds = fc.constantFrom(SCROLL.local, SCROLL.remote, PIT.local, PIT.both);
    const edits = fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(seeds, edits, (id, changes) => {
        const bytes = Buffer.from(id, 'base64url');
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const changed = bytes.toString('base64url');
        for (const refusal of [judgeScrollId(changed), judgePitId(changed)]) {
          expect([undefined, 'leak_blocked', 'request_malformed']).toContain(refusal?.reason);
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('finds them wherever a request carries them', () => {
    const json = JSON.stringify;
    const cases: [string, string, string][] = [
      ['GET', `/_search/scroll/${SCROLL.remote}`, ''],
      ['GET', `/_search/scroll?scroll_id=${encodeURIComponent(SCROLL.remote)}`, ''],
      ['POST', '/_search/scroll', json({ scroll: '1m', scroll_id: SCROLL.remote })],
      ['DELETE', `/_search/scroll/${SCROLL.local},${SCROLL.remote}`, ''],
      ['DELETE', '/_search/scroll', json({ scroll_id: [SCROLL.local, SCROLL.both] })],
      ['DELETE', '/_search/scroll', json({ scroll_id: SCROLL.remote })],
      ['DELETE', '/_search/point_in_time', json({ pit_id: [PIT.local, PIT.both] })],
      ['POST', '/_search', json({ pit: { id: PIT.remote, keep_alive: '1m' } })],
      ['POST', '/_msearch', `{}\n${json({ pit: { id: PIT.remote } })}\n`],
    ];
    for (const [method, target, body] of cases) {
      expect([method, target.slice(0, 20), outcome(method, target, { body })]).toEqual([
        method,
        target.slice(0, 20),
        'leak_blocked',
      ]);
      expect(outcome(method, local(target), { body: local(body) })).toBe('passed');
    }
  });

  it('names nothing, so that a policy with a list of resources refuses it', () => {
    const body = JSON.stringify({ scroll_id: SCROLL.local });
    expect(passed('POST', '/_search/scroll', { body }).call.naming).toBe('none');
    expect(passed('POST', '/_search', { body: JSON.stringify({ pit: { id: PIT.local } }) }).call.naming).toBe('none');
    expect(
      passed('POST', '/_msearch', { body: `{}\n${JSON.stringify({ pit: { id: PIT.local } })}\n` }).resources,
    ).toEqual(['_all']);
  });

  it('is not served where a template keeps tenants apart in one cluster', () => {
    const body = JSON.stringify({ scroll_id: SCROLL.local });
    expect(outcome('POST', '/_search/scroll', { body, template: '{tenant}-{index}' })).toBe('leak_blocked');
    expect(outcome('POST', '/_search/scroll', { body, template: '{index}-{region}' })).toBe('passed');
    const search = JSON.stringify({ pit: { id: PIT.local } });
    expect(outcome('POST', '/_search', { body: search, template: '{tenant}-{index}' })).toBe('leak_blocked');
    expect(outcome('POST', '/_search', { body: search, template: '{index}-{region}' })).toBe('passed');
    expect(outcome('POST', '/_search', { body: '{}', template: '{index}-{region}' })).toBe('leak_blocked');
    const pit = JSON.stringify({ pit_id: PIT.local });
    expect(outcome('DELETE', '/_search/point_in_time', { body: pit, template: '{classification}-{index}' })).toBe(
      'leak_blocked',
    );
  });

  it('refuses a point in time beside an index, and bodies with other keys', () => {
    const pit = JSON.stringify({ pit: { id: PIT.local } });
    expect(outcome('POST', '/idx/_search', { body: pit })).toBe('request_malformed');
    expect(outcome('POST', '/_msearch', { body: `{"index":"idx"}\n${pit}\n` })).toBe('request_malformed');
    expect(outcome('POST', '/_search/scroll', { body: '{"scroll_id":1}' })).toBe('request_malformed');
    expect(outcome('POST', '/_search/scroll', { body: '{"index":"x"}' })).toBe('operation_not_permitted');
    expect(outcome('POST', '/_search/scroll', { body: '{"scroll_id":"_all"}' })).toBe('operation_not_permitted');
  });
});
