import type { Findings, Measured, Work } from '../bench.ts';
import { cpuOf, onStage } from '../contest.ts';
import { Transfers } from '../load/transfer.ts';
import { startDomicile } from '../peers/domicile.ts';
import { startHaproxy } from '../peers/haproxy.ts';
import { startNginx } from '../peers/nginx.ts';
import { startNodePeer } from '../peers/node.ts';
import type { Peer } from '../peers/peer.ts';
import { median, rounded, row } from '../rows.ts';
import { compared, TARGETS } from '../targets.ts';

/** Of 64 MB in one round and direction, one after the other on one connection; the median of them counts. */
const TRANSFERS = 3;

const DIRECTIONS = ['download', 'upload'] as const;
type Direction = (typeof DIRECTIONS)[number];

interface Figures {
  readonly peer: Peer | null;
  /** Megabytes a second, a value for each round. */
  readonly rate: Readonly<Record<Direction, number[]>>;
  /** Milliseconds of CPU time for 64 MB. */
  readonly cpu: Readonly<Record<Direction, number[]>>;
}

export const transfer: Work = {
  key: 'transfer',
  title: '64 MB through one connection',
  run: (bench) =>
    onStage(bench, 'bulk', async (stage): Promise<Findings> => {
      const peers = [
        (await startDomicile(stage)).storage,
        await startNginx(stage, 'proxy_pass'),
        await startHaproxy(stage),
        await startNodePeer(stage, '@fastify/reply-from'),
        await startNodePeer(stage, 'http-proxy'),
      ];
      const all = peers.map((peer): Figures => ({
        peer,
        rate: { download: [], upload: [] },
        cpu: { download: [], upload: [] },
      }));
      for (let round = 0; round <= bench.rounds; round++) {
        for (const { peer, rate, cpu } of all) {
          if (peer === null) continue;
          for (const direction of DIRECTIONS) {
            const figure = await oneRound(peer, direction);
            const name = round === 0 ? 'warming up' : `round ${round} of ${bench.rounds}`;
            bench.say(`transfer: ${name}, ${peer.name}, ${direction}: ${rounded(figure.rate)} MB/s`);
            if (round === 0) continue;
            rate[direction].push(figure.rate);
            cpu[direction].push(figure.cpu);
          }
        }
      }
      const [ours, nginx] = all as [Figures, Figures];
      return {
        lines: [
          compared(TARGETS.download, ours.rate.download, nginx.rate.download, 'MB/s'),
          compared(TARGETS.upload, ours.rate.upload, nginx.rate.upload, 'MB/s'),
        ],
        measured: all.flatMap(rowsOf),
      };
    }),
};

async function oneRound(peer: Peer, direction: Direction): Promise<{ readonly rate: number; readonly cpu: number }> {
  const transfers = await Transfers.open(peer.url);
  const before = cpuOf(peer);
  const rates: number[] = [];
  for (let i = 0; i < TRANSFERS; i++) rates.push(await transfers[direction]());
  transfers.close();
  return { rate: median(rates), cpu: (cpuOf(peer) - before) / 1000 / TRANSFERS };
}

function rowsOf({ peer, rate, cpu }: Figures): Measured[] {
  if (peer === null) return [];
  const rows = DIRECTIONS.flatMap((direction) => [
    row(direction, 'MB/s', rate[direction]),
    row(`CPU, ${direction}`, 'ms', cpu[direction]),
  ]);
  return [{ proxy: peer.name, does: peer.does, rows }];
}
