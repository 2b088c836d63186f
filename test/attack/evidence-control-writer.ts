import { LoggedEvidence } from '../../src/app/control-evidence.ts';
import { EvidenceLog } from '../../src/audit/evidence-log.ts';
import { openStore } from '../../src/store/open.ts';
import { putPolicy } from '../../src/store/policies.ts';
import type { ChangeFact } from '../../src/store/witness.ts';
import { policyEntry } from '../store/rows.ts';

/**
 * A control plane that makes policies, whose ids begin with `run`, and dies at one moment of the last of them:
 * `unwritten`: before its evidence; `uncommitted`: between evidence and commit; `committed`: after it.
 */
const [state = '', run = '', moment = '', count = '0'] = process.argv.slice(2);
const last = `${run}-${count}`;
const die = () => process.kill(process.pid, 'SIGKILL');

const own = { state, sidecar: 'sidecar-1', name: 'control', key: null };
const log = await EvidenceLog.open({ ...own, flushMs: 25, capacity: 65_536, onChange: () => {} });

class Mortal extends LoggedEvidence {
  override async witnessed(facts: readonly ChangeFact[]): Promise<void> {
    const isLast = facts.some(({ id }) => id === last);
    if (isLast && moment === 'unwritten') die();
    await super.witnessed(facts);
    if (isLast && moment === 'uncommitted') die();
  }
}

const store = await openStore({ url: null, folder: state, witness: new Mortal(log, 'sidecar-1', null) });
for (let i = 1; ; i++) {
  const id = `${run}-${i}`;
  await store.change({ actor: 'writer', requestId: id }, (change) => putPolicy(change, policyEntry({ id })));
  if (id === last) die();
}
