import { DomainError } from '../../errors/domain-error.ts';
import type { Evidence } from '../evidence.ts';
import { mergeBlockStreams } from './block-stream.ts';
import { mergeEProcesses } from './e-process.ts';
import { type CoreStream, type RuleStream, type Streams, streamsOf } from './streams.ts';

/**
 * The evidence of two replicas that each gathered other units of one rollout: S vectors, counts and sums add, in any order. It is for judging,
 * not for going on: open blocks stay with their replica, and the maximum of E begins at the merge. Throws `invalid_argument` for other rules.
 */
export const mergeEvidence = (a: Evidence, b: Evidence): Evidence => {
  const [one, other] = [streamsOf(a), streamsOf(b)];
  const rules: Streams['rules'] = {};
  for (const [key, stream] of Object.entries(one.rules)) {
    const second = other.rules[key];
    if (second?.print !== stream.print)
      throw new DomainError('invalid_argument', `the evidence of ${key} is of another rule`);
    rules[key] = mergeRules(stream, second);
  }
  return {
    format: 1,
    settledSeq: Math.max(a.settledSeq, b.settledSeq),
    streams: { core: mergeCores(one.core, other.core), rules, scorers: one.scorers } satisfies Streams,
  };
};

const mergeRules = (a: RuleStream, b: RuleStream): RuleStream => ({
  print: a.print,
  arm: a.arm,
  ...(a.threshold === undefined ? {} : { threshold: Math.max(a.threshold, b.threshold ?? 0) }),
  missing: a.missing + b.missing,
  invalid: a.invalid + b.invalid,
  valued: addCounts(a.valued, b.valued),
  ...(a.blocks === undefined || b.blocks === undefined ? {} : { blocks: mergeBlockStreams(a.blocks, b.blocks) }),
  ...(a.floor === undefined || b.floor === undefined
    ? {}
    : {
        floor: {
          seq: Math.max(a.floor.seq, b.floor.seq),
          n: a.floor.n + b.floor.n,
          sum: a.floor.sum + b.floor.sum,
          process: mergeEProcesses(a.floor.process, b.floor.process),
        },
      }),
});

const addCounts = (a: { readonly [key: string]: number }, b: { readonly [key: string]: number }) =>
  Object.fromEntries(
    [...new Set([...Object.keys(a), ...Object.keys(b)])].map((key) => [key, (a[key] ?? 0) + (b[key] ?? 0)]),
  );

const mergeCores = (a: CoreStream, b: CoreStream): CoreStream => {
  const added = (one: CoreStream['counts'] = {}, other: CoreStream['counts'] = {}): CoreStream['counts'] =>
    Object.fromEntries(
      [...new Set([...Object.keys(one), ...Object.keys(other)])].map((epoch) => [
        epoch,
        a.silent.map((_, arm) => (one[epoch]?.[arm] ?? 0) + (other[epoch]?.[arm] ?? 0)),
      ]),
    );
  const unmeasured =
    a.unmeasured === undefined && b.unmeasured === undefined ? {} : { unmeasured: added(a.unmeasured, b.unmeasured) };
  const counts = added(a.counts, b.counts);
  return { seq: Math.max(a.seq, b.seq), counts, ...unmeasured, silent: a.seq >= b.seq ? a.silent : b.silent };
};
