import { describe, expect, it } from 'vitest';
import { htmlOf } from '../../src/audit/report/html.ts';
import { markdownOf } from '../../src/audit/report/markdown.ts';
import { Story } from '../audit/report.ts';

/**
 * Whoever sends requests chooses names of users, subjects and objects, and whoever asks for a grant chooses its words. All
 * of it is in the report that an auditor opens, in a browser or as rendered Markdown, and must stay what it is: text.
 */
const TEXTS = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '"><svg/onload=alert(1)>',
  "' onmouseover='alert(1)",
  '</td></tr></table><h1>All clear</h1>',
  '</style><script>alert(1)</script>',
  '&lt;script&gt;',
  '[a link](javascript:alert(1))',
  '![a picture](https://evil.example/pixel.png)',
  '<https://evil.example>',
  'https://evil.example and www.evil.example and eve@evil.example',
  'a | b | c',
  'a \\| b \\',
  '`code` **bold** _thin_ ~~gone~~ $x$',
  'one\n\n# Findings\n\nNone.',
  'one\r\n| two | three |',
  '- item\n1. item',
  '\u202egnp.exe \u200b hidden \u0000 nul',
];

async function reportWith(text: string) {
  const story = new Story();
  const told = {
    user: text,
    subject: text,
    resource: text,
    classification: text,
    target_region: text,
    caller_region: text,
  };
  story.request(1, {
    ...told,
    reason: 'grant',
    grant: text,
    approved_by: [text],
    legal_basis: [text],
    request_id: text,
  });
  for (let i = 0; i < 10; i++)
    story.request(2, { user: text, service: text, verb: text, effect: 'deny', reason: 'leak_blocked' });
  story.request(3, { effect: 'deny', reason: text });
  story.control(4, 'request.requested', text, text, { requester: text, legal_basis: text });
  return story.report({
    logs: [{ origin: text, size: 1, root: text, key_ids: [text], verified: false, problem: text }],
    incomplete: [text],
  });
}

const PLAIN = 'nothing special';

describe('a report with %j in everything', () => {
  it.each(TEXTS)('as HTML has no element that it would not have: %j', async (text) => {
    const tags = (page: string) => page.match(/<[a-z!/][^>]*>/gi);
    const page = htmlOf(await reportWith(text));
    expect(tags(page)).toEqual(tags(htmlOf(await reportWith(PLAIN))));
    expect(page).not.toContain(text.includes('<') ? text : '\u0000');
    expect(page).not.toMatch(/[\u0000-\u0008\u200b\u202a-\u202e]/);
  });

  it.each(TEXTS)('as Markdown has no line, cell, link or element that it would not have: %j', async (text) => {
    const shape = (markdown: string) => markdown.split('\n').map((line) => [/^[#>-]*/.exec(line)?.[0], cells(line)]);
    const markdown = markdownOf(await reportWith(text));
    expect(shape(markdown)).toEqual(shape(markdownOf(await reportWith(PLAIN))));
    const bare = markdown.replaceAll(/\\[!-/:-@[-`{-~]/g, '');
    expect(bare, 'no HTML and no autolink').not.toMatch(/[<>]/);
    expect(bare, 'no link, picture, code or emphasis').not.toMatch(/[[\]`~$]|:\/\/|\bwww\.|@/);
    expect(bare.replaceAll(/^- \*\*|\*\*:|^\*\*|\*\*$/gm, '')).not.toMatch(/[*_]/);
  });
});

/** Cells of a line: bars that are not escaped. */
function cells(line: string): number {
  return line.replaceAll(/\\./g, '').split('|').length;
}
