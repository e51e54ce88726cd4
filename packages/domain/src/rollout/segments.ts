import { DomainError } from '../errors/domain-error.ts';
import { type RolloutRecord, type Segment, totalParts } from './rollout-record.ts';

/** More segments than this are refused: start a new rollout. */
export const maxSegments = 256;

/** Arms in one rollout. */
export const maxArms = 8;

/** Stable owns [0, T - parts), the candidate the top. A function of the weight alone: same weight, same units (O3). */
export const canarySegments = (parts: number): readonly Segment[] => initialSegments([totalParts - parts, parts]);

/** Arms side by side in their order. Throws `invalid_argument` for parts that are none or do not sum to 2^32. */
export const initialSegments = (parts: readonly number[]): readonly Segment[] => {
  checkParts(parts);
  const segments: Segment[] = [];
  let lo = 0;
  parts.forEach((size, arm) => {
    if (size > 0) segments.push({ lo, hi: lo + size, arm });
    lo += size;
  });
  return segments;
};

/**
 * The segments after a change of weights, with as little movement as possible (P3): shrinking arms give from the tail of their last segments,
 * growing arms receive in their order, and an arm whose target does not fall loses nothing (P4). Two arms keep the form of a canary,
 * which needs no history. Throws `invalid_argument` for bad parts, `unprocessable` above 256 segments.
 */
export const retarget = (segments: readonly Segment[], targetParts: readonly number[]): readonly Segment[] => {
  checkParts(targetParts);
  if (targetParts.length === 2 && isCanaryForm(segments)) return initialSegments(targetParts);
  const surplus = targetParts.map((target, arm) => sizeOf(segments, arm) - target);
  const kept: Segment[] = [];
  const freed: { lo: number; hi: number }[] = [];
  for (const segment of segments.toReversed()) {
    const give = Math.min(segment.hi - segment.lo, Math.max(0, surplus[segment.arm] ?? 0));
    surplus[segment.arm] = (surplus[segment.arm] ?? 0) - give;
    if (give > 0) freed.push({ lo: segment.hi - give, hi: segment.hi });
    if (give < segment.hi - segment.lo) kept.push({ ...segment, hi: segment.hi - give });
  }
  const result = merge([...kept, ...assign(freed.toReversed(), surplus)]);
  if (result.length > maxSegments) {
    throw new DomainError(
      'unprocessable',
      `the weights were changed so often that routing needs ${result.length} segments, at most ${maxSegments} are kept; start a new rollout`,
      { limit: maxSegments, actual: result.length },
    );
  }
  return result;
};

const sizeOf = (segments: readonly Segment[], arm: number): number =>
  segments.reduce((sum, segment) => (segment.arm === arm ? sum + segment.hi - segment.lo : sum), 0);

const isCanaryForm = (segments: readonly Segment[]): boolean =>
  segments.length <= 1 || (segments.length === 2 && segments[0]?.arm === 0);

/** Freed ranges, lowest first, to the arms with a negative surplus, in their order. */
const assign = (
  freed: readonly { readonly lo: number; readonly hi: number }[],
  surplus: readonly number[],
): Segment[] => {
  const needs = surplus.flatMap((left, arm) => (left < 0 ? [{ arm, need: -left }] : []));
  const given: Segment[] = [];
  for (const range of freed) {
    let { lo } = range;
    while (lo < range.hi) {
      const first = needs[0];
      if (first === undefined) throw new DomainError('internal', 'segments do not cover the whole range');
      const hi = Math.min(range.hi, lo + first.need);
      given.push({ lo, hi, arm: first.arm });
      first.need -= hi - lo;
      if (first.need === 0) needs.shift();
      lo = hi;
    }
  }
  return given;
};

const merge = (segments: readonly Segment[]): readonly Segment[] => {
  const merged: Segment[] = [];
  for (const segment of segments.toSorted((a, b) => a.lo - b.lo)) {
    const last = merged.at(-1);
    if (last !== undefined && last.arm === segment.arm && last.hi === segment.lo) {
      merged[merged.length - 1] = { ...last, hi: segment.hi };
    } else {
      merged.push(segment);
    }
  }
  return merged;
};

/** Integers of 0 to 2^32, one per arm, that sum to 2^32. */
export const isParts = (parts: readonly number[]): boolean =>
  parts.length > 0 &&
  parts.length <= maxArms &&
  parts.every((part) => Number.isInteger(part) && part >= 0 && part <= totalParts) &&
  parts.reduce((sum, part) => sum + part, 0) === totalParts;

const checkParts = (parts: readonly number[]): void => {
  if (!isParts(parts)) {
    throw new DomainError('invalid_argument', 'parts must be integers of at most 8 arms that sum to 2^32');
  }
};

/** The arm that owns a position; the stable arm for a position that no segment covers. */
export const pickArm = (segments: readonly Segment[], position: number): number => {
  let low = 0;
  let high = segments.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const segment = segments[middle] as Segment;
    if (position >= segment.hi) low = middle + 1;
    else if (position >= segment.lo) return segment.arm;
    else high = middle - 1;
  }
  return 0;
};

const allStable: readonly Segment[] = [{ lo: 0, hi: totalParts, arm: 0 }];

/** The segments that routing uses now: those of the record while it is active or after it completed, else all to the stable arm. */
export const routingSegments = (record: Pick<RolloutRecord, 'status' | 'segments'>): readonly Segment[] =>
  record.status === 'active' || record.status === 'completed' ? record.segments : allStable;

/** Parts when everything goes to the stable arm, of as many arms as given. */
export const stableParts = (arms: readonly unknown[]): readonly number[] =>
  arms.map((_, arm) => (arm === 0 ? totalParts : 0));
