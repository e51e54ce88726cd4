import { expect, test } from 'vitest';
import { createDraw, largestLnE, type Traffic } from '../../../test/rollout-simulator.ts';
import { type BlockShape, closeEarly, createBlockStream, type StreamUnit, takeUnit } from './block-stream.ts';
import { createEProcess, eOf, lambdas, lnEOf, mergeEProcesses, sumsOf, updateEProcess } from './e-process.ts';

const shape: BlockShape = { margin: 0, lnHarmAlpha: Math.log(20), isRank: false };
const hour = 3_600_000;

const unit = (seq: number, at: number, side: 's' | 'c', x: number | undefined): StreamUnit => ({
  seq,
  at,
  isCandidate: side === 'c',
  isPivot: side === 'c',
  x,
});

const take = (units: readonly StreamUnit[], with_: BlockShape = shape) => {
  const stream = createBlockStream(0, false);
  for (const one of units) takeUnit(stream, with_, one);
  return stream;
};

test('13 blocks of g = 0.98 give S_15 = 7.16 and bring the mixture to 100', () => {
  const process = createEProcess();
  for (let block = 0; block < 12; block += 1) updateEProcess(process, 0.98);
  expect(eOf(process.lnMax)).toBeLessThan(100);
  updateEProcess(process, 0.98);
  expect(sumsOf(process)[15]).toBeCloseTo(13 * Math.log(1.735), 9);
  expect(sumsOf(process)[15]).toBeCloseTo(7.16, 2);
  expect(eOf(process.lnMax)).toBeGreaterThanOrEqual(100);
});

test('the bets are 16, from 0.01 to 0.75, each a constant factor above the one before', () => {
  expect(lambdas).toHaveLength(16);
  expect([lambdas[0], lambdas[15]]).toEqual([0.01, 0.75]);
  expect((lambdas[1] as number) / (lambdas[0] as number)).toBeCloseTo(
    (lambdas[15] as number) / (lambdas[14] as number),
    12,
  );
});

test('S is the sum of log1p of every bet, after hundreds of thousands of blocks too', () => {
  const draw = createDraw(4);
  const process = createEProcess();
  const sums = lambdas.map(() => 0);
  for (let block = 0; block < 60_000; block += 1) {
    const g = block < 50_000 ? draw() * 2 - 1 : draw() - 0.45;
    updateEProcess(process, g);
    lambdas.forEach((lambda, k) => (sums[k] = (sums[k] as number) + Math.log1p(lambda * g)));
  }
  sumsOf(process).forEach((s, k) => expect(Math.abs(s / (sums[k] as number) - 1)).toBeLessThan(1e-9));
  expect(Number.isFinite(lnEOf(process))).toBe(true);
});

test('[g12.11] S vectors of replicas add, in any order', () => {
  const of = (seed: number) => {
    const draw = createDraw(seed);
    const process = createEProcess();
    for (let i = 0; i < 300; i += 1) updateEProcess(process, draw() * 2 - 0.9);
    return process;
  };
  const [a, b, c] = [of(1), of(2), of(3)];
  const one = mergeEProcesses(mergeEProcesses(a, b), c);
  const other = mergeEProcesses(c, mergeEProcesses(b, a));
  expect(lnEOf(one)).toBeCloseTo(lnEOf(other), 9);
  expect(one.lnMax).toBeCloseTo(other.lnMax, 9);
  expect(sumsOf(one)[7]).toBeCloseTo((sumsOf(a)[7] ?? 0) + (sumsOf(b)[7] ?? 0) + (sumsOf(c)[7] ?? 0), 9);
});

test('a block holds what was assigned nearer to its candidate than to the next, and closes when the next is assigned', () => {
  const units = [
    unit(1, 0, 's', 1),
    unit(2, 10, 'c', 0),
    unit(3, 12, 's', 1),
    unit(4, 15, 's', 0.5), // midway: of the first
    unit(5, 16, 's', 0),
    unit(6, 20, 'c', 1),
  ];
  const { tests } = take(units);
  expect(tests).toMatchObject({ blocks: 1, n0: 3, s0: 2.5, n1: 1, s1: 0 });
  expect(take(units.slice(0, 5)).tests.blocks).toBe(0);
  // The stable unit after the middle waits for the second candidate's block.
  expect(take([...units, unit(7, 40, 'c', 1)]).tests).toMatchObject({ blocks: 2, n0: 4, s0: 2.5, n1: 2, s1: 1 });
});

test('units of one instant are divided in the middle of their order', () => {
  const { tests } = take([
    unit(1, 5, 'c', 0),
    unit(2, 5, 's', 1),
    unit(3, 5, 's', 0),
    unit(4, 5, 'c', 0),
    unit(5, 5, 'c', 0),
  ]);
  expect(tests).toMatchObject({ blocks: 2, n0: 2, s0: 1 });
});

test('a block without a value on one side goes on into the next', () => {
  const { tests } = take([
    unit(1, 0, 's', 1),
    unit(2, 10, 'c', undefined),
    unit(3, 11, 's', 1),
    unit(4, 20, 'c', 0),
    unit(5, 30, 'c', 1),
  ]);
  expect(tests).toMatchObject({ blocks: 1, n0: 2, n1: 1, s1: 0 });
});

test('a block longer than an hour takes the stable values within half an hour of its candidate', () => {
  const { tests } = take([
    unit(1, 0, 's', 0),
    unit(2, 10 * hour, 's', 1),
    unit(3, 10.1 * hour, 'c', 1),
    unit(4, 10.2 * hour, 's', 1),
    unit(5, 12 * hour, 's', 0),
    unit(6, 30 * hour, 'c', 1),
  ]);
  expect(tests).toMatchObject({ blocks: 1, n0: 2, s0: 2 });
  const lonely = take([
    unit(1, 0, 's', 0),
    unit(2, 3 * hour, 's', 1),
    unit(3, 10 * hour, 'c', 1),
    unit(4, 30 * hour, 'c', 1),
  ]);
  expect(lonely.tests).toMatchObject({ blocks: 1, n0: 1, s0: 1 });
});

