import {
  type BlockMargins,
  type BlockTests,
  copyBlockTests,
  createBlockTests,
  mergeBlockTests,
  scoreBlock,
} from './block-tests.ts';
import { appendUnit, type Chunks, coarsen, copyChunks, createChunks, maxChunks, stride } from './chunks.ts';
import { rankDifference } from './rank-difference.ts';

/** A unit of one stream: of stable or of the stream's arm. `x` undefined: it has no value and never will. */
export interface StreamUnit {
  readonly seq: number;
  /** ms; of its assignment. */
  readonly at: number;
  readonly isCandidate: boolean;
  /** It is on the side that is rarer in its epoch, so that a block forms around it. */
  readonly isPivot: boolean;
  readonly x: number | undefined;
}

/** How a stream measures. */
export interface BlockShape extends BlockMargins {
  /** Values are compared within the block. */
  readonly isRank: boolean;
}

/**
 * The blocks of one rule and one arm, in order of assignment. A block forms around each pivot: the units from midway to the pivot before
 * until midway to the pivot after. Sides and boundaries follow from arms and instants of assignment alone, never from values; that is what makes
 * the test valid at every look. JSON-safe; grows with what the open block holds only, at most 64 chunks on either side of its pivot.
 */
export interface BlockStream {
  /** Ran over all units up to this one. */
  seq: number;
  /** Latest instant of assignment so far: later units that say less count as if they said this. */
  clock: number;
  /** Where the open block begins. */
  from: number;
  /** Units before the pivot of the open block, and after it. */
  head: Chunks;
  tail: Chunks;
  /** The pivot of the open block. `isTaken` false: it is assigned, and its value is not reached yet. `n` 1: it has the value `x`. */
  pivot?: {
    readonly seq: number;
    readonly at: number;
    readonly isCandidate: boolean;
    isTaken: boolean;
    n: number;
    x: number;
  };
  /** Values of blocks that lacked the other side, in the form of chunks, and where the first of those blocks began. */
  carry: { from: number; data: number[] };
  readonly tests: BlockTests;
}

/** A block that is longer takes the values within half of this of its pivot. */
const longBlockMs = 3_600_000;

/** A stream that begins after `seq`. */
export const createBlockStream = (seq: number, hasPromotion: boolean): BlockStream => ({
  seq,
  clock: 0,
  from: -1,
  head: createChunks(),
  tail: createChunks(),
  carry: { from: -1, data: [] },
  tests: createBlockTests(hasPromotion),
});

/** A copy that shares nothing. */
export const copyBlockStream = (stream: BlockStream): BlockStream => ({
  ...stream,
  head: copyChunks(stream.head),
  tail: copyChunks(stream.tail),
  ...(stream.pivot === undefined ? {} : { pivot: { ...stream.pivot } }),
  carry: { from: stream.carry.from, data: [...stream.carry.data] },
  tests: copyBlockTests(stream.tests),
});

/** Takes the next unit in order. In place. */
export const takeUnit = (stream: BlockStream, shape: BlockShape, unit: StreamUnit): void => {
  const { x, isCandidate } = unit;
  const at = unit.at > stream.clock ? unit.at : stream.clock;
  stream.clock = at;
  stream.seq = unit.seq;
  if (stream.from < 0) stream.from = at;
  const { pivot } = stream;
  if (pivot !== undefined && !pivot.isTaken) {
    if (unit.seq !== pivot.seq) {
      appendUnit(stream.head, at, isCandidate, x, shape.isRank);
      return;
    }
    pivot.isTaken = true;
    if (x !== undefined) {
      pivot.n = 1;
      pivot.x = x;
    }
    return;
  }
  if (!unit.isPivot) {
    appendUnit(pivot === undefined ? stream.head : stream.tail, at, isCandidate, x, shape.isRank);
    return;
  }
  if (pivot !== undefined) closeBlock(stream, shape, at, boundaryOf(stream.tail, pivot.at, at));
  stream.pivot = { seq: unit.seq, at, isCandidate, isTaken: true, n: x === undefined ? 0 : 1, x: x ?? 0 };
};

/**
 * Closes the open block as soon as the next pivot is assigned and all units of the block have been taken: `waiting` are the assigned units
 * after `stream.seq`, in order, whose values are not asked for. In place; what results is what taking them all would have given.
 */
export const closeEarly = (stream: BlockStream, shape: BlockShape, waiting: Iterable<Omit<StreamUnit, 'x'>>): void => {
  const { pivot } = stream;
  if (pivot === undefined || !pivot.isTaken) return;
  const tail = copyChunks(stream.tail);
  let clock = stream.clock;
  for (const unit of waiting) {
    clock = Math.max(clock, unit.at);
    if (!unit.isPivot) {
      appendUnit(tail, clock, unit.isCandidate, undefined, shape.isRank);
      continue;
    }
    const chunks = boundaryOf(tail, pivot.at, clock);
    if (Math.min(tail.units, chunks * tail.size) > stream.tail.units) return;
    coarsen(stream.tail, tail.size, shape.isRank);
    closeBlock(stream, shape, clock, chunks);
    stream.pivot = { seq: unit.seq, at: clock, isCandidate: unit.isCandidate, isTaken: false, n: 0, x: 0 };
    return;
  }
};

