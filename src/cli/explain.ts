import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { denial, Explainer, FACT_KEYS, type Explanation, type WrittenFacts } from '../app/explain.ts';
import { loadConfiguration } from '../app/config/load.ts';
import { formatProblem, hasErrors } from '../app/config/problem.ts';
import { writtenIdentity } from '../app/identity.ts';
import { tenantSource } from '../app/tenants.ts';
import { momentOf } from '../core/schema.ts';
import { DIALECTS_OF, SERVICES, VERBS, type Service } from '../core/vocabulary.ts';
import { MalformedJson, parseJson } from '../dialect/json.ts';
import type { Step, Trace } from '../policy/trace.ts';
import { CommandError, readArguments, UsageError, type Command } from './command.ts';

const HELP = `domicile explain: one decision, step by step

  domicile explain --tenant ID --classification CLASS --verb VERB --service SERVICE [options]
  domicile explain --batch FILE [--config FILE]

  --tenant ID            whose data
  --classification NAME  identity, transactional, operational, content, analytical, or an alias
  --verb VERB            ${VERBS.join(', ')}
  --service NAME         ${SERVICES.join(', ')}
  --dialect NAME         for inference: ${DIALECTS_OF.inference.join(', ')}
  --subject ID           the person the data is about
  --user ID              who acts
  --resource NAME        bucket/key, index expression or model id
  --region NAME          region wanted (id or cloud region)
  --caller-region NAME   where the caller is; default: self.region
  --grant ID             the grant to use
  --at TIME              decide as of this time (ISO 8601); default: now
  --json                 one JSON object, with the steps
  --batch FILE           one JSON object of facts a line (keys ${FACT_KEYS.join(', ')}),
                         one JSON answer a line, in order; - reads standard input
  --config FILE          default: config/domicile.yaml

By the files alone, not by what the control plane's store holds. Every endpoint counts as healthy, and no grant is used up.
Exits 0 for a refusal too.
`;

const OPTIONS = {
  tenant: { type: 'string' },
  classification: { type: 'string' },
  verb: { type: 'string' },
  service: { type: 'string' },
  dialect: { type: 'string' },
  subject: { type: 'string' },
  user: { type: 'string' },
  resource: { type: 'string' },
  region: { type: 'string' },
  'caller-region': { type: 'string' },
  grant: { type: 'string' },
  at: { type: 'string' },
  json: { type: 'boolean', default: false },
  batch: { type: 'string' },
  config: { type: 'string', default: 'config/domicile.yaml' },
} as const;

export const explain: Command = {
  help: HELP,
  async run(args) {
    const { values } = readArguments(args, OPTIONS);
    if (values.batch === undefined) checkFacts(values);
    else if (Object.keys(values).some((key) => !['batch', 'config', 'json'].includes(key))) {
      throw new UsageError('--batch reads the facts from its file: give no others');
    }
    const explainer = explainerFor(values.config);
    if (values.batch !== undefined) {
      await explainBatch(explainer, values.batch);
      return 0;
    }
    const { json, config: _config, batch: _batch, 'caller-region': caller, ...facts } = values;
    const trace: Trace = { steps: [], error: null };
    const explanation = explainer.explain({ ...facts, caller_region: caller }, trace);
    process.stdout.write(
      json ? `${JSON.stringify({ ...explanation, steps: trace.steps })}\n` : asText(explanation, trace.steps),
    );
    return 0;
  },
};

function oneOf(name: string, value: string | undefined, words: readonly string[]): void {
  if (value === undefined) throw new UsageError(`--${name} is missing: one of ${words.join(', ')}`);
  if (!words.includes(value)) throw new UsageError(`--${name} ${value}: not one of ${words.join(', ')}`);
}

/** What would make the question itself meaningless is misuse; a wrong tenant, class or region is an answer. */
function checkFacts(values: {
  verb?: string | undefined;
  service?: string | undefined;
  dialect?: string | undefined;
  at?: string | undefined;
}): void {
  oneOf('verb', values.verb, VERBS);
  oneOf('service', values.service, SERVICES);
  const dialects = DIALECTS_OF[values.service as Service];
  if (values.dialect !== undefined || dialects.length > 1) oneOf('dialect', values.dialect, dialects);
  if (values.at !== undefined && momentOf(values.at) === null) {
    throw new UsageError(`--at ${values.at}: not a time; write it like 2026-11-24T12:00:00Z`);
  }
}

function explainerFor(config: string): Explainer {
  const { settings, catalogue, policySet, problems } = loadConfiguration(config, process.env, {
    secrets: 'unneeded',
  });
  if (hasErrors(problems) || settings === null || catalogue === null || policySet === null) {
    throw new CommandError(problems.map(formatProblem).join('\n'));
  }
  return new Explainer({
    catalogue,
    regimes: policySet.regimes,
    tenants: tenantSource(policySet),
    rules: writtenIdentity(settings, catalogue),
    now: Date.now,
  });
}

/** Streams, so that a file of millions of lines needs no memory; waits for a slow reader. */
async function explainBatch(explainer: Explainer, file: string): Promise<void> {
  const input: Readable = file === '-' ? process.stdin : createReadStream(file);
  const opened = file === '-' ? null : once(input, 'open');
  try {
    await opened;
  } catch (error) {
    throw new CommandError(
      `--batch ${file}: cannot be read (${(error as NodeJS.ErrnoException).code}). Name a readable file, or - for standard input.`,
    );
  }
  const warned = new Set<string>();
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    const written = parseLine(line);
    for (const key of Object.keys(written ?? {})) {
      if ((FACT_KEYS as readonly string[]).includes(key) || warned.has(key) || warned.size > 20) continue;
      warned.add(key);
      process.stderr.write(`domicile explain: key "${key}" is not a fact and is ignored\n`);
    }
    const answer = written === null ? denial('request_malformed') : explainer.explain(written);
    if (!process.stdout.write(`${JSON.stringify(answer)}\n`)) await once(process.stdout, 'drain');
  }
}

/** Null for what is no JSON object, or one that two parsers could read in two ways (equal keys). */
function parseLine(line: string): WrittenFacts | null {
  try {
    const object = parseJson(line);
    if (object.kind !== 'object') return null;
    // A fact is a string or null; anything else is carried as what it is not, to be refused as such.
    return Object.fromEntries(
      object.keys.map((key, i) => {
        const value = object.values[i]!;
        return [key, value.kind === 'string' || value.kind === 'literal' ? value.value : value];
      }),
    );
  } catch (error) {
    if (error instanceof MalformedJson) return null; // the caller answers request_malformed
    throw error;
  }
}

function asText(explanation: Explanation, steps: readonly Step[]): string {
  const lines = steps.map(
    ({ step, looked, found, rule }, i) =>
      `${String(i + 1).padStart(2)}. ${step}\n      looked at  ${looked}\n      found      ${found}\n      rule       ${rule}\n`,
  );
  const { effect, reason, target_region: region, policy, grant, override } = explanation;
  const by = [policy && `policy ${policy}`, grant && `grant ${grant}`, override && `override ${override}`].filter(
    Boolean,
  );
  return `${lines.join('')}\n${effect.toUpperCase()}  ${reason}${region === null ? '' : `  -> ${region}`}${by.length === 0 ? '' : `  (${by.join(', ')})`}\n`;
}
