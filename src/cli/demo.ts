import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { Domicile } from '../app/domicile.ts';
import { version } from '../app/version.ts';
import type { Service } from '../core/vocabulary.ts';
import { CommandError, readArguments, type Command } from './command.ts';
import { scenes, type Scene } from './demo/scenes.ts';
import { buildWorld, type DemoWorld } from './demo/world.ts';
import { obeySignals } from './run.ts';

const HELP = `domicile demo: three regions on loopback, and Domicile in front of them

  domicile demo          prints commands to copy, then one line for each decision; Ctrl-C stops everything
  domicile demo --once   runs those commands itself; exits 0 only if each ended as printed

It takes the ports 9100, 9200, 9300, 8000 and 8001; others by DOMICILE_LISTENERS__STORAGE__LISTEN=127.0.0.1:0 and so on.
`;

/** Milliseconds that a scene has, program and all. */
const SCENE_BOUND = 30_000;

/** A decision as the access log tells it. */
interface Decided {
  readonly decision: string;
  readonly reason: string;
  readonly region: string | null;
  readonly status: number;
  readonly line: string;
}

export const demo: Command = {
  help: HELP,
  async run(args) {
    const { values } = readArguments(args, { once: { type: 'boolean', default: false } } as const);
    const decided = new EventEmitter<{ decision: [Decided] }>();
    const world = await buildWorld(Date.now());
    try {
      const domicile = await start(world, decided);
      const urls = urlsOf(domicile);
      printWorld(world, urls, domicile);
      const failed = values.once
        ? await playAll(scenes(urls), urls, decided)
        : await stayOpen(scenes(urls), domicile, decided);
      await domicile.drain(1000);
      return failed === 0 ? 0 : 1;
    } finally {
      await world.close();
    }
  },
};

async function start(world: DemoWorld, decided: EventEmitter<{ decision: [Decided] }>): Promise<Domicile> {
  const log = {
    write: (text: string) => {
      const line = JSON.parse(text) as Record<string, unknown>;
      if (line['message'] === 'forwarded' || line['message'] === 'refused') decided.emit('decision', summary(line));
      else if (line['level'] === 'warn' || line['level'] === 'error') process.stderr.write(text);
    },
  };
  try {
    return await Domicile.start({
      config: world.config,
      version: version(),
      env: world.env,
      log,
      origin: { kind: 'own' },
    });
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}

function summary(line: Record<string, unknown>): Decided {
  const word = (key: string) => (typeof line[key] === 'string' ? line[key] : '-');
  const forwarded = line['message'] === 'forwarded';
  const decision = word('reason') === 'advisory' ? 'audit' : forwarded ? 'allow' : 'deny';
  const region = typeof line['region'] === 'string' ? line['region'] : null;
  const time = word('timestamp').slice(11, 19);
  return {
    decision,
    reason: word('reason'),
    region,
    status: Number(line['status']),
    line: `${time}  ${decision.padEnd(5)}  ${word('reason').padEnd(24)}${word('tenant_id')} ${word('classification')} ${word('operation_type')} -> ${region ?? 'nowhere'} (${String(line['status'])}, ${String(line['duration_ms'])} ms)`,
  };
}

function urlsOf(domicile: Domicile): Record<Service, string> {
  const url = (service: Service) => {
    const listener = domicile.plane.listeners.find(({ name }) => name === `listeners.${service}`);
    return `http://127.0.0.1:${listener?.port}`;
  };
  return { storage: url('storage'), search: url('search'), inference: url('inference') };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function printWorld(world: DemoWorld, urls: Readonly<Record<Service, string>>, domicile: Domicile): void {
  say('Domicile demo: everything runs on this machine, nothing leaves it.\n');
  for (const { id, storage, search, inference } of world.regions) {
    say(`  region ${id.padEnd(11)} storage ${storage.url}  search ${search.url}  inference ${inference.url}`);
  }
  say(`\n  Domicile           storage ${urls.storage}   search ${urls.search}   inference ${urls.inference}`);
  say(`                     metrics, health: ${domicile.opsUrl}`);
  say(`                     control API: ${domicile.controlUrl}/docs, with the token above`);
  say(`                     files: ${world.config}\n`);
  say('  acme is pinned to eu-west and may fail over to eu-central; globex is pinned to us-east.\n');
}

async function stayOpen(
  all: readonly Scene[],
  domicile: Domicile,
  decided: EventEmitter<{ decision: [Decided] }>,
): Promise<number> {
  process.stdout.write('Copy any of these into another terminal:\n\n');
  for (const { shows, shell, expected } of all) {
    process.stdout.write(`# ${shows}: ${expected.decision} ${expected.reason}\n${shell}\n\n`);
  }
  process.stdout.write('Decisions, as they are made (Ctrl-C stops everything):\n');
  decided.on('decision', ({ line }) => process.stdout.write(`${line}\n`));
  obeySignals()(domicile);
  await domicile.stopped;
  return 0;
}

/** Runs every scene; resolves to how many ended otherwise than printed. */
async function playAll(
  all: readonly Scene[],
  urls: Readonly<Record<Service, string>>,
  decided: EventEmitter<{ decision: [Decided] }>,
): Promise<number> {
  let failed = 0;
  for (const [i, scene] of all.entries()) {
    const seen: Decided[] = [];
    const note = (decision: Decided) => seen.push(decision);
    decided.on('decision', note);
    const first = once(decided, 'decision', { signal: AbortSignal.timeout(SCENE_BOUND) });
    const by = await play(scene, urls);
    await first.catch(() => undefined); // none came: `last` is then missing, and the scene has failed
    decided.off('decision', note);
    const last = seen.at(-1);
    const { decision, reason, region } = scene.expected;
    const good =
      last !== undefined &&
      last.decision === decision &&
      last.reason === reason &&
      last.region === region &&
      last.status < 300 === (decision !== 'deny');
    if (!good) failed++;
    process.stdout.write(
      `${String(i + 1).padStart(2)}. ${scene.shows}${by}\n    ${scene.shell}\n` +
        `    ${good ? 'ok  ' : 'NOT AS PRINTED  '}${last === undefined ? 'no decision' : `${last.decision} ${last.reason} -> ${last.region ?? 'nowhere'}`}` +
        `${good ? '' : `, expected ${decision} ${reason} -> ${region ?? 'nowhere'}`}\n`,
    );
  }
  process.stdout.write(`\n${all.length - failed} of ${all.length} as printed.\n`);
  return failed;
}

/** By the program itself where it is installed, else the same request by us. Resolves to a remark for the reader. */
async function play(scene: Scene, urls: Readonly<Record<Service, string>>): Promise<string> {
  if (await run(`command -v ${scene.program}`)) {
    await run(scene.shell);
    return '';
  }
  const { service, method, path, headers, body } = scene.request;
  const response = await fetch(`${urls[service]}${path}`, {
    method,
    headers,
    body,
    signal: AbortSignal.timeout(SCENE_BOUND),
  });
  await response.arrayBuffer();
  return ` (${scene.program} is not installed: the demo sent its request)`;
}

/** Whether the shell command ended well. Its output is not ours to show: the decision is. */
async function run(shell: string): Promise<boolean> {
  const child = spawn('sh', ['-c', shell], { stdio: 'ignore', timeout: SCENE_BOUND });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0;
}
