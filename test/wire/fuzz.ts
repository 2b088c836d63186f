/**
 * Byte mutations of the corpus, through the engine and through a plain reading of RFC 9112, and some through node:http.
 *
 *   node test/wire/fuzz.ts --seed 1 --inputs 1000000 [--seconds 600]
 *
 * The same seed gives the same inputs. Exits 1 when anything is found, with the bytes of the first few.
 */
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { BOUNDS, outcomeOf } from './harness.ts';
import { converse, type Manner } from './in-process.ts';
import type { Message } from './message.ts';
import { MESSAGES } from './messages.ts';
import { mutate, randomOf, type Random } from './mutate.ts';
import { startNode } from './node-server.ts';
import { read, type Reading, type Seen } from './reference.ts';
import { VALID } from './valid-messages.ts';

export interface Campaign {
  readonly seed: number;
  readonly inputs: number;
  /** Stops earlier than that. Default: never. */
  readonly seconds?: number;
  /** One in so many is sent to node:http too. Default: 100. */
  readonly sample?: number;
}

export interface Report {
  inputs: number;
  /** Requests that the handler was given whole, where it reads their bodies. */
  accepted: number;
  /** Inputs whose bodies nobody reads. */
  early: number;
  /** Inputs whose last answer was a refusal, by its status. */
  readonly refused: Map<number, number>;
  /** Inputs behind which the connection ended without a refusal. */
  ended: number;
  /** Inputs that node:http read too; and where it accepted more. */
  sampled: number;
  stricter: number;
  /** What must not be, with its bytes. */
  readonly faults: string[];
}

interface Input {
  readonly bytes: Buffer;
  readonly pieces: readonly Buffer[];
  readonly manner: Manner;
}

/** Conversations at the same time, so that what one leaves behind in shared state is met by another. */
const AT_ONCE = 250;
/** Longer ones are for the differential suite. */
const LONGEST = 1200;
const STATUSES = new Set([400, 403, 414, 417, 431, 501]);

const WHEN = ['at once', 'at once', 'later', 'later', 'early'] as const;

const HONEST = textsOf(VALID);
const ALL = textsOf(MESSAGES);

function textsOf(messages: readonly Message[]): string[] {
  return messages.map(({ bytes }) => bytes.toString('latin1')).filter(({ length }) => length > 0 && length <= LONGEST);
}

export async function fuzz({ seed, inputs, seconds = Infinity, sample = 100 }: Campaign): Promise<Report> {
  const report: Report = {
    inputs: 0,
    accepted: 0,
    early: 0,
    refused: new Map(),
    ended: 0,
    sampled: 0,
    stricter: 0,
    faults: [],
  };
  const node = await startNode();
  const until = performance.now() + seconds * 1000;
  const random = randomOf(seed);
  const look = async (input: Input, asNode: boolean) => {
    try {
      await compare(input, asNode ? node : null, report);
    } catch (error) {
      const what = error instanceof Difference ? error.message : ((error as Error).stack ?? String(error));
      report.faults.push(`${what}\n  ${told(input)}`);
    }
  };
  while (report.inputs < inputs && performance.now() < until && report.faults.length < 20) {
    const some: Promise<void>[] = [];
    for (let i = 0; i < AT_ONCE && report.inputs < inputs; i++, report.inputs++) {
      some.push(look(makeInput(report.inputs, random), report.inputs % sample === 0));
    }
    await Promise.all(some);
  }
  await node.close();
  return report;
}

function makeInput(number: number, random: Random): Input {
  // What starts out honest more often ends as something that must be understood.
  const parents = random(4) === 0 ? ALL : HONEST;
  const mutant = mutate(parents[random(parents.length)]!, ALL, random);
  // Of no other input, so that it is known wherever it turns up.
  const mark = (0x100000 + (number % 0xe00000)).toString(16).slice(-5);
  const bytes = Buffer.from(mutant.replaceAll('/x', `/${mark}`).replaceAll('hello', mark), 'latin1');
  const places = Array.from({ length: random(4) }, () => random(bytes.length + 1)).sort((a, b) => a - b);
  const pieces = [0, ...places].map((at, i) => bytes.subarray(at, places[i] ?? bytes.length));
  const manner: Manner = {
    when: WHEN[random(WHEN.length)]!,
    fitful: random(4) === 0,
    hasty: random(2) === 0,
    slow: random(4) === 0,
  };
  return { bytes, pieces: pieces.filter(({ length }) => length > 0), manner };
}

