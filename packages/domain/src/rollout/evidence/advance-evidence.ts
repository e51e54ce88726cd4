import type { Evidence } from '../evidence.ts';
import type { RolloutRecord, RolloutUnit } from '../rollout-record.ts';
import { scorerOfMetric } from '../rule-defaults.ts';
import { createBlockStream } from './block-stream.ts';
import { createEProcess } from './e-process.ts';
import type { UnitSampler } from './evidence-types.ts';
import { pivotFinder, runBlocks, runCore, runFloor, runScorer } from './run-streams.ts';
import { samplerOf } from './sampling.ts';
import { copyStreams, type Streams, streamKey, streamsOf } from './streams.ts';
import { thresholdOf } from './summarize-evidence.ts';
import { testPrint } from './test-print.ts';

/** Evidence of a rollout before its first unit. */
export const createEvidence = (record: RolloutRecord): Evidence => {
  const streams: Streams = {
    core: { seq: 0, counts: {}, silent: record.arms.map(() => ({ epoch: 0, units: 0 })) },
    rules: {},
    scorers: {},
  };
  reconcile(record, streams, 0);
  return { format: 1, settledSeq: 0, streams };
};

/**
 * The evidence with the given units: those after `evidence.settledSeq`, in order and without gaps, open ones among them. Each stream runs over
 * the units whose value is known or will never come, and stops at the first other one (the watermark), so any batches give what one batch
 * gives, and the same units twice change nothing. Rules that are new or changed begin behind the last of
 * these units: whoever chose them may have seen values that wait behind the watermark of another rule. `isSampled` is needed when a scorer samples
 * (`invalid_argument` else). Changes neither of its arguments.
 */
export const advanceEvidence = (
  record: RolloutRecord,
  evidence: Evidence,
  units: readonly RolloutUnit[],
  isSampled?: UnitSampler,
): Evidence => {
  const streams = copyStreams(streamsOf(evidence));
  reconcile(record, streams, Math.max(evidence.settledSeq, units.at(-1)?.seq ?? 0));
  runCore(record, streams, units);
  for (const { id } of record.scorers) {
    const stream = streams.scorers[id];
    if (stream !== undefined) runScorer(stream, `score:${id}`, units, samplerOf(record, `score:${id}`, isSampled));
  }
  const pivots = pivotFinder(record);
  for (const rule of record.rules) {
    const sampler = samplerOf(record, rule.metric, isSampled);
    for (let arm = 1; arm < record.arms.length; arm += 1) {
      const stream = streams.rules[streamKey(rule, arm)];
      if (stream?.blocks !== undefined) runBlocks(record, rule, stream, units, sampler, pivots);
      if (stream?.floor !== undefined) runFloor(record, rule, stream, units, sampler);
    }
  }
  return { format: 1, settledSeq: settledSeqOf(streams), streams };
};

/** Keeps the streams of rules that stayed equal, drops the others, and begins new ones. */
const reconcile = (record: RolloutRecord, streams: Streams, seq: number): void => {
  const kept = new Set<string>();
  for (const rule of record.rules) {
    const print = testPrint(rule);
    for (let arm = 1; arm < record.arms.length; arm += 1) {
      const key = streamKey(rule, arm);
      kept.add(key);
      if (streams.rules[key]?.print === print) continue;
      streams.rules[key] = {
        print,
        arm,
        threshold: thresholdOf(record, rule),
        missing: 0,
        invalid: 0,
        valued: {},
        ...(rule.kind === 'floor'
          ? { floor: { seq, n: 0, sum: 0, process: createEProcess() } }
          : { blocks: createBlockStream(seq, rule.promoteMargin !== undefined) }),
      };
    }
  }
  for (const key of Object.keys(streams.rules)) if (!kept.has(key)) delete streams.rules[key];
  // Only scorers of a rule surely have a value, or none, for each sampled unit.
  const needed = new Set(record.rules.map(({ metric }) => scorerOfMetric(metric)));
  const scorers = new Set(record.scorers.map(({ id }) => id).filter((id) => needed.has(id)));
  // Any name may be that of a scorer, `constructor` among them.
  for (const id of scorers) {
    if (!Object.hasOwn(streams.scorers, id)) streams.scorers[id] = { seq, epoch: 0, units: 0 };
  }
  for (const id of Object.keys(streams.scorers)) if (!scorers.has(id)) delete streams.scorers[id];
};

/** Units up to here are behind every watermark. */
const settledSeqOf = ({ core, rules, scorers }: Streams): number =>
  Math.min(
    core.seq,
    ...Object.values(rules).map(({ blocks, floor }) => blocks?.seq ?? floor?.seq ?? core.seq),
    ...Object.values(scorers).map(({ seq }) => seq),
  );