test('with more than half of the weight the blocks form around stable units', () => {
  const { tests } = take(
    [unit(1, 0, 'c', 1), unit(2, 10, 's', 0), unit(3, 11, 'c', 0), unit(4, 19, 'c', 1), unit(5, 20, 's', 1)].map(
      (one) => ({ ...one, isPivot: !one.isCandidate }),
    ),
  );
  expect(tests).toMatchObject({ blocks: 1, n0: 1, s0: 0, n1: 2, s1: 1 });
});

test('ranks compare within the block: the share of stable values that is beaten, ties one half', () => {
  const { tests } = take(
    [unit(1, 0, 's', -5), unit(2, 9, 's', -40), unit(3, 10, 'c', -5), unit(4, 11, 's', -300), unit(5, 30, 'c', 0)],
    { ...shape, isRank: true },
  );
  expect(tests).toMatchObject({ blocks: 1, n0: 3, n1: 1 });
  expect(tests.s1).toBeCloseTo(2.5 / 3, 12);
  expect(tests.s0).toBe(1.5);
});

test('boundaries and sides follow from arms and instants alone: other values give the same blocks', () => {
  const draw = createDraw(9);
  const units = Array.from({ length: 3_000 }, (_, i) =>
    unit(i + 1, Math.floor(i * 20_000 * draw()), draw() < 0.1 ? 'c' : 's', draw()),
  );
  const { tests } = take(units);
  const other = take(units.map((one) => ({ ...one, x: 1 - (one.x as number) }))).tests;
  expect([other.blocks, other.n0, other.n1]).toEqual([tests.blocks, tests.n0, tests.n1]);
  expect(tests.blocks).toBeGreaterThan(100);
});

test.each([false, true])(
  'blocks that close early are those that close late, however rare candidates are (ranks: %s)',
  (isRank) => {
    const with_ = { ...shape, isRank };
    let early = 0;
    for (let seed = 0; seed < 6; seed += 1) {
      const draw = createDraw(seed);
      let at = 0;
      const units = Array.from({ length: 1_500 }, (_, i) => {
        at += Math.floor(draw() ** 6 * 400_000);
        return unit(i + 1, at, draw() < 0.006 ? 'c' : 's', draw() < 0.1 ? undefined : draw());
      });
      const stream = createBlockStream(0, false);
      for (let next = 0; next < units.length; ) {
        const until = Math.min(units.length, next + Math.floor(draw() * 90));
        for (; next < until; next += 1) takeUnit(stream, with_, units[next] as StreamUnit);
        const before = stream.tests.blocks;
        closeEarly(stream, with_, units.slice(next, next + Math.floor(draw() * 600)));
        early += stream.tests.blocks - before;
      }
      const rounded = (value: unknown) =>
        JSON.stringify(value, (_, v: unknown) => (typeof v === 'number' ? Number(v.toPrecision(9)) : v));
      expect(rounded(stream)).toBe(rounded(take(units, with_)));
    }
    expect(early).toBeGreaterThan(10);
  },
);

const ramp = (requests: number): Traffic['steps'] =>
  [0.01, 0.05, 0.25, 0.5].map((weight, step) => ({ from: (step * requests) / 4, weight }));

const rate = (traffic: Omit<Traffic, 'replicas'> & Partial<Pick<Traffic, 'replicas'>>, runs: number): number => {
  let n = 0;
  for (let run = 0; run < runs; run += 1) if (largestLnE({ replicas: 1, ...traffic }, run) >= Math.log(20)) n += 1;
  return n / runs;
};

const bound = (runs: number): number => 0.05 + 3 * Math.sqrt((0.05 * 0.95) / runs);
const clustered = { requests: 6_000, users: 2_000, drift: false, steps: ramp(6_000) } as const;

test('[g12.9] two equal versions are told apart no more often than alpha allows while a ramp moves heavy users', () => {
  expect(rate(clustered, 60)).toBeLessThanOrEqual(bound(60));
});

test('[g12.9] the bound breaks when a unit counts with each of its requests', () => {
  expect(rate({ ...clustered, mutation: 'every_request' }, 40)).toBeGreaterThan(bound(40));
});

test('[g12.9] the bound breaks when the arm is part of the key', () => {
  expect(rate({ ...clustered, mutation: 'arm_in_key' }, 60)).toBeGreaterThan(bound(60));
});

test('[g12.9] failures that arrive first break the bound in order of arrival, and not in order of assignment', () => {
  const traffic = { requests: 2_000, users: 0, drift: false, steps: ramp(2_000) } as const;
  expect(rate({ ...traffic, mutation: 'order_of_arrival' }, 40)).toBeGreaterThan(bound(40));
  expect(rate(traffic, 100)).toBeLessThanOrEqual(bound(100));
});

test.each([
  { weight: 0.05, requests: 2_000, replicas: 1 },
  { weight: 0.5, requests: 500, replicas: 1 },
  { weight: 0.5, requests: 500, replicas: 3 },
] as const)(
  '[g12.8] O5: equal versions are rolled back no more often than alpha allows: $weight, $replicas replicas',
  (traffic) => {
    const { weight, requests, replicas } = traffic;
    expect(rate({ requests, replicas, users: 0, drift: true, steps: [{ from: 0, weight }] }, 60)).toBeLessThanOrEqual(
      bound(60),
    );
  },
);
