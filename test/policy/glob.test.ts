import fc from 'fast-check';
import { expect, test } from 'vitest';
import { covers } from '../../src/policy/glob.ts';

/** The other way to the same answer: a regular expression. */
const asPattern = (glob: string) =>
  new RegExp(
    `^${glob
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('[^]*')}$`,
  );

const letters = fc.string({ unit: fc.constantFrom('a', 'b', '/', '-', '.', '*', '?'), maxLength: 12 });

test('agrees with a regular expression on random globs and names', () => {
  fc.assert(
    fc.property(letters, letters, (glob, name) => {
      expect(covers(glob, name)).toBe(asPattern(glob).test(name));
    }),
    { numRuns: 5000 },
  );
});

test('a wildcard name is covered only by a glob that covers all it can mean', () => {
  fc.assert(
    fc.property(
      letters,
      letters,
      fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 4 }),
      (glob, name, filling) => {
        if (covers(glob, name)) expect(covers(glob, name.replaceAll('*', filling))).toBe(true);
      },
    ),
    { numRuns: 5000 },
  );
  expect(covers('acme-*', 'acme-2*')).toBe(true);
  expect(covers('acme-2*', 'acme-*')).toBe(false);
  expect(covers('acme-*', '*')).toBe(false);
});

test('only the star is special', () => {
  expect(covers('a?c', 'abc')).toBe(false);
  expect(covers('[ab]', 'a')).toBe(false);
  expect(covers('invoices/*', 'invoices/2026/1.txt')).toBe(true);
  expect(covers('', '')).toBe(true);
  expect(covers('', 'a')).toBe(false);
});

test('many stars against a long name end before the test times out', () => {
  expect(covers('*a'.repeat(50) + 'b', 'a'.repeat(5000))).toBe(false);
});
