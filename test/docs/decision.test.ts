import { execFile } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { CLASSIFICATIONS, MODES, VERBS } from '../../src/core/vocabulary.ts';
import { REASON_NAMES } from '../../src/core/reasons.ts';
import { quoted, read, ROOT, table } from './markdown.ts';

const DECISION = read('docs/decision.md');
const execute = promisify(execFile);

describe('what explain prints in docs/decision.md', () => {
  const shown = [...DECISION.matchAll(/```text\n\$ (domicile explain (?:[^\n]*\\\n)*[^\n]*)\n(.*?)\n```/gs)];

  it('is shown for an allowance, a refusal and a grant', () => {
    expect(shown).toHaveLength(3);
  });

  it.each(shown.map(([, command, output]) => [output!.split('\n').at(-1)!, command!, output!] as const))(
    '%s is what it prints today',
    async (_, command, output) => {
      const { stdout } = await execute('sh', ['-c', `domicile() { node src/main.ts "$@"; }\n${command}`], {
        cwd: ROOT,
        env: { PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) },
      });
      expect(stdout.trimEnd()).toBe(output);
    },
  );
});

describe('the tables of docs/decision.md', () => {
  it('tell every mode', () => {
    expect(table(DECISION, 'mode').map(([mode]) => quoted(mode!)[0])).toEqual([...MODES]);
  });

  it('tell of every class how it crosses a border', () => {
    const told = table(DECISION, 'caller').flatMap(([caller]) => quoted(caller!));
    expect(new Set(told)).toEqual(new Set(CLASSIFICATIONS));
  });

  it('tell every verb', () => {
    const line = /\*\*Verb\*\*: (.*?)\n- /s.exec(DECISION)![1]!;
    expect(quoted(line)).toEqual([...VERBS]);
  });

  it('name only reasons that there are', () => {
    const known = new Set<string>([...REASON_NAMES, ...VERBS]);
    const borders = table(DECISION, 'caller').flatMap(([, answer]) => quoted(answer!));
    for (const word of borders) expect(known).toContain(word);
  });
});
