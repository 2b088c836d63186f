/** The look of the page, on a screen and on paper: headers of tables stand on each sheet, and rows are not torn apart. */
export const STYLE = `
:root { --ink: #1d2430; --soft: #5b6472; --line: #dfe3e8; --tint: #f6f7f9; --accent: #1f5f8b;
  --high: #a3161e; --medium: #8a5300; --low: #40566f; --info: #5b6472; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 82rem; padding: 3rem 2.5rem 4rem; background: #fff; color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, "Liberation Sans", sans-serif; }
h1 { margin: 0; font-size: 2.1rem; line-height: 1.2; font-weight: 650; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 0 0 .9rem; font-size: 1.2rem; font-weight: 650; break-after: avoid; }
p { margin: 0 0 .8rem; max-width: 46rem; }
.kind { margin: 0 0 .25rem; color: var(--accent); font-weight: 600; }
header { padding-bottom: 1.6rem; border-bottom: 2px solid var(--ink); }
header dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: .8rem 2rem; margin: 1.4rem 0 0; }
dt { color: var(--soft); font-size: .82rem; }
dd { margin: 0; overflow-wrap: anywhere; }
li { overflow-wrap: anywhere; }
section { margin-top: 2.6rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(12.6rem, 1fr)); margin: 0;
  border: solid var(--line); border-width: 1px 0 0 1px; }
.figures div { padding: .9rem 1rem; border: solid var(--line); border-width: 0 1px 1px 0; }
.figures dd { white-space: nowrap; font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.25; }
.figures dt { line-height: 1.35; }
table { width: 100%; margin: 0 0 1.6rem; border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { padding-bottom: .35rem; color: var(--soft); font-size: .85rem; text-align: left; break-after: avoid; }
th, td { padding: .42rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
table:not(.wide) th:first-child { width: 24%; }
td { overflow-wrap: anywhere; }
th { border-bottom: 1.5px solid var(--ink); font-size: .8rem; font-weight: 600; vertical-align: bottom; }
.number { text-align: right; white-space: nowrap; }
.code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: .86em; }
.wide { font-size: .78rem; table-layout: fixed; }
.wide th, .wide td { padding: .42rem .4rem; overflow-wrap: anywhere; }
.wide th:nth-child(1) { width: 8.5%; } .wide th:nth-child(4) { width: 19%; } .wide th:nth-child(6) { width: 12.5%; }
.wide th:nth-child(9) { width: 13%; }
.findings { margin: 0; padding: 0; list-style: none; }
.findings li { display: grid; grid-template-columns: 5.2rem 1fr; gap: .3rem 1rem; padding: .6rem 0; border-bottom: 1px solid var(--line); break-inside: avoid; }
.findings p { margin: 0; max-width: 58rem; }
.findings strong { font-size: .82rem; font-weight: 650; line-height: 1.85; }
.findings .code { color: var(--soft); }
.high strong { color: var(--high); } .medium strong { color: var(--medium); } .low strong { color: var(--low); } .info strong { color: var(--info); }
footer { margin-top: 3rem; padding-top: .8rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .82rem; }
@media print {
  @page { size: A4 landscape; margin: 14mm 13mm 16mm;
    @bottom-left { content: "Data residency report"; font: 8pt sans-serif; color: #5b6472; }
    @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; color: #5b6472; } }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  thead { display: table-header-group; }
  tr, .figures div { break-inside: avoid; }
  section { margin-top: 1.6rem; }
  .wide { font-size: 7.5pt; }
}
`;
