import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { answerAccess, askAccess, revokeAccess } from '../../src/control/approval/access.ts';
import { neverOpens } from '../../src/control/approval/openable.ts';
import { answerOverride, askOverride, revokeOverride } from '../../src/control/approval/override.ts';
import { couldApprove, verdictOf, type Word } from '../../src/control/approval/quorum.ts';
import { grantWindow, overrideLength } from '../../src/control/approval/window.ts';
import { ApiError } from '../../src/control/problem.ts';
import { readTenants } from '../../src/store/bundle.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { ACCESS_ASK, OVERRIDE_ASK } from './people.ts';
import { SETTINGS } from './rig.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const { approvals: settings } = SETTINGS;
const yes = (by: string, hash = 'h'): Word => ({ by, approved: 1, hash });
const no = (by: string, hash = 'h'): Word => ({ by, approved: 0, hash });

describe('a verdict', () => {
  it.each<[string, number, Word[], string, string[]]>([
    ['nobody has spoken', 1, [], 'pending', []],
    ['one of one', 1, [yes('b')], 'approved', ['b']],
    ['one of two', 2, [yes('b')], 'pending', ['b']],
    ['two of two', 2, [yes('b'), yes('c')], 'approved', ['b', 'c']],
    ['one person twice', 2, [yes('b'), yes('b')], 'pending', ['b']],
    ['the requester', 1, [yes('a')], 'pending', []],
    ['who would use it', 1, [yes('u')], 'pending', []],
    ['for what it was before an edit', 1, [yes('b', 'old')], 'pending', []],
    ['a denial after enough approvals', 1, [yes('b'), no('c')], 'denied', []],
    ['a denial of what it was before an edit', 1, [no('b', 'old'), yes('c')], 'denied', []],
    ['a quorum of nobody', 0, [yes('b')], 'pending', ['b']],
  ])('%s', (_, quorum, words, state, approvedBy) => {
    expect(verdictOf('h', new Set(['a', 'u']), words, quorum)).toEqual({ state, approvedBy });
  });

  it('could be reached by whoever has no part in it', () => {
    expect(couldApprove(new Set(['a', 'b', 'c']), new Set(['a', 'x']))).toBe(2);
  });
});

describe('a window', () => {
  const now = Date.UTC(2030, 0, 1);
  const times = { notBefore: null, notAfter: null, durationMinutes: null };
  it.each<[string, Partial<typeof times> | object, object]>([
    ['is an hour from the approval on', {}, { notBefore: now, notAfter: now + 60 * MINUTE }],
    ['may have a length', { durationMinutes: 1.5 }, { notBefore: now, notAfter: now + 1.5 * MINUTE }],
    [
      'may begin later',
      { notBefore: now + DAY, durationMinutes: 5 },
      { notBefore: now + DAY, notAfter: now + DAY + 5 * MINUTE },
    ],
    [
      'never begins in the past',
      { notBefore: now - DAY, durationMinutes: 5 },
      { notBefore: now, notAfter: now + 5 * MINUTE },
    ],
    ['may be as long as the cap', { notAfter: now + 14 * DAY }, { notBefore: now, notAfter: now + 14 * DAY }],
    ['is never longer', { notAfter: now + 14 * DAY + 1 }, { field: 'not_after' }],
    ['is never endless', { durationMinutes: Infinity }, { field: 'duration_minutes' }],
    ['is not past', { notAfter: now }, { field: 'not_after' }],
    ['does not end before it begins', { notBefore: now + 2, notAfter: now + 1 }, { field: 'not_after' }],
    ['is never empty', { durationMinutes: 1e-9 }, { notBefore: now, notAfter: now + 1 }],
  ])('%s', (_, given, expected) => {
    expect(grantWindow({ ...times, ...given }, now, settings)).toMatchObject(expected);
  });

  it('of an override has a default and a cap, and takes fractions', () => {
    expect(overrideLength(null, settings)).toBe(60 * MINUTE);
    expect(overrideLength(0.5, settings)).toBe(30 * MINUTE);
    expect(overrideLength(24, settings)).toBe(DAY);
    expect(overrideLength(24.001, settings)).toMatchObject({ field: 'duration_hours' });
    expect(overrideLength(Infinity, settings)).toMatchObject({ field: 'duration_hours' });
  });
});

it('nothing is ever granted for a tenant without policies', () => {
  const opening = { kind: 'grant' as const, subjects: [], classifications: [], to: 0 };
  expect(neverOpens(null, opening)).toMatchObject({ reason: 'no_policy' });
});

