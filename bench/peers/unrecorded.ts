/** `node bench/peers/unrecorded.ts CONFIG`: Domicile without evidence, which no command starts: what keeping it costs. */
import { Domicile } from '../../src/app/domicile.ts';

const domicile = await Domicile.start({
  config: process.argv[2] as string,
  version: 'bench',
  env: process.env,
  origin: { kind: 'own' },
  evidence: 'none',
});
process.once('SIGTERM', () => void domicile.drain(1000));
await domicile.stopped;
