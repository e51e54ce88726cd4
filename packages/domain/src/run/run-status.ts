/** Status of a run; the last three are terminal (R1). */
export type RunStatus = 'queued' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'cancelled';

/** Status of a step or of one item of a fan-out; the last four are terminal within a round. */
export type StepStatus =
  | 'pending'
  | 'ready'
  | 'running'
  | 'waiting'
  | 'retrying'
  | 'succeeded'
  | 'failed'
  | 'skipped'
  | 'cancelled';

/** True when the run can never change again (R1). */
export const isTerminalRun = (status: RunStatus): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'cancelled';

/** True when the step is settled. */
export const isSettledStep = (status: StepStatus): boolean =>
  status === 'succeeded' || status === 'failed' || status === 'skipped' || status === 'cancelled';

/** Why a run or a step waits; closed. */
export type WaitReason =
  | 'not_admitted'
  | 'dependencies_open'
  | 'no_worker_connected'
  | 'no_worker_matches'
  | 'all_slots_busy'
  | 'concurrency_limit'
  | 'backing_off'
  | 'queue_paused'
  | 'restart_grace'
  | 'waiting_for_approval'
  | 'waiting_for_time'
  | 'waiting_for_message';

/** Why a step was skipped; closed. */
export type SkipReason = 'precondition_not_met' | 'upstream_failed' | 'upstream_skipped' | 'run_cancelled';
