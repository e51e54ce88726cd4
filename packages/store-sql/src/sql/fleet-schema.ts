/** Coordinators that belong to the fleet. */
export interface CoordinatorMemberTable {
  coordinator_id: string;
  incarnation: string;
  peer_address: string;
  worker_address: string;
  /** JSON: an array of texts. */
  facts: string;
  started_at: number;
  leaving: number;
  /** Higher than that of any row when it was written. */
  renewal: number;
  secret_fingerprint: string | null;
}

/** Who holds the stream of a worker. */
export interface WorkerPlaceTable {
  tenant: string;
  worker_id: string;
  epoch: number;
  coordinator_id: string;
  session_id: string;
  /** Names the claim, so that one whose answer was lost is not repeated. */
  commit_id: string;
  /** ms since the epoch, for the removal of rows of workers that did not come back. */
  at: number;
}

/** What was done, or tried, by whom. */
export interface AuditTable {
  tenant: string;
  id: string;
  at: number;
  actor_kind: 'token' | 'worker' | 'peer' | 'trigger' | 'system';
  actor_id: string;
  actor_name: string | null;
  action: string;
  target: string | null;
  outcome: string;
  /** JSON. */
  details: string | null;
}

/** Secrets that an operator stored, encrypted. */
export interface SealedSecretTable {
  tenant: string;
  name: string;
  key_id: string;
  sealed: Uint8Array;
  updated_at: number;
  updated_by: string;
}

/** Blobs where they are not files: PostgreSQL only. */
export interface BlobTable {
  /** What the bytes are for: a part of a snapshot lives apart from the other blobs. */
  kind: 'blob' | 'part';
  tenant: string;
  digest: string;
  size: number;
}

/** The bytes of blobs, in pieces: PostgreSQL only. */
export interface BlobChunkTable {
  kind: 'blob' | 'part';
  tenant: string;
  digest: string;
  /** From 0. */
  seq: number;
  bytes: Uint8Array;
}

/** Step logs where they are not files, in pieces of any size: PostgreSQL only. */
export interface LogChunkTable {
  tenant: string;
  run_id: string;
  step: string;
  attempt: number;
  /** Where in the log the piece begins, in bytes. */
  start: number;
  bytes: Uint8Array;
}

/** The tables of a fleet. */
export interface FleetSchema {
  coordinator_member: CoordinatorMemberTable;
  worker_place: WorkerPlaceTable;
  audit: AuditTable;
  sealed_secret: SealedSecretTable;
  blob: BlobTable;
  blob_chunk: BlobChunkTable;
  log_chunk: LogChunkTable;
}
