import type { Evidence } from '../evidence.ts';
import type { RolloutRule } from '../rollout-record.ts';
import { type BlockStream, copyBlockStream } from './block-stream.ts';
import { copyEProcess, type EProcess } from './e-process.ts';

/** What is known of one rule and one arm. `print` tells whether the rule is still the one that was measured. JSON-safe. */
export interface RuleStream {
  readonly print: string;
  readonly arm: number;
  /** 1/alpha_r when the test began. A larger share of alpha that it gets later does not lower it: shares would be chosen by what is seen. */
  readonly threshold?: number;
  /** Values that never came, and those that were no numbers. */
  missing: number;
  invalid: number;
  /** Candidate units with a value, by epoch: the last 16 of them. */
  readonly valued: { [epoch: string]: number };
  readonly blocks?: BlockStream;
  readonly floor?: FloorStream;
}

/** A floor rule: every candidate value is a bet of its own. */
export interface FloorStream {
  seq: number;
  n: number;
  sum: number;
  readonly process: EProcess;
}

/** Runs of units without a value, in one epoch: silence. */
export interface Streak {
  epoch: number;
  units: number;
}

/** Units whose run is over, in order. */
export interface CoreStream {
  seq: number;
  /** Those that are not void, by epoch and arm. */
  readonly counts: { [epoch: string]: number[] };
  /** Those of them of which nothing was measured: their run was cancelled by a person, or did not end in time. */
  unmeasured?: { [epoch: string]: number[] };
  /** By arm: units in a row of which nothing was measured. */
  readonly silent: Streak[];
}

/** Units in a row without a score, by scorer. */
export interface ScorerStream extends Streak {
  seq: number;
}

/** The inside of `Evidence.streams`. Rules by `ARM/RULE`. */
export interface Streams {
  readonly core: CoreStream;
  readonly rules: { [key: string]: RuleStream };
  readonly scorers: { [id: string]: ScorerStream };
}

/** The streams of stored evidence. */
export const streamsOf = (evidence: Evidence): Streams => evidence.streams as Streams;

/** An arm and a rule; the arm first, so that no name of a rule makes it ambiguous. */
export const streamKey = (rule: Pick<RolloutRule, 'id'>, arm: number): string => `${arm}/${rule.id}`;

/** Copies that share nothing. */
export const copyStreams = (streams: Streams): Streams => ({
  core: {
    seq: streams.core.seq,
    counts: Object.fromEntries(Object.entries(streams.core.counts).map(([epoch, units]) => [epoch, [...units]])),
    silent: streams.core.silent.map((streak) => ({ ...streak })),
    ...(streams.core.unmeasured === undefined
      ? {}
      : {
          unmeasured: Object.fromEntries(
            Object.entries(streams.core.unmeasured).map(([epoch, units]) => [epoch, [...units]]),
          ),
        }),
  },
  rules: Object.fromEntries(Object.entries(streams.rules).map(([key, stream]) => [key, copyRuleStream(stream)])),
  scorers: Object.fromEntries(Object.entries(streams.scorers).map(([id, stream]) => [id, { ...stream }])),
});

const copyRuleStream = (stream: RuleStream): RuleStream => ({
  ...stream,
  valued: { ...stream.valued },
  ...(stream.blocks === undefined ? {} : { blocks: copyBlockStream(stream.blocks) }),
  ...(stream.floor === undefined ? {} : { floor: { ...stream.floor, process: copyEProcess(stream.floor.process) } }),
});
