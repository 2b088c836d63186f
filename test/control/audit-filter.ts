import type { EvidenceFilter } from '../../src/store/evidence.ts';

/** Lets every entry through. */
export const ALL: EvidenceFilter = {
  tenant: null,
  from: 0,
  to: 1e15,
  subject: null,
  user: null,
  reason: null,
  effect: null,
  region: null,
  kind: null,
  classification: null,
};
