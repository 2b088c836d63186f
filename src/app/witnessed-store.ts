import type { ControlEntry } from '../audit/entry.ts';
import { LogReader } from '../audit/reader.ts';
import { openStore, type StorePlace } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import type { ObjectKind } from '../store/tables.ts';
import type { LoggedEvidence } from './control-evidence.ts';

/** Entries at the end of a log among which its last change is: one change may have hundreds. */
const LOOKED = 4096;

/**
 * Opens the store with a witness, and takes back what the last process that wrote its log has told as done and did not
 * come to do.
 * @param folder of the log
 * @throws Error as `openStore`; ApiError when that cannot be written
 */
export async function openWitnessedStore(
  place: Pick<StorePlace, 'url' | 'folder'>,
  folder: string,
  evidence: LoggedEvidence,
): Promise<Store> {
  const store = await openStore({ ...place, witness: evidence });
  try {
    await evidence.retract(await unconfirmed(folder, store));
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Of a process that died between evidence and commit. Every change but the last was over before the next began. */
async function unconfirmed(folder: string, store: Store): Promise<readonly ControlEntry[]> {
  const last = lastChange(folder);
  const [first] = last;
  if (first === undefined || first.revision === null) return [];
  if (first.revision > (await store.revision())) return last;
  // The revision is another's, perhaps: of a replica that has taken it since.
  const known = last.find(({ object, object_id: id }) => object !== 'approval' && !id?.startsWith('hmac:'));
  if (known === undefined || known.object_id === null) return [];
  const row = await store.db
    .selectFrom('history')
    .select('id')
    .where('kind', '=', known.object as ObjectKind)
    .where('id', '=', known.object_id)
    .where('revision', '=', first.revision)
    .where('request_id', '=', first.request_id)
    .executeTakeFirst();
  return row === undefined ? last : [];
}

/** Entries of the last change of the store in a log; none where it is told already that it was not done. */
function lastChange(folder: string): readonly ControlEntry[] {
  const reader = LogReader.open(folder);
  let last: ControlEntry[] = [];
  for (const { value } of reader.entries(Math.max(0, reader.checkpoint().size - LOOKED))) {
    const entry = value as unknown as ControlEntry;
    // Reloads and refusals have no revision of the store, or come from no request.
    if (entry.kind !== 'control' || entry.revision === null || entry.request_id === '') continue;
    const isSame = last[0]?.revision === entry.revision && last[0].request_id === entry.request_id;
    if (entry.outcome === 'failed') last = isSame ? [] : last;
    else if (isSame) last.push(entry);
    else last = [entry];
  }
  return last;
}
