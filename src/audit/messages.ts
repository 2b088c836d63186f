/** Between the thread that serves requests and the one that has a log on disk. */

/** Framed entries (as in a bundle) in the first `bytes` of a buffer. */
export interface Chunk {
  readonly buffer: ArrayBuffer;
  readonly bytes: number;
}

/** Which log, and what signs it. */
export interface LogPlace {
  /** Folder `state`. */
  readonly state: string;
  readonly sidecar: string;
  readonly name: string;
  /** As `loadKeys` takes it. */
  readonly key: string | null;
}

/** How a log was found when it was opened. */
export interface Found {
  /** Its last entry says that it was closed, or the writer told that it was not; true for a new one too. */
  readonly closed: boolean;
  /** Time of its last entry; null where there was none. */
  readonly lastTime: string | null;
}

export type ToWriter =
  /** Answered by `opened` or `refused`. */
  | { readonly type: 'open'; readonly place: LogPlace }
  /** Everything so far is to be made durable, `chunks` with it. Answered by `committed`. */
  | { readonly type: 'commit'; readonly chunks: readonly Chunk[] }
  /** Of full bundles, the entries [from, to). Answered by `pruned`. */
  | { readonly type: 'prune'; readonly from: number; readonly to: number };

export type FromWriter =
  | { readonly type: 'opened'; readonly size: number; readonly verifier: string; readonly found: Found }
  /** In one line. */
  | { readonly type: 'refused'; readonly error: string }
  /** `size` entries are durable; `error`: why not all are, in one line. `buffers` may be used again. */
  | {
      readonly type: 'committed';
      readonly size: number;
      readonly error: string | null;
      readonly buffers: readonly ArrayBuffer[];
    }
  | { readonly type: 'pruned'; readonly error: string | null };
