import { describe, expect, it } from 'vitest';
import { htmlOf } from '../../src/audit/report/html.ts';
import { markdownOf } from '../../src/audit/report/markdown.ts';
import { bytes, duration } from '../../src/audit/report/words.ts';
import { hour, Story } from './report.ts';

const ASK = { requester: 'ann', from_region: 'eu-west', to_region: 'us-east', legal_basis: 'SCC 2021/914' };

/** A grant that was asked for, approved by someone and used. */
function granted(story: Story, approver = 'dpo'): void {
  story.control(1, 'request.requested', 'q1', 'ann', ASK);
  story.control(2, 'approval.given', 'q1', approver, { of: 'request', approved: true });
  story.control(2, 'request.approved', 'q1', approver, { ...ASK, grant_id: 'g1' });
  const window = { not_before: hour(2), not_after: hour(10), max_uses: 2 };
  story.control(2, 'grant.granted', 'g1', approver, { request_id: 'q1', ...ASK, legal_basis: undefined, ...window });
}
const USE = { caller_region: 'us-east', reason: 'grant', grant: 'g1' };
const codes = async (story: Story) => (await story.report()).findings.map(({ code }) => code);

describe('a report', () => {
  it('counts requests of its tenant and period alone', async () => {
    const story = new Story();
    story.request(-1);
    story.request(0);
    story.request(5, { service: 'search', verb: 'store', classification: 'content', bytes_in: 7 });
    story.request(6, { effect: 'deny', reason: 'region_not_allowed', target_region: 'us-east' });
    story.request(7, { effect: 'audit', reason: 'advisory', target_region: 'us-east' });
    story.request(8, { reason: 'failover', target_region: 'eu-central' });
    story.request(9, { reason: 'upstream_timeout', status: 504 });
    story.request(10, { tenant: 'other' });
    story.request(30 * 24);
    const { summary, by_service, by_verb, by_classification, by_region, rejections } = await story.report();
    expect(summary).toEqual({
      requests: 6,
      allowed: 4,
      audited: 1,
      refused: 1,
      bytes_in: 12,
      bytes_out: 60,
      crossings: 1,
      failovers: 1,
      failed: 1,
    });
    expect(by_service.map(({ name, requests }) => [name, requests])).toEqual([
      ['storage', 5],
      ['search', 1],
    ]);
    expect(by_verb.find(({ name }) => name === 'store')).toMatchObject({ requests: 1, allowed: 1, bytes_in: 7 });
    expect(by_classification.map(({ name }) => name)).toEqual(['identity', 'content']);
    expect(by_region.map(({ name }) => name)).toEqual(['eu-west', 'us-east', 'eu-central']);
    expect(rejections).toEqual([{ reason: 'region_not_allowed', requests: 1, share: 1 }]);
  });

  it('takes the end of a request from its outcome, also one that came after the period', async () => {
    const story = new Story();
    const first = story.request(1, { open: true, status: undefined, bytes_in: 0, bytes_out: 0 });
    const second = story.request(30 * 24 - 0.01, { open: true, bytes_out: 0 });
    story.add('outcome', 1.1, {
      of: first,
      effect: 'deny',
      reason: 'upstream_region_mismatch',
      status: 403,
      bytes_out: 99,
    });
    story.add('outcome', 30 * 24 + 0.1, { of: second, effect: 'allow', reason: 'in_residency', bytes_out: 5 });
    const { summary, rejections, findings } = await story.report();
    expect(summary).toMatchObject({ requests: 2, allowed: 1, refused: 1, bytes_out: 104 });
    expect(rejections.map(({ reason }) => reason)).toEqual(['upstream_region_mismatch']);
    expect(findings).toEqual([]);
  });

  it('lists no crossing that was refused before it left, and the one that may have left', async () => {
    const story = new Story();
    granted(story);
    const end = (reason: string, status: number) => {
      const of = story.request(3, { ...USE, open: true });
      story.add('outcome', 3.1, { of, effect: 'deny', reason, status });
    };
    end('audit_unavailable', 503);
    end('cross_border_restricted', 403);
    end('upstream_region_mismatch', 403);
    const { crossings, summary, findings } = await story.report();
    expect(crossings.map(({ reason }) => reason)).toEqual(['upstream_region_mismatch']);
    expect(summary).toMatchObject({ requests: 3, refused: 3, crossings: 1 });
    expect(
      findings.map(({ code }) => code),
      'three uses would be one too many',
    ).not.toContain('used_beyond');
  });

  it('says of what has no end that it has none', async () => {
    const story = new Story();
    story.request(1, { open: true });
    expect(await codes(story)).toEqual(['no_end']);
  });

  it('lists each crossing with approver and legal basis, from the records of its grant', async () => {
    const story = new Story();
    granted(story);
    const seq = story.request(3, { ...USE, subject: 's-1' });
    const { crossings } = await story.report();
    expect(crossings).toEqual([
      {
        time: hour(3),
        user: 'ann',
        subject: 's-1',
        classification: 'identity',
        service: 'storage',
        verb: 'access',
        resource: 'a/b',
        from_region: 'eu-west',
        to_region: 'us-east',
        effect: 'allow',
        reason: 'grant',
        grants: ['g1'],
        override: null,
        approved_by: ['dpo'],
        legal_basis: ['SCC 2021/914'],
        status: 200,
        request_id: `r-${seq}`,
        log: 'domicile/s1/1',
        seq,
      },
    ]);
  });

  it('knows an approval of before the period', async () => {
    const story = new Story();
    story.control(-50, 'grant.granted', 'g1', 'dpo', { request_id: 'q1', approved_by: ['dpo', 'cto'] });
    story.request(3, { ...USE, legal_basis: ['gdpr: scc 1'] });
    const report = await story.report();
    expect(report.crossings[0]?.approved_by).toEqual(['dpo', 'cto']);
    expect(report.findings).toEqual([]);
    expect(report.approvals.requests.approved).toBe(0);
  });

  it('tells what became of requests and overrides, and how long people took', async () => {
    const story = new Story();
    for (const [id, end, took] of [
      ['a', 'approved', 1],
      ['b', 'approved', 3],
      ['c', 'denied', 2],
      ['d', 'expired', 1],
    ] as const) {
      story.control(10, 'request.requested', id, 'ann', ASK);
      story.control(10 + took, `request.${end}`, id, 'dpo', ASK);
    }
    story.control(20, 'override.requested', 'o', 'ann', ASK);
    story.control(21, 'override.approved', 'o', 'cto', ASK);
    story.control(22, 'override.expired', 'o', 'domicile', ASK);
    const { requests, overrides } = (await story.report()).approvals;
    expect(requests).toEqual({
      requested: 4,
      approved: 2,
      denied: 1,
      expired: 1,
      revoked: 0,
      approval_rate: 2 / 3,
      median_decision_ms: 2 * 3_600_000,
    });
    expect(overrides, 'one that was in force has not lapsed undecided').toMatchObject({ approved: 1, expired: 0 });
  });

  it('does not count what was on record before the store refused it, unless it was done when it was tried again', async () => {
    const story = new Story();
    const say = (at: number, outcome: string, action: string) =>
      story.add('control', at, {
        request_id: 'r',
        actor: 'dpo',
        action,
        object: action.split('.')[0],
        object_id: 'a',
        revision: 7,
        outcome,
        data: { ...ASK, approved: true },
      });
    story.control(10, 'request.requested', 'a', 'ann', ASK);
    for (const action of ['request.approved', 'approval.approved', 'policy.updated']) say(11, 'done', action);
    for (const action of ['request.approved', 'approval.approved', 'policy.updated']) say(11, 'failed', action);
    const failed = await story.report();
    expect(failed.approvals.requests).toMatchObject({ requested: 1, approved: 0, approval_rate: null });
    expect(failed.findings.map(({ code }) => code)).not.toContain('policy_changed');
    for (const action of ['request.approved', 'policy.updated']) say(12, 'done', action);
    const again = await story.report();
    expect(again.approvals.requests).toMatchObject({ approved: 1, median_decision_ms: 2 * 3_600_000 });
    expect(again.findings.map(({ code }) => code)).toContain('policy_changed');
  });
});

