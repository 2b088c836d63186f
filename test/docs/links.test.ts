import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './markdown.ts';

const PAGES = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

describe.each(PAGES)('%s', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');

  it('links only to what is there', () => {
    const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target]) => target!);
    const local = links.filter((target) => !/^[a-z]+:/.test(target));
    for (const target of local) expect(existsSync(join(ROOT, dirname(page), target)), target).toBe(true);
  });

  it('names only files of the project that are there', () => {
    const named = [...text.matchAll(/`((?:src|config|policies|test|docs|deploy|bench)\/[\w./-]*)`/g)].map(
      ([, path]) => path!,
    );
    for (const path of named) expect(existsSync(join(ROOT, path)), path).toBe(true);
  });
});

it('every page of docs/ can be reached from the README', () => {
  const reached = new Set<string>();
  const queue = ['README.md'];
  for (const page of queue) {
    if (reached.has(page)) continue;
    reached.add(page);
    const text = readFileSync(join(ROOT, page), 'utf8');
    for (const [, target] of text.matchAll(/\]\(([^)#\s:]+)(?:#[^)]*)?\)/g)) {
      const path = relative(ROOT, join(ROOT, dirname(page), target!));
      if (path.endsWith('.md')) queue.push(path);
      else if (path === 'docs/adr') queue.push(...PAGES.filter((known) => known.startsWith('docs/adr/')));
    }
  }
  expect(PAGES.filter((page) => !reached.has(page))).toEqual([]);
});
