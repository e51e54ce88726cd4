import { createHash } from 'node:crypto';
import {
  advanceEvidence,
  createEvidence,
  judgeRollout,
  newRollout,
  pickArm,
  placeUnit,
  type RolloutRecord,
  type RolloutUnit,
} from '@skein/domain';
import { median, nowMs, round3 } from '../measure.ts';
import type { Figure } from '../render-figures.ts';
import { bareUpdates } from './anchor.ts';

const start = Date.parse('2026-11-01T00:00:00Z');

const recordOf = (weight: number): RolloutRecord =>
  newRollout({
    tenant: 'default',
    id: 'rol_bench',
    agentId: 'triage',
    stableVersionId: 'sha256:aa',
    candidateVersionId: 'sha256:bb',
    salt: '0123456789abcdef',
    by: { actor: 'bench' },
    at: start,
    memoryRevision: 0,
    type: 'canary',
    weight,
    steps: [],
  }).record;

const unitsOf = (count: number, weight: number): RolloutUnit[] =>
  Array.from({ length: count }, (_, i): RolloutUnit => {
    const arm = Math.floor((i + 1) * weight) > Math.floor(i * weight) ? 1 : 0;
    const error = i % 17 === 0 ? 1 : 0;
    return {
      seq: i + 1,
      unit: i.toString(16).padStart(32, '0'),
      arm,
      epoch: 1,
      at: start + i * 50,
      runId: `run-${i}`,
      state: 'ended',
      endedAt: start + i * 50 + 900,
      values: { error, run_failed: error, run_partial: 0 },
    };
  });

/** Median nanoseconds per item of the samples, after two that warm up. */
const nanoseconds = (samples: number, items: number, once: () => unknown): number => {
  const times: number[] = [];
  for (let sample = -2; sample < samples; sample += 1) {
    const began = nowMs();
    once();
    if (sample >= 0) times.push(((nowMs() - began) * 1e6) / items);
  }
  return round3(median(times));
};

/** Reads batches as the evaluator does: advance, JSON of what is saved, judge. */
const evaluate = (record: RolloutRecord, units: readonly RolloutUnit[], batch: number): unknown => {
  let evidence = createEvidence(record);
  let text = '';
  for (let from = 0; from < units.length; from += batch) {
    evidence = advanceEvidence(record, evidence, units.slice(from, from + batch));
    text = JSON.stringify(evidence);
    judgeRollout({ record, evidence, units: [], unrouted: 0, now: start, breaker: { consecutiveFailures: 0 } });
  }
  return text;
};

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

/** What evidence and decisions cost, each beside its anchor in this run. An observation is a unit's value of one rule. */
export const measureEvaluator = (samples: number): readonly Figure[] => {
  const blocks = 100_000;
  const bare = nanoseconds(samples, blocks, () => bareUpdates(blocks));
  const count = 20_000;
  const figures = [0.5, 0.05, 0.001].map((weight): Figure => {
    const record = recordOf(weight);
    const units = unitsOf(count, weight);
    const ours = nanoseconds(samples, count * record.rules.length, () => evaluate(record, units, 1_000));
    return {
      id: `E ${weight * 100} %`,
      what: `evaluator per observation at ${weight * 100} %: advance, save, judge / one bare update of 16 bets`,
      ours,
      unit: 'ns',
      anchor: bare,
      target: '<= 10',
    };
  });
  const record = recordOf(0.05);
  const keys = Array.from({ length: 20_000 }, (_, i) => `resource-${i}`);
  const encoder = new TextEncoder();
  const raw = nanoseconds(samples, keys.length, () => {
    for (const key of keys) sha256(encoder.encode(`rollout/v1\u0000${record.salt}\u0000${key}`));
  });
  const decided = nanoseconds(samples, keys.length, () => {
    let candidates = 0;
    for (const key of keys) candidates += pickArm(record.segments, placeUnit(sha256, record.salt, key).position);
    return candidates;
  });
  return [
    ...figures,
    {
      id: 'D',
      what: 'decisions per second and core / raw SHA-256 of the same bytes',
      ours: Math.round(1e9 / decided),
      unit: '/s',
      anchor: Math.round(1e9 / raw),
      target: '>= 0.5',
    },
  ];
};
