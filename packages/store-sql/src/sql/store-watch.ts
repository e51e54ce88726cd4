import type { RunId } from '@skein/domain';
import type { Log, Meter } from '@skein/ports';

/** Where the store tells of what it got over by itself, and an operator should know. */
export interface StoreWatch {
  /** The write-ahead log could not be copied into the file; the commits go on. */
  checkpointFailed(error: unknown): void;
  /** A folded state was damaged; the log is folded instead. */
  checkpointIgnored(runId: RunId, seq: number): void;
  /** The head of a run is damaged so that it cannot be told which run it is, or how it stands: lists leave it out. */
  headIgnored(runId: string): void;
  /** The write-ahead log ends in frames of a commit that was not finished, or was cut off. */
  logTorn(bytes: number): void;
}

/** Logs and counts. */
export const createStoreWatch = (deps: { readonly log?: Log; readonly meter?: Meter }): StoreWatch => {
  const { log, meter } = deps;
  return {
    checkpointFailed: (error) => {
      meter?.count('skein_store_wal_checkpoint_failures_total');
      log?.warn('the write-ahead log could not be copied into the database file', {
        error: error instanceof Error ? error.message : String(error),
      });
    },
    checkpointIgnored: (runId, seq) => {
      meter?.count('skein_store_state_checkpoints_ignored_total');
      log?.error('a folded state is damaged; the log of the run is folded from its start', { runId, seq });
    },
    headIgnored: (runId) => {
      meter?.count('skein_store_run_heads_ignored_total');
      log?.error('the head of a run is damaged; lists leave it out', { runId });
    },
    logTorn: (bytes) => {
      meter?.count('skein_store_torn_logs_total');
      log?.warn('the end of the write-ahead log is torn: a commit that nobody was told of is left out', { bytes });
    },
  };
};