describe('findings', () => {
  it.each([
    ['a grant used after its end', 'used_late', { at: 11 }],
    ['a grant used before its beginning', 'used_early', { at: 1.5 }],
  ])('%s', async (_, code, { at }) => {
    const story = new Story();
    granted(story);
    story.request(at, USE);
    expect(await codes(story)).toContain(code);
  });

  it('a grant used more often than it was good for', async () => {
    const story = new Story();
    granted(story);
    for (let i = 0; i < 3; i++) story.request(3, USE);
    const found = (await story.report()).findings.find(({ code }) => code === 'used_beyond');
    expect(found).toMatchObject({ severity: 'high', text: 'The grant g1 was good for 2 uses and was used 3 times.' });
    expect(found?.evidence).toHaveLength(3);
  });

  it('someone who approved what they had asked for', async () => {
    const story = new Story();
    granted(story, 'ann');
    story.request(3, USE);
    expect(await codes(story)).toEqual(['self_approved', 'one_approver_grant']);
  });

  it('a use that nobody approved, and without a legal basis', async () => {
    const story = new Story();
    story.request(3, { ...USE, frameworks: ['gdpr'] });
    expect((await story.report()).findings.map(({ severity, code }) => [severity, code])).toEqual([
      ['high', 'unapproved'],
      ['medium', 'no_legal_basis'],
    ]);
  });

  it('an override that nobody reviewed in time, and none when somebody did', async () => {
    for (const reviewed of [false, true]) {
      const story = new Story();
      const data = { ...ASK, approved_by: ['cto', 'dpo'], review_due_at: hour(26) };
      story.control(1, 'override.approved', 'o1', 'cto', data);
      story.request(2, { reason: 'emergency_override', override: 'o1', target_region: 'us-east' });
      if (reviewed) story.control(20, 'override.reviewed', 'o1', 'dpo', data);
      expect(await codes(story)).toEqual([reviewed ? 'override_used' : 'override_unreviewed']);
    }
  });

  it('gaps, and what they cost', async () => {
    const story = new Story();
    const gap = { tenant: '', cause: 'unclean_stop', lost: null, refused: 0 };
    story.add('gap', 1, gap);
    story.add('gap', 2, { ...gap, cause: 'unwritable', lost: 0, refused: 3 });
    story.add('gap', 3, { ...gap, cause: 'best_effort', lost: 2 });
    const found = (await story.report()).findings;
    expect(found.map(({ severity }) => severity)).toEqual(['high', 'high', 'low']);
    expect(found[2]?.text).toMatch(/^While a log could not be written, 3 requests were refused because no record/);
  });

  it('a user who is refused again and again, what passed as advisory, changes of policy', async () => {
    const story = new Story();
    for (let i = 0; i < 10; i++) story.request(1, { user: 'eve', effect: 'deny', reason: 'leak_blocked' });
    story.request(2, { effect: 'audit', reason: 'advisory' });
    story.control(3, 'policy.updated', 'p', 'op');
    expect(await codes(story)).toEqual(['advisory', 'repeated_refusals', 'no_legal_basis', 'policy_changed']);
  });

  it.each([
    [{ verified: null }, ['low', 'evidence_unverified']],
    [{ logs: [] }, ['high', 'evidence_missing']],
    [{ incomplete: ['domicile/s2/1'] }, ['medium', 'evidence_incomplete']],
    [
      {
        logs: [
          { origin: 'x', size: 1, root: '', key_ids: [], verified: false, problem: 'tile/0/000, byte 3: differs' },
        ],
      },
      ['high', 'evidence_broken'],
    ],
  ])('evidence that is not what it should be: %j', async (coverage, expected) => {
    const { findings } = await new Story().report(coverage);
    expect(findings.map(({ severity, code }) => [severity, code])).toEqual([expected]);
  });
});