const PEOPLE = ['alice', 'uma', 'bob', 'carol', 'dave'] as const;
type Person = (typeof PEOPLE)[number];

type Act =
  | {
      readonly act: 'answer';
      readonly by: Person;
      readonly approved: boolean;
      readonly hash: 'none' | 'right' | 'wrong';
    }
  | { readonly act: 'edit'; readonly hashToo: boolean }
  | { readonly act: 'wait'; readonly minutes: number }
  | { readonly act: 'revoke'; readonly by: Person };

const acts: fc.Arbitrary<readonly Act[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        act: fc.constant('answer' as const),
        by: fc.constantFrom(...PEOPLE),
        approved: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, fc.constant(false)),
        hash: fc.oneof(
          { weight: 5, arbitrary: fc.constant('none' as const) },
          fc.constantFrom('right' as const, 'wrong' as const),
        ),
      }),
    },
    fc.record({ act: fc.constant('edit' as const), hashToo: fc.boolean() }),
    fc.record({ act: fc.constant('wait' as const), minutes: fc.constantFrom(5, 40) }),
    fc.record({ act: fc.constant('revoke' as const), by: fc.constantFrom(...PEOPLE) }),
  ),
  { minLength: 1, maxLength: 10 },
);

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('whatever people do, and in whatever order', () => {
  let folder: string;
  let store: Store;
  let now: number;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'domicile-approval-'));
    store = await openStore({ url: null, folder });
  });
  afterEach(() => vi.useRealTimers());
  afterAll(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  function wait(ms: number): void {
    now += ms;
    vi.setSystemTime(now);
  }
  function begin(): void {
    now = Date.UTC(2030, 0, 1);
    vi.useFakeTimers({ toFake: ['Date'], now });
  }
  const who = (by: string) => ({ actor: by, requestId: 'test' });
  const principal = (subject: string) => ({ subject, role: 'approver', tenant: 'acme', by: 'token' }) as const;

  /** True when it was done, false when it was refused as the API refuses; anything else fails the test. */
  async function done(work: Promise<unknown>): Promise<boolean> {
    try {
      await work;
      return true;
    } catch (error) {
      if (error instanceof ApiError && [403, 404, 409, 422].includes(error.status)) return false;
      throw error;
    }
  }

  /** What a reader of the rules would say, in words of its own: who has approved of what is there now. */
  class Expected {
    readonly #quorum: number;
    readonly #parties: readonly string[];
    content: string;
    readonly #asked: number;
    readonly #deadline: number;
    readonly spoken = new Set<string>();
    readonly approvals: { by: string; of: string }[] = [];
    state: 'pending' | 'open' | 'closed' = 'pending';
    altered = false;

    constructor(quorum: number, parties: readonly string[], content: string, deadline: number) {
      this.#quorum = quorum;
      this.#parties = parties;
      this.content = content;
      this.#asked = now;
      this.#deadline = deadline;
    }

    answer(by: string, approved: boolean, matches: boolean): boolean {
      if (this.#parties.includes(by) || this.state !== 'pending' || now - this.#asked >= this.#deadline) return false;
      if (this.altered || !matches || this.spoken.has(by)) return false;
      this.spoken.add(by);
      if (!approved) this.state = 'closed';
      else {
        this.approvals.push({ by, of: this.content });
        const good = this.approvals.filter(({ of }) => of === this.content);
        if (good.length >= this.#quorum) this.state = 'open';
      }
      return true;
    }
  }

  it('no grant is made without its quorum of others, bound to what is asked for', async () => {
    begin();
    await fc.assert(
      fc.asyncProperty(acts, fc.constantFrom(1, 2, 3), async (sequence, grantQuorum) => {
        const rules = { ...settings, grantQuorum };
        const { row } = await store.change(who('alice'), (change) => askAccess(change, ACCESS_ASK, rules));
        const { id } = row;
        const current = () =>
          store.db.selectFrom('requests').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
        const expected = new Expected(grantQuorum, ['alice', 'uma'], row.body, 60 * MINUTE);
        for (const [i, step] of sequence.entries()) {
          if (step.act === 'wait') wait(step.minutes * MINUTE);
          else if (step.act === 'edit') {
            // Someone who can write into the database.
            const body = JSON.stringify({ ...ACCESS_ASK, toRegion: `elsewhere-${i}` });
            await store.change(who('mallory'), async ({ db }) => {
              await db.updateTable('requests').set({ body }).where('id', '=', id).execute();
              if (step.hashToo)
                await db
                  .updateTable('requests')
                  .set({ hash: sha256(body) })
                  .where('id', '=', id)
                  .execute();
            });
            expected.content = body;
            expected.altered = !step.hashToo;
          } else if (step.act === 'revoke') {
            const ended = await done(
              store.change(who(step.by), (change) =>
                revokeAccess(change, principal(step.by), { requestId: id }, null, rules),
              ),
            );
            if (ended) expected.state = 'closed';
          } else {
            const { hash } = await current();
            const claimed = { none: null, right: hash, wrong: sha256('another') }[step.hash];
            const answer = { approved: step.approved, reason: '', hash: claimed };
            const did = await done(
              store.change(who(step.by), (change) =>
                answerAccess(change, principal(step.by), id, answer, rules, () => Promise.resolve()),
              ),
            );
            expect(did).toBe(expected.answer(step.by, step.approved, step.hash !== 'wrong'));
          }
          const grants = await store.db.selectFrom('grants').selectAll().where('request_id', '=', id).execute();
          if (expected.state === 'open') {
            expect(grants).toHaveLength(1);
            expect(grants[0]!.state).toBe('active');
          } else expect(grants.filter(({ state }) => state === 'active')).toEqual([]);
          for (const grant of grants) {
            const { approvedBy } = JSON.parse(grant.body) as { approvedBy: string[] };
            expect(new Set(approvedBy).size).toBe(approvedBy.length);
            expect(approvedBy.length).toBeGreaterThanOrEqual(grantQuorum);
            expect(approvedBy).not.toContain('alice');
            expect(approvedBy).not.toContain('uma');
            expect(grant.not_after - grant.not_before).toBe(30 * MINUTE);
          }
        }
      }),
      { numRuns: 120 },
    );
  });

  it('no override is in force without its quorum of others, but for a time before it is due', async () => {
    begin();
    await fc.assert(
      fc.asyncProperty(acts, fc.constantFrom(1, 2), fc.constantFrom(0, 30), async (sequence, quorum, afterTheFact) => {
        const rules = { ...settings, overrideQuorum: quorum, afterTheFactMinutes: afterTheFact };
        const { row } = await store.change(who('alice'), (change) => askOverride(change, OVERRIDE_ASK, rules));
        const { id } = row;
        const asked = now;
        const expected = new Expected(quorum, ['alice'], row.body, (afterTheFact || 60) * MINUTE);
        let opened = afterTheFact === 0 ? Infinity : now;
        for (const [i, step] of sequence.entries()) {
          const before = expected.state;
          if (step.act === 'wait') wait(step.minutes * MINUTE);
          else if (step.act === 'edit') {
            const { approvedBy, ...body } = JSON.parse(row.body) as { approvedBy: string[] };
            const edited = { ...body, targetRegion: `elsewhere-${i}` };
            if (expected.state !== 'pending') continue;
            await store.change(who('mallory'), async ({ db }) => {
              const set = { body: JSON.stringify({ ...edited, approvedBy }) };
              const hash = step.hashToo ? { hash: sha256(JSON.stringify(edited)) } : {};
              await db
                .updateTable('overrides')
                .set({ ...set, ...hash })
                .where('id', '=', id)
                .execute();
            });
            expected.content = JSON.stringify(edited);
            expected.altered = !step.hashToo;
          } else if (step.act === 'revoke') {
            const ended = await done(
              store.change(who(step.by), (change) => revokeOverride(change, principal(step.by), id, null, rules)),
            );
            if (ended) expected.state = 'closed';
          } else {
            const current = await store.db
              .selectFrom('overrides')
              .selectAll()
              .where('id', '=', id)
              .executeTakeFirstOrThrow();
            const claimed = { none: null, right: current.hash, wrong: sha256('another') }[step.hash];
            const answer = { approved: step.approved, reason: '', hash: claimed };
            const did = await done(
              store.change(who(step.by), (change) =>
                answerOverride(change, principal(step.by), id, answer, rules, () => Promise.resolve()),
              ),
            );
            expect(did).toBe(expected.answer(step.by, step.approved, step.hash !== 'wrong'));
          }
          if (before === 'pending' && expected.state === 'open') opened = Math.min(opened, now);
          const unapproved = expected.state === 'pending' && afterTheFact > 0 && now < asked + afterTheFact * MINUTE;
          const approved = expected.state === 'open' && now < opened + 60 * MINUTE;
          const live = (await readTenants(store.db, ['acme'], now))
            .get('acme')!
            .overrides.filter((each) => each.id === id);
          expect(live).toHaveLength(unapproved || approved ? 1 : 0);
          if (approved) expect(live[0]!.approvedBy).not.toContain('alice');
        }
      }),
      { numRuns: 120 },
    );
  });
});
