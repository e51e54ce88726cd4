import type { ParamDef } from '../dag/param.ts';

/** What a step waits for without holding a slot. */
export type WaitsFor = 'time' | 'message' | 'approval';

/** A `wait` or `approval` step under way: its status is `waiting`. Instants in ms since the epoch. */
export interface WaitState {
  readonly for: WaitsFor;
  readonly since: number;
  /** `time`: goes on at this instant. */
  readonly until?: number;
  /** The step's timeout: fails with `deadline_exceeded` then. */
  readonly deadline?: number;
  /** `approval`: the rendered question. */
  readonly prompt?: string;
}

/** When a wait ends by itself, in ms: at its instant or at its timeout, whichever is first; infinite for one that does not. */
export const endOfWait = ({
  until = Number.POSITIVE_INFINITY,
  deadline = Number.POSITIVE_INFINITY,
}: WaitState): number => Math.min(until, deadline);

/** A person's word on an approval. */
export type ApprovalDecision = 'approve' | 'reject';

/** What an approval step says, for surfaces. */
export interface ApprovalView {
  readonly runId: string;
  readonly dag: string;
  readonly step: string;
  readonly prompt: string;
  readonly input: readonly ParamDef[];
  readonly since: string;
  readonly deadline?: string;
  /** Steps to which it may be pushed back: those before it. */
  readonly rewind: readonly string[];
  readonly round: number;
}

/** Most rounds of one run's steps; one more push-back is refused. */
export const maxRounds = 100;
