import type { Reads } from './reads.ts';
import type { FeedLog } from './source.ts';

/** Characters after which an answer goes on in another line. */
const PART = 1 << 20;

interface Answer {
  /** Documents as JSON texts, for a line each. */
  readonly parts: readonly (readonly string[])[];
  /** Tenants whose documents cannot be had. */
  readonly failed: string[];
}

/** The answer to a `get`. What is wrong with the documents of some keeps nobody from those of the others. */
export async function documents(
  { reads, log }: { readonly reads: Reads; readonly log: FeedLog },
  tenants: readonly string[],
): Promise<Answer> {
  const parts: string[][] = [];
  const failed: string[] = [];
  let error: unknown = null;
  let room = 0;
  const read = await Promise.allSettled(tenants.map((tenant) => reads.text(tenant)));
  for (const [i, result] of read.entries()) {
    if (result.status === 'rejected') {
      failed.push(tenants[i]!);
      error = result.reason;
      continue;
    }
    room -= result.value.length;
    if (room < 0) {
      parts.push([]);
      room = PART - result.value.length;
    }
    parts.at(-1)!.push(result.value);
  }
  // One line for all: where the store is silent there would be one for every tenant.
  if (failed.length > 0)
    log.error('bundles cannot be read', { tenant_id: failed.at(-1), others: failed.length - 1, error });
  return { parts, failed };
}
