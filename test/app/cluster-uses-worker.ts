import { SharedUses, type TakeAnswer } from '../../src/proxy/uses.ts';

/** A process that takes a grant twenty times at once, when it is told to begin, and tells how often it got it. */
const GRANT = { id: 'g1', maxUses: 3 };
const uses = new SharedUses((request) => process.send!({ request }) || true);

process.on('message', (message: { answer?: TakeAnswer }) => {
  if (message.answer !== undefined) return uses.answered(message.answer);
  let taken = 0;
  let left = 20;
  for (let i = 0; i < 20; i++) {
    uses.take([GRANT], (each) => {
      if (each) taken++;
      if (--left === 0) process.send!({ taken, known: uses.of('g1') }, () => process.disconnect());
    });
  }
});
process.send!({ ready: true });
