import type { UnitSampler } from './evidence/evidence-types.ts';
import type { EvidenceSummary, RolloutRecord, RolloutUnit } from './rollout-record.ts';

/**
 * All that the tests of one rollout know: JSON-safe, persisted, a pure function of the record's frozen part (rules, arms, epochs) and of
 * the units in order. Its inside belongs to `evidence/`.
 */
export interface Evidence {
  readonly format: 1;
  /** Units up to this `seq` are no longer needed by anybody. */
  readonly settledSeq: number;
  readonly streams: unknown;
}

/** What the evidence says must be done, in the order of g.8: rollback beats pause beats ramp. */
export interface Verdict {
  readonly action:
    | { readonly kind: 'none' }
    | { readonly kind: 'notify'; readonly rule: string }
    | {
        readonly kind: 'pause' | 'rollback';
        readonly reason:
          | 'regression'
          | 'floor'
          | 'srm_alarm'
          | 'circuit_breaker'
          | 'no_data'
          | 'scorer_outage'
          | 'horizon_ended';
        readonly rule?: string;
        /** What the reason does not say, in words. */
        readonly detail?: string;
      }
    | { readonly kind: 'advance' }
    | { readonly kind: 'complete' };
  readonly summary: EvidenceSummary;
  /** What keeps the step from ending, in words and codes; empty when nothing does. */
  readonly waitingFor: readonly { readonly code: string; readonly message: string; readonly until?: number }[];
}

/** What a verdict needs beside the evidence. */
export interface JudgeInput {
  readonly record: RolloutRecord;
  readonly evidence: Evidence;
  /** Units after `evidence.settledSeq`, in order: those that are not settled yet among them. */
  readonly units: readonly RolloutUnit[];
  readonly unrouted: number;
  readonly now: number;
  /** What opens it: so many failures (default 5) while stable succeeded so recently (default 60,000 ms). */
  readonly breaker: {
    readonly consecutiveFailures: number;
    readonly stableSucceededAt?: number;
    readonly limit?: number;
    readonly windowMs?: number;
    /** Opens it at once: why the snapshot of a candidate cannot be built, in words. */
    readonly unbuildable?: string;
  };
  /** Needed when a scorer samples: see `advanceEvidence`. */
  readonly isSampled?: UnitSampler;
}
