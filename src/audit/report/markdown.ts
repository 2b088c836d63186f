import { documentOf, type Block, type Section } from './document.ts';
import type { Report } from './model.ts';

/** A report in Markdown (CommonMark, with the tables of GitHub). Nothing in it is markup but what this writes. */
export function markdownOf(report: Report): string {
  const { title, facts, sections } = documentOf(report);
  const head = facts.map(([name, value]) => `- **${plain(name)}**: ${plain(value)}`);
  return [`# ${plain(title)}`, head.join('\n'), ...sections.map(section)].join('\n\n') + '\n';
}

function section({ heading, blocks }: Section): string {
  return [`## ${plain(heading)}`, ...blocks.map(block)].join('\n\n');
}

function block(block: Block): string {
  switch (block.kind) {
    case 'text':
      return plain(block.text);
    case 'figures':
      return block.figures.map(([value, label]) => `- ${plain(value)} ${plain(label)}`).join('\n');
    case 'findings':
      return block.findings
        .map(({ severity, text, evidence }) => {
          const entries = evidence.map(({ log, seq }) => `${log} #${seq}`).join(', ');
          return `- **${severity}**: ${plain(text)}${entries === '' ? '' : ` (${plain(entries)})`}`;
        })
        .join('\n');
    case 'table':
      return [
        `**${plain(block.caption)}**\n`,
        row(block.columns.map(({ name }) => plain(name))),
        row(block.columns.map(({ numeric }) => (numeric ? '--:' : '---'))),
        ...block.rows.map((cells) => row(cells.map(plain))),
      ].join('\n');
  }
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/**
 * A text that stays what it is: every character that could begin markup is escaped (CommonMark, section 2.4), HTML is
 * spelt out, line ends are spaces, and addresses are no links.
 */
function plain(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\\`*_[\]|~$]/g, '\\$&')
    .replaceAll(/^([-+#=])/g, '\\$1')
    .replaceAll(/^(\d+)([.)])(?=\s|$)/g, '$1\\$2')
    .replaceAll('@', '&#64;')
    .replaceAll('://', '&#58;//')
    .replaceAll(/\bwww\./gi, (www) => `${www.slice(0, 3)}&#46;`);
}
