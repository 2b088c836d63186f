import { hint } from '../core/closest.ts';
import { UsageError, type Command, type Subcommand } from './command.ts';

/** What can be done with evidence. Each is loaded when it is asked for. */
const ACTIONS: Readonly<Record<string, { readonly summary: string; load(): Promise<Subcommand> }>> = {
  verify: {
    summary: 'whether logs are complete and unaltered',
    load: async () => (await import('./audit/verify.ts')).verify,
  },
  query: {
    summary: 'finds entries by tenant, person, region, time …',
    load: async () => (await import('./audit/query.ts')).query,
  },
  report: {
    summary: 'what happened to the data of a tenant, for people',
    load: async () => (await import('./audit/report.ts')).report,
  },
  prove: {
    summary: 'a proof that one entry is in its log',
    load: async () => (await import('./audit/prove.ts')).prove,
  },
  'check-proof': {
    summary: 'checks such a proof, without the log',
    load: async () => (await import('./audit/check-proof.ts')).checkProof,
  },
  key: {
    summary: 'the keys that logs are verified with; rotates the private one',
    load: async () => (await import('./audit/key.ts')).key,
  },
};

const NAMES = Object.keys(ACTIONS);
const WIDTH = Math.max(...NAMES.map((name) => name.length));

const HELP = `domicile audit: the evidence log

  domicile audit <action> [options]

${Object.entries(ACTIONS)
  .map(([name, { summary }]) => `  ${name.padEnd(WIDTH)}  ${summary}\n`)
  .join('')}
domicile audit <action> --help tells more.
`;

export const audit: Command = {
  help: HELP,
  async helpFor([name = '']) {
    return Object.hasOwn(ACTIONS, name) ? (await ACTIONS[name]!.load()).help : HELP;
  },
  async run([name, ...args]) {
    if (name === undefined) throw new UsageError(`say what to do: ${NAMES.join(', ')}`);
    if (!Object.hasOwn(ACTIONS, name))
      throw new UsageError(`no action "${name}"${hint(name, NAMES)}: use ${NAMES.join(', ')}`);
    return (await ACTIONS[name]!.load()).run(args);
  },
};
