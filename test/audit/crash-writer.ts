/**
 * `node crash-writer.ts STATE strict|batch`: a process that writes two logs until it is killed, and says what it may say
 * of entries, a line each: `LOG SEQ`, once that one is durable (strict); `LOG SEQ COUNT TIME`, once so many up to that one
 * are taken (batch).
 */
import { writeSync } from 'node:fs';
import { EvidenceLog } from '../../src/audit/evidence-log.ts';

const LANES = 8;
const EACH_MILLISECOND = 8;

const [state = '', mode = ''] = process.argv.slice(2);
const what = 'x'.repeat(500);
const rest = `"sidecar":"s1","request_id":"","tenant":"acme","actor":"${what}","action":"test.done"}`;

function open(name: string): Promise<EvidenceLog> {
  const onChange = (change: object): void => void process.stderr.write(`${JSON.stringify(change)}\n`);
  return EvidenceLog.open({ state, sidecar: 's1', name, key: null, flushMs: 25, capacity: 65_536, onChange });
}

/** Written before the next line of code runs: what a killed process had only buffered, it had not said. */
function say(text: string): void {
  for (;;) {
    try {
      writeSync(1, text);
      return;
    } catch (error) {
      // Nothing of a text of less than a page is written then (pipe(7)).
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

function strict(log: EvidenceLog, name: string): void {
  const seq = log.append('control', rest);
  log.durable(seq, (error) => {
    if (error === null) say(`${name} ${seq}\n`);
    strict(log, name);
  });
}

function batch(log: EvidenceLog, name: string): void {
  const time = Date.now();
  let seq = 0;
  for (let i = 0; i < EACH_MILLISECOND; i++) seq = log.append('control', rest);
  say(`${name} ${seq} ${EACH_MILLISECOND} ${time}\n`);
}

const logs = [await open('1'), await open('control')];
for (const [i, name] of ['1', 'control'].entries()) {
  const log = logs[i]!;
  if (mode === 'batch') setInterval(() => batch(log, name), 1);
  else for (let lane = 0; lane < LANES; lane++) strict(log, name);
}
say('ready\n');
