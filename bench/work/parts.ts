import type { Work } from '../bench.ts';
import { counting } from '../parts/metrics.ts';
import { signatures } from '../parts/sigv4.ts';
import { startUp } from '../parts/tenants.ts';

/** Parts of a request, and start-up: without proxies beside them, and without a target in the table. */

export const sigv4: Work = {
  key: 'sigv4',
  title: 'Signature, CPU time',
  async run(bench) {
    bench.say('sigv4: beside aws4 and @smithy/signature-v4');
    return { rows: await signatures(bench.rounds) };
  },
};

export const metrics: Work = {
  key: 'metrics',
  title: 'Metrics of a request, CPU time',
  async run(bench) {
    bench.say('metrics');
    return { rows: counting(bench.rounds) };
  },
};

export const tenants: Work = {
  key: 'tenants',
  title: 'Start-up with many tenants',
  async run(bench) {
    bench.say('tenants: starting with none, and with 10,000');
    return { rows: await startUp(bench.folder, Math.min(bench.rounds, 3)) };
  },
};