describe('rendered', () => {
  const story = new Story();
  granted(story);
  story.request(3, { ...USE, subject: 's-1' });
  story.request(4, { effect: 'deny', reason: 'region_not_allowed', target_region: 'us-east' });

  it('as a page: whole, with its headings, its tables and nothing that runs or is fetched', async () => {
    const page = htmlOf(await story.report());
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).toContain('<title>Data residency report: acme</title>');
    expect([...page.matchAll(/<h2 id="[a-z-]+">([^<]+)</g)].map(([, heading]) => heading)).toEqual([
      'Summary',
      'Findings',
      'Access by type',
      'Approvals',
      'Reasons of refusals',
      'Data that crossed a border',
      'What this report was made from',
    ]);
    expect(page).toContain('<td class="number">1</td>');
    expect(page).toContain('<td>grant g1</td>');
    expect(page).not.toMatch(/<script|src=|href=|@import|url\(/i);
    expect(page).toContain('thead { display: table-header-group; }');
    const opened = [...page.matchAll(/<(section|table|tr|td|th|dl|ul|li|main|header|footer|div|dd|dt|p)\b/g)].length;
    expect([...page.matchAll(/<\/(section|table|tr|td|th|dl|ul|li|main|header|footer|div|dd|dt|p)>/g)]).toHaveLength(
      opened,
    );
  });

  it('as Markdown: the same, in tables', async () => {
    const text = markdownOf(await story.report());
    expect(text).toMatch(/^# Data residency report: acme\n/);
    expect(text).toContain('| storage | 2 | 1 | 0 | 1 | 2 B | 20 B |');
    expect(text).toContain('| grant g1 | dpo | SCC 2021/914 | domicile/s1/1 #0, r-0 |');
    expect(text.match(/^## /gm)).toHaveLength(7);
  });

  it('as the example in the documentation', async () => {
    const example = new Story();
    granted(example);
    for (let i = 0; i < 40; i++) example.request(4 + i, { user: 'ben', bytes_out: 20_000 });
    for (let i = 0; i < 12; i++)
      example.request(50, {
        user: 'etl',
        effect: 'deny',
        reason: 'region_not_allowed',
        target_region: 'us-east',
        bytes_out: 0,
      });
    example.request(5, { ...USE, subject: 's-1', resource: 'invoices/8800.pdf' });
    example.request(60, { classification: 'operational', caller_region: 'us-east', reason: 'cross_border_logged' });
    example.add('gap', 70, { tenant: '', cause: 'unwritable', lost: 0, refused: 3 });
    const log = { origin: 'domicile/s1/1', size: 54, root: 'q1bJ0mC5o0r6uTz5xw6tXy0y1V9c0y5k7pB3mC0z9aE=' };
    const control = { origin: 'domicile/s1/control', size: 5, root: 'x2m8Yk0c3nQw1V7uBz9T5hJrLd4Ea6Gs0PfKiWoXtCM=' };
    const logs = [log, control].map((each) => ({ ...each, key_ids: ['5f1a02c9'], verified: true, problem: null }));
    await expect(markdownOf(await example.report({ logs }))).toMatchFileSnapshot('../../docs/example/report.md');
  });

  it('sizes and times as people read them', () => {
    expect([0, 999, 1000, 999_949, 999_950, 12_345_678].map(bytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '999.9 kB',
      '1.0 MB',
      '12.3 MB',
    ]);
    expect([null, 900, 61_000, 3_600_000 * 3.2, 86_400_000 * 3].map(duration)).toEqual([
      '–',
      '1 s',
      '1 min',
      '3 h 12 min',
      '3 d',
    ]);
  });
});