/** How many chunks between two pivots belong to the first: those that end midway or before; when both have one instant, half of them. */
const boundaryOf = ({ data, units, size }: Chunks, at: number, nextAt: number): number => {
  if (at === nextAt) return Math.floor(units / 2 / size);
  const middle = (at + nextAt) / 2;
  let chunks = 0;
  while (chunks * stride < data.length && (data[chunks * stride] as number) <= middle) chunks += 1;
  return chunks;
};

/** Closes the open block with the first `chunks` of its tail; the others become the head of the next one. */
const closeBlock = (stream: BlockStream, shape: BlockShape, nextAt: number, chunks: number): void => {
  const { head, tail, pivot } = stream;
  if (pivot === undefined) return;
  const middle = (pivot.at + nextAt) / 2;
  const cut = chunks * stride;
  const values = head.data;
  for (let i = 0; i < cut; i += 1) values.push(tail.data[i] as number);
  const own = middle - stream.from > longBlockMs ? nearest(values, pivot) : values;
  if (pivot.n > 0) own.push(pivot.at, ...(pivot.isCandidate ? [0, 0, 1, pivot.x] : [1, pivot.x, 0, 0]));
  scoreValues(stream, shape, own, middle);
  stream.head = {
    units: Math.max(0, tail.units - chunks * tail.size),
    size: tail.size,
    data: cut === 0 ? tail.data : tail.data.slice(cut),
  };
  stream.tail = createChunks();
  stream.from = middle;
};

/** Chunks within half an hour of the pivot; when the other side has no value there, the nearest that has one. */
const nearest = (data: readonly number[], pivot: { readonly at: number; readonly isCandidate: boolean }): number[] => {
  const near: number[] = [];
  const other = pivot.isCandidate ? 1 : 3;
  let best = -1;
  let hasOther = false;
  for (let i = 0; i < data.length; i += stride) {
    const away = Math.abs((data[i] as number) - pivot.at);
    const isOther = (data[i + other] as number) > 0;
    if (away <= longBlockMs / 2) {
      near.push(...data.slice(i, i + stride));
      hasOther ||= isOther;
    } else if (isOther && (best < 0 || away < Math.abs((data[best] as number) - pivot.at))) {
      best = i;
    }
  }
  if (!hasOther && best >= 0) near.push(...data.slice(best, best + stride));
  return near;
};

const total = (data: readonly number[], place: number): number => {
  let sum = 0;
  for (let i = place; i < data.length; i += stride) sum += data[i] as number;
  return sum;
};

/** Scores a block, or carries its values into the next when one side has none. */
const scoreValues = (stream: BlockStream, shape: BlockShape, own: number[], until: number): void => {
  const { carry, tests } = stream;
  let values = own;
  if (carry.data.length > 0) {
    // A block that would be too long with what was carried goes without it, if it can.
    const isLong = until - carry.from > longBlockMs && total(own, 1) > 0 && total(own, 3) > 0;
    if (!isLong) values = [...carry.data, ...own];
  }
  const n0 = total(values, 1);
  const n1 = total(values, 3);
  if (n0 === 0 || n1 === 0) {
    if (carry.data.length === 0) carry.from = stream.from;
    carry.data =
      n0 + n1 === 0 ? [] : shape.isRank ? thinned(values) : [until, n0, total(values, 2), n1, total(values, 4)];
    return;
  }
  carry.data = [];
  tests.n0 += n0;
  tests.n1 += n1;
  if (shape.isRank) {
    const d = rankDifference(values);
    tests.s0 += n0 / 2;
    tests.s1 += n1 * (d + 0.5);
    scoreBlock(tests, shape, d);
    return;
  }
  const s0 = total(values, 2);
  const s1 = total(values, 4);
  tests.s0 += s0;
  tests.s1 += s1;
  scoreBlock(tests, shape, s1 / n1 - s0 / n0);
};

/** At most 64 chunks of values, every second one until it fits. */
const thinned = (values: readonly number[]): number[] => {
  const held: number[] = [];
  for (let i = 0; i < values.length; i += stride) {
    if ((values[i + 1] as number) + (values[i + 3] as number) > 0) held.push(...values.slice(i, i + stride));
  }
  const chunks: Chunks = { units: held.length / stride, size: 1, data: held };
  while (chunks.data.length > maxChunks * stride) coarsen(chunks, chunks.size * 2, true);
  return chunks.data;
};

/** What two streams over disjoint units have shown, for judging: open blocks are left out. */
export const mergeBlockStreams = (a: BlockStream, b: BlockStream): BlockStream => ({
  ...createBlockStream(Math.max(a.seq, b.seq), a.tests.promotion !== undefined),
  tests: mergeBlockTests(a.tests, b.tests),
});
