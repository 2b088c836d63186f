import { openStore } from '../../src/store/open.ts';
import { putPolicy } from '../../src/store/policies.ts';
import { policyEntry } from './rows.ts';

/** A process that makes policies in a store until it is killed, and says which ones were acknowledged, a line each. */
const [folder = '', first = '0'] = process.argv.slice(2);
const store = await openStore({ url: null, folder });
for (let i = Number(first); ; i++) {
  const tenant = `t${i}`;
  await store.change({ actor: 'writer', requestId: String(i) }, async (change) => {
    await putPolicy(change, policyEntry({ id: `p${i}`, tenant_id: tenant }));
    await change.event('policy.created', tenant, `p${i}`, {});
  });
  process.stdout.write(`${i}\n`);
}