/** What must not be. */
class Difference extends Error {}

/** @throws Difference saying what must not be */
async function compare(
  input: Input,
  node: Awaited<ReturnType<typeof startNode>> | null,
  report: Report,
): Promise<void> {
  const { bytes, pieces, manner } = input;
  const { accepted, said, ended } = await converse(pieces, BOUNDS, manner);
  if (!ended) throw new Difference('the connection does not end');
  const outcome = outcomeOf(said);
  if (!isDeepStrictEqual(outcome.accepted, accepted)) throw new Difference('answered otherwise than handled');
  const reading = read(bytes, BOUNDS);
  if (manner.when === 'early') {
    compareHeads(accepted, reading);
    report.early++;
    return;
  }
  if (!isDeepStrictEqual(accepted, reading.accepted))
    throw new Difference(`accepted ${JSON.stringify(accepted)}, where ${JSON.stringify(reading.accepted)} was said`);
  const last = outcome.answers.at(-1)?.status ?? 200;
  if (last === 200) report.ended++;
  else if (STATUSES.has(last)) report.refused.set(last, (report.refused.get(last) ?? 0) + 1);
  else throw new Difference(`answered ${last}`);
  if (last === 200 && reading.end === 'refused') throw new Difference('not refused');
  if (last !== 200 && (reading.end === 'whole' || reading.end === 'closed'))
    throw new Difference(`refused, with ${last}`);
  report.accepted += accepted.length;
  if (node === null) return;
  const theirs = await node.read(bytes);
  report.sampled++;
  if (theirs.accepted.length > accepted.length) report.stricter++;
  if (!isDeepStrictEqual(accepted, theirs.accepted.slice(0, accepted.length)))
    throw new Difference(`accepted ${JSON.stringify(accepted)}, where node accepts ${JSON.stringify(theirs.accepted)}`);
}

/**
 * Where nobody reads the bodies, they still end where they end, and a broken one ends the connection. Only what cannot be
 * read over may end it too early: chunks, whose length nobody knows, and what the client holds back until it is told to go on.
 */
function compareHeads(seen: readonly Seen[], { accepted, begun }: Reading): void {
  const due = begun === null ? accepted : [...accepted, begun];
  const heads = (requests: readonly Seen[]) => requests.map((request) => ({ ...request, body: '', trailers: [] }));
  if (!isDeepStrictEqual(seen, heads(due.slice(0, seen.length))))
    throw new Difference(`saw the heads of ${JSON.stringify(seen)}, where ${JSON.stringify(due)} was said`);
  const last = seen.at(-1)?.headers ?? [];
  if (seen.length < due.length && !last.includes('transfer-encoding') && !last.includes('expect'))
    throw new Difference(`saw ${seen.length} heads of ${due.length}`);
}

function told({ bytes, pieces, manner }: Input): string {
  const cuts = pieces.map(({ length }) => length).join('+');
  return `${JSON.stringify(bytes.toString('latin1'))} in ${cuts}, ${JSON.stringify(manner)}`;
}

/** The figures of a report, in one line. */
export function summary({ inputs, accepted, early, refused, ended, sampled, stricter, faults }: Report): string {
  const statuses = [...refused].sort(([a], [b]) => a - b).map(([status, n]) => `${status}: ${n}`);
  return (
    `${inputs} inputs, ${early} of them answered unread; of the rest ${accepted} requests accepted, ${ended} ended without a ` +
    `refusal, refused with ${statuses.join(', ')}; ` +
    `${sampled} read by node:http too, which accepts more of ${stricter}; ${faults.length} differences`
  );
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      inputs: { type: 'string', default: '1000000' },
      seconds: { type: 'string', default: 'Infinity' },
    },
  });
  const report = await fuzz({
    seed: Number(values.seed),
    inputs: Number(values.inputs),
    seconds: Number(values.seconds),
  });
  for (const fault of report.faults) console.log(fault);
  console.log(`seed ${values.seed}: ${summary(report)}`);
  process.exitCode = report.faults.length === 0 ? 0 : 1;
}
