import type { Digest, RunId, StepPath, TenantId } from '@skein/domain';

/** Content-addressed bytes: outputs over 32 KiB, artifacts. A put is durable when it resolves, and idempotent. */
export interface BlobStore {
  put(tenant: TenantId, bytes: Uint8Array): Promise<Digest>;
  /** `not_found` when absent, `digest_mismatch` when the stored bytes are damaged. */
  get(tenant: TenantId, digest: Digest): Promise<Uint8Array>;
  has(tenant: TenantId, digest: Digest): Promise<boolean>;
}

/** Key of one attempt's log. */
export interface LogKey {
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly step: StepPath;
  readonly attempt: number;
}

/** Step logs: off the durable commit, capped at 8 MiB per attempt (then a marker line). */
export interface LogStore {
  /** Appends in call order; may be buffered; never throws for a full log. */
  append(key: LogKey, bytes: Uint8Array): void;
  /** Bytes from `offset`, at most `limit`; `next` is the offset to go on from. */
  read(key: LogKey, offset: number, limit: number): Promise<{ readonly bytes: Uint8Array; readonly next: number }>;
  /** Attempts of a step that have a log, ascending. */
  attempts(tenant: TenantId, runId: RunId, step: StepPath): Promise<readonly number[]>;
  flush(): Promise<void>;
  /** Removes the logs of all attempts of a run; what is appended afterwards begins a log anew. Blobs that the run named stay. */
  remove(tenant: TenantId, runId: RunId): Promise<void>;
}
