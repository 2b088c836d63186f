// Each conversation of the corpus, whole and cut at every byte, through our engine and through node:http: the same is accepted
// and understood in the same way, or we refuse, and then it is on the list. Nothing is accepted that node:http refuses.
import { isDeepStrictEqual } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { selfSigned } from '../attack/certificate.ts';
import { fieldOf } from '../attack/answers.ts';
import { describer, type Temper } from './describer.ts';
import { BOUNDS, masked, outcomeOf, startEngine, type Outcome } from './harness.ts';
import { converse, type Conversation, type Manner } from './in-process.ts';
import { MESSAGES } from './messages.ts';
import { startNode, type NodeReading } from './node-server.ts';
import { read } from './reference.ts';
import { STRICTER } from './stricter.ts';
import type { Message } from './message.ts';

const AT_ONCE: Temper = { when: 'at once', fitful: false };
const engine = await startEngine(describer(BOUNDS, AT_ONCE));
const node = await startNode();
afterAll(() => Promise.all([engine.close(), node.close()]));

/** One conversation after the other would leave a core idle; more than this at once is no faster. */
const WORKERS = 32;

/** Looks at each, some at a time. @returns what is to be said against any */
async function faults(
  messages: readonly Message[],
  look: (message: Message) => Promise<string | null>,
): Promise<string[]> {
  const found: string[] = [];
  const queue = messages.values();
  const worker = async () => {
    for (const message of queue) {
      const fault = await look(message).catch((error: unknown) => `${message.name}: ${String(error)}`);
      if (fault !== null) found.push(fault);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  return found;
}

const ours = new Map<Message, Outcome>();
const theirs = new Map<Message, NodeReading>();

test('no two conversations have one name', () => {
  expect(new Set(MESSAGES.map(({ name }) => name)).size).toBe(MESSAGES.length);
  expect(MESSAGES.length).toBeGreaterThan(800);
});

test('what is accepted is what node:http accepts, and means the same', async () => {
  const found = await faults(MESSAGES, async (message) => {
    const [mine, his] = await Promise.all([engine.converse(message.bytes).then(outcomeOf), node.read(message.bytes)]);
    ours.set(message, mine);
    theirs.set(message, his);
    if (!isDeepStrictEqual(mine.accepted, his.accepted.slice(0, mine.accepted.length)))
      return `${message.name}: ${JSON.stringify(mine.accepted)} is not ${JSON.stringify(his.accepted)}`;
    const same = mine.accepted.length === his.accepted.length && mine.accepted.length > 0;
    if (same && mine.keptAlive !== his.keptAlive) return `${message.name}: ${mine.keptAlive ? 'kept' : 'closed'} by us`;
    return null;
  });
  expect(found).toEqual([]);
  const requests = [...ours.values()].reduce((sum, { accepted }) => sum + accepted.length, 0);
  console.log(`wire: ${MESSAGES.length} conversations, ${requests} requests accepted as node:http does`);
});

test('where we are stricter is on the list, and nothing else is', () => {
  const stricter = MESSAGES.filter(
    (message) => ours.get(message)!.accepted.length < theirs.get(message)!.accepted.length,
  );
  expect(stricter.map(({ name }) => name).sort()).toEqual(STRICTER.flatMap(({ names }) => names).sort());
});

test('what is accepted is what a plain reading of RFC 9112 accepts', async () => {
  const found = await faults(MESSAGES, async (message) => {
    const { accepted } = read(message.bytes, BOUNDS);
    return isDeepStrictEqual(ours.get(message)!.accepted, accepted) ? null : message.name;
  });
  expect(found).toEqual([]);
});

test('each answer has the status that is due, and a refusal its reason and the end of the connection', async () => {
  const found = await faults(MESSAGES, async (message) => {
    const { answers } = ours.get(message)!;
    const statuses = answers.map(({ status }) => status);
    if (!isDeepStrictEqual(statuses, message.answers))
      return `${message.name}: ${statuses.join()} for ${message.answers.join()}`;
    for (const answer of answers) {
      if (answer.status === 200) continue;
      const reason = answer.status === 403 ? 'operation_not_permitted' : 'request_malformed';
      if (fieldOf(answer, 'x-residency-reason') !== reason) return `${message.name}: no reason`;
      if (fieldOf(answer, 'connection') !== 'close') return `${message.name}: the connection may go on`;
    }
    return null;
  });
  expect(found).toEqual([]);
});

test('the engine ends a connection behind a refusal, and behind what asks for it, without waiting for its client', async () => {
  const found = await faults(MESSAGES, async (message) => {
    // What is cut off is refused for its end alone.
    if (message.name.startsWith('unfinished')) return null;
    const { said, first } = await converse([message.bytes], BOUNDS, MANNERS[0]![2]);
    const last = outcomeOf(said).answers.at(-1);
    const isLast = last !== undefined && fieldOf(last, 'connection') === 'close';
    return first === isLast ? null : `${message.name}: ${first ? 'ended' : 'not ended'}`;
  });
  expect(found).toEqual([]);
});

/** Longer ones are cut near their ends and at places in between. */
const EVERY_BYTE = 1200;

/** @param stride 1: at every byte; else at one in so many */
function cuts({ bytes }: Message, stride: number): number[] {
  const last = bytes.length - 1;
  const places = Array.from({ length: Math.max(0, last) }, (_, i) => i + 1).filter((at) => at % stride === 0);
  if (bytes.length <= EVERY_BYTE) return places;
  return places.filter((at) => at <= 100 || at > last - 100 || at % 499 === 0);
}

const MANNERS: readonly [string, number, Manner][] = [
  ['at once', 1, { ...AT_ONCE, hasty: false, slow: false }],
  ['later, where the client ends its side at once', 3, { when: 'later', fitful: false, hasty: true, slow: false }],
  ['fitfully, where the client reads slowly', 3, { when: 'later', fitful: true, hasty: false, slow: true }],
];

test.each(MANNERS)(
  'cut in two it is answered in the same bytes: %s, one place in %i',
  async (_, stride, manner) => {
    let conversations = 0;
    const found = await faults(MESSAGES, async (message) => {
      const places = cuts(message, stride);
      conversations += places.length + 1;
      return differsInPieces(
        message,
        places.map((at) => [message.bytes.subarray(0, at), message.bytes.subarray(at)]),
        manner,
      );
    });
    expect(found).toEqual([]);
    console.log(`wire: ${conversations} conversations in process`);
  },
  60_000,
);

test.each(MANNERS)('byte by byte it is answered in the same bytes: %s', async (_, _stride, manner) => {
  const short = MESSAGES.filter(({ bytes }) => bytes.length <= EVERY_BYTE);
  expect(await faults(short, (message) => differsInPieces(message, [singly(message.bytes)], manner))).toEqual([]);
});

async function differsInPieces(message: Message, cut: readonly Buffer[][], manner: Manner): Promise<string | null> {
  const whole = await converse([message.bytes], BOUNDS, manner);
  if (!isDeepStrictEqual(outcomeOf(whole.said).accepted, whole.accepted)) return `${message.name}: answered otherwise`;
  const all = await Promise.all(cut.map((pieces) => converse(pieces, BOUNDS, manner)));
  const different = all.findIndex(
    (one) => !one.ended || one.accepted.length !== whole.accepted.length || !agree(one, whole),
  );
  if (different < 0 && whole.ended) return null;
  const { ended, said } = all[different] ?? whole;
  return `${message.name}, ${cut[different]?.[0]?.length}: ${ended ? '' : 'no end, '}${masked(said)} is not ${masked(whole.said)}`;

  /** Whether a client's end comes before its last answer is a matter of time, and then the answer is the last one. */
  function agree(one: Conversation, other: Conversation): boolean {
    if (one.said.equals(other.said)) return true;
    const text = ({ said }: Conversation) =>
      manner.hasty || manner.fitful ? masked(said).replaceAll('\r\nconnection: close', '') : masked(said);
    return text(one) === text(other);
  }
}

function singly(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

test('over TCP too it is of no matter where it is cut', async () => {
  const short = MESSAGES.filter(({ bytes }) => bytes.length <= 400);
  const found = await faults(short, async (message) => {
    const whole = masked(await engine.converse(message.bytes));
    const { length } = message.bytes;
    for (let at = 1; at < length; at += 11) {
      const answer = masked(await engine.converse(message.bytes.subarray(0, at), message.bytes.subarray(at)));
      if (answer !== whole) return `${message.name}, cut at ${at}: ${answer} is not ${whole}`;
    }
    return null;
  });
  expect(found).toEqual([]);
});

test('over TLS it is answered in the same bytes', async () => {
  const { key, cert } = selfSigned('127.0.0.1');
  const secure = await startEngine(describer(BOUNDS, AT_ONCE), { key, cert, clientCa: null });
  const found = await faults(
    MESSAGES.filter(({ name, bytes }, i) => i % 4 === 0 || bytes.length > EVERY_BYTE || name.startsWith('unfinished')),
    async (message) => {
      const [plain, sealed] = await Promise.all([engine.converse(message.bytes), secure.converse(message.bytes)]);
      return masked(plain) === masked(sealed) ? null : message.name;
    },
  );
  await secure.close();
  expect(found).toEqual([]);
});
