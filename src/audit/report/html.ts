import { documentOf, type Block, type Column, type Section } from './document.ts';
import type { Finding, Report } from './model.ts';
import { STYLE } from './style.ts';

/** Nothing is fetched and nothing runs, even if something in it were taken for markup. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** Text that is HTML already. */
class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = string | number | Html | readonly Html[];

/** HTML whose values are escaped, unless they are HTML themselves. */
function markup(pieces: TemplateStringsArray, ...values: readonly Value[]): Html {
  let text = pieces[0] as string;
  values.forEach((value, i) => (text += written(value) + (pieces[i + 1] as string)));
  return new Html(text);
}

function written(value: Value): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return (value as readonly Html[]).map(({ text }) => text).join('');
  return escaped(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Also without characters that turn the direction of text, or that are seen nowhere. */
function escaped(text: string): string {
  return text
    .replaceAll(/[&<>"']/g, (character) => ENTITIES[character] as string)
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, '\ufffd');
}

/** A report as one page of HTML that needs nothing else, and that a browser prints well. */
export function htmlOf(report: Report): string {
  const { title, tenant, facts, sections } = documentOf(report);
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="generator" content="Domicile">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<header>
<p class="kind">Data residency report</p>
<h1>${tenant}</h1>
<dl>${facts.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</header>
<main>
${sections.map(section)}</main>
<footer>Made by Domicile from signed logs of evidence.</footer>
</body>
</html>
`;
  return page.text;
}

function section({ heading, blocks }: Section): Html {
  const id = heading.toLowerCase().replaceAll(/[^a-z]+/g, '-');
  return markup`<section aria-labelledby="${id}">
<h2 id="${id}">${heading}</h2>
${blocks.map(block)}</section>
`;
}

function block(block: Block): Html {
  switch (block.kind) {
    case 'text':
      return markup`<p>${block.text}</p>\n`;
    case 'figures':
      return markup`<dl class="figures">${block.figures.map(([value, label]) => markup`<div><dd>${value}</dd><dt>${label}</dt></div>`)}</dl>\n`;
    case 'findings':
      return markup`<ul class="findings">\n${block.findings.map(finding)}</ul>\n`;
    case 'table':
      return table(block.caption, block.columns, block.rows);
  }
}

function table(caption: string, columns: readonly Column[], rows: readonly (readonly string[])[]): Html {
  const wide = new Html(columns.length > 8 ? ' class="wide"' : '');
  const heads = columns.map((column) => markup`<th scope="col"${headOf(column)}>${column.name}</th>`);
  return markup`<table${wide}>
<caption>${caption}</caption>
<thead><tr>${heads}</tr></thead>
<tbody>
${rows.map((cells) => row(cells, columns))}</tbody>
</table>
`;
}

function row(cells: readonly string[], columns: readonly Column[]): Html {
  return markup`<tr>${cells.map((cell, i) => markup`<td${classOf(columns[i] as Column)}>${cell}</td>`)}</tr>\n`;
}

function classOf({ numeric, code }: Column): Html {
  return new Html(numeric ? ' class="number"' : code ? ' class="code"' : '');
}

function headOf({ numeric }: Column): Html {
  return new Html(numeric ? ' class="number"' : '');
}

function finding({ severity, text, evidence }: Finding): Html {
  const entries = evidence.map(({ log, seq }) => `${log} #${seq}`).join(', ');
  const shown = entries === '' ? new Html('') : markup` <span class="code">${entries}</span>`;
  return markup`<li class="${severity}"><strong>${severity}</strong><p>${text}${shown}</p></li>\n`;
}
