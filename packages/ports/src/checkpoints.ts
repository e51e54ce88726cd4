import type { CheckpointEntry, Digest, JsonValue, ResumePoint, TreeRef, ValueRef } from '@skein/domain';

/** The durable points of one attempt. */
export interface Checkpoints {
  /** What the attempt goes on from; absent at turn 0. Bodies by digest are fetched with `load`. */
  readonly resume?: ResumePoint;
  /** The value inline when small enough, else stored and named. Secrets are taken out of it first. */
  keep(value: JsonValue): Promise<ValueRef>;
  /** Throws `not_found`, `digest_mismatch`. */
  load(ref: ValueRef): Promise<JsonValue>;
  /**
   * Resolves when the entries are durable, in order; while the worker has no coordinator it waits for one. Rejects with the signal's
   * reason, and with `stale_fencing_token` when the lease is over: then nothing more may be done.
   */
  record(entries: readonly CheckpointEntry[]): Promise<void>;
}

/** Keeps and restores the files of an attempt's private directory, content-addressed. Paths are relative, with `/`. */
export interface WorkTree {
  /**
   * The tree as it is now; stores only what changed since the last `capture` or `restore`. Undefined when nothing changed.
   * Regular files, directories, permission bits and symbolic links inside the tree. Throws `too_large` (over the cap, or too many files),
   * `unprocessable` (something that cannot be kept: a socket, a link that leads out).
   */
  capture(signal: AbortSignal): Promise<TreeRef | undefined>;
  /** Makes the empty directory be that tree and verifies every file. Throws `not_found`, `digest_mismatch`, `too_large`; then the directory is empty again. */
  restore(tree: TreeRef, signal: AbortSignal): Promise<void>;
}

/** What the working tree of one attempt has to do with. */
export interface WorkTreeSurroundings {
  /** The attempt's private directory; exists. */
  readonly root: string;
  /** See `TaskTransfers`. */
  readonly fetchBlob: (digest: Digest) => Promise<Uint8Array>;
  readonly storeBlob: (bytes: Uint8Array) => Promise<Digest>;
  /** Whether the bytes hold the value of a secret that the task has read: those are never stored (S3). */
  readonly holdsSecret: (bytes: Uint8Array) => boolean;
  /** Rises when the task reads another secret: what was looked through before is looked through again. */
  readonly secretsRead: () => number;
}

/** Makes the working tree of one attempt. */
export type WorkTreeSource = (surroundings: WorkTreeSurroundings) => WorkTree;
