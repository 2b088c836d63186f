/** One person's word on a request or an override. */
export interface Word {
  readonly by: string;
  /** 1 or 0. */
  readonly approved: number;
  /** Of what was asked for, as it was when the word was given. */
  readonly hash: string;
}

export interface Verdict {
  readonly state: 'pending' | 'approved' | 'denied';
  /** Whose approvals count, in the order in which they were given. */
  readonly approvedBy: readonly string[];
}

/**
 * What the words given so far amount to. Any denial closes. An approval counts once for each person, never for one who
 * has a part in it, and only for exactly what is asked for now: an edit voids those given before.
 *
 * @param hash SHA-256 of what is asked for
 * @param parties who asks, and who would benefit
 * @param quorum approvals that it takes, 1 or more
 */
export function verdictOf(hash: string, parties: ReadonlySet<string>, words: readonly Word[], quorum: number): Verdict {
  const approvedBy = new Set<string>();
  for (const word of words) {
    if (word.approved !== 1) return { state: 'denied', approvedBy: [] };
    if (word.hash === hash && !parties.has(word.by)) approvedBy.add(word.by);
  }
  return { state: quorum >= 1 && approvedBy.size >= quorum ? 'approved' : 'pending', approvedBy: [...approvedBy] };
}

/** How many of the approvers could approve. */
export function couldApprove(approvers: ReadonlySet<string>, parties: ReadonlySet<string>): number {
  let count = 0;
  for (const approver of approvers) if (!parties.has(approver)) count++;
  return count;
}
