import type { RolloutExposure, RolloutTally, RolloutUnit } from '@skein/domain';
import type { RolloutStore } from '@skein/ports';
import { beforeEach, describe, expect, test } from 'vitest';
import { exposing, valueOf } from './rollout-fixtures.ts';
import { creating, going, note } from './run-fixtures.ts';
import { durableTest, type MakeHarness, type StoresUnderTest, useHarness } from './store-harness.ts';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Conformance of a `RolloutStore` and of appends: units, values, tallies and evidence. */
export const describeRolloutUnits = (name: string, make: MakeHarness): void => {
  describe(`RolloutStore of ${name}: units`, () => {
    const harness = useHarness(make);
    let stores: StoresUnderTest;
    let runs = 0;
    /** An append of a new run. */
    const expose = async (
      exposures: readonly RolloutExposure[],
      tallies: readonly RolloutTally[] = [],
      tenant = 'default',
    ) => {
      runs += 1;
      return stores.runs.append({ ...creating(`run_x${runs}`, { tenant }), exposures, tallies });
    };
    const read = (afterSeq = 0, limit = 1_000, id = 'rol_1') =>
      stores.rollouts.readUnits('default', id, afterSeq, limit);
    const seqs = (units: readonly RolloutUnit[]) => units.map(({ seq }) => seq);

    beforeEach(async () => {
      stores = await harness.open();
    });

    test('units are numbered in the order of their appends, by rollout and by tenant', async () => {
      await expose([exposing(0), exposing(1, { rolloutId: 'rol_2' })]);
      await expose([exposing(2)]);
      await expose([exposing(3)], [], 'acme');
      const { rolloutId: _, ...unit } = exposing(0);
      expect(await read()).toEqual([
        { ...unit, seq: 1, state: 'open', values: {} },
        expect.objectContaining({ seq: 2, unit: exposing(2).unit }),
      ]);
      expect(seqs(await read(0, 9, 'rol_2'))).toEqual([1]);
      expect(await stores.rollouts.readUnits('acme', 'rol_1', 0, 9)).toMatchObject([{ seq: 1, runId: 'run_3' }]);
    });

    test('a unit counts once, in the arm of its first exposure, and takes no number when it comes again', async () => {
      await expose([exposing(0, { arm: 1 })]);
      await expose([exposing(0, { arm: 0, epoch: 2, runId: 'run_later' }), exposing(1), exposing(1, { arm: 0 })]);
      await expose([exposing(2)]);
      expect(await read()).toMatchObject([
        { seq: 1, arm: 1, epoch: 1, runId: 'run_0' },
        { seq: 2, arm: 1 },
        { seq: 3, arm: 0 },
      ]);
    });

    test('an append that lost a race, or was refused, exposes nothing and counts nothing', async () => {
      const run = creating('run_1', { status: 'running' });
      await stores.runs.append(run);
      const more = { exposures: [exposing(0)], tallies: [{ rolloutId: 'rol_1', kind: 'routed' } as const] };
      expect(await stores.runs.append({ ...going(run.head, [note('a')], {}, 7), ...more })).toMatchObject({
        status: 'conflict',
      });
      const refused = stores.runs.append({ ...creating('run_2'), ...more, expectsRevision: 9 });
      await expect(refused).rejects.toMatchObject({ code: 'version_conflict' });
      expect(await read()).toEqual([]);
      expect(await stores.rollouts.readTallies('default', 'rol_1')).toEqual({});
      expect(await stores.runs.append({ ...going(run.head, [note('a')]), ...more })).toEqual({ status: 'appended' });
      expect(seqs(await read())).toEqual([1]);
    });

    test('[defect 53] admissions are tallied by kind and by rollout, each once', async () => {
      const tally = (kind: RolloutTally['kind'], rolloutId = 'rol_1') => ({ rolloutId, kind });
      await Promise.all(Array.from({ length: 30 }, () => expose([], [tally('routed'), tally('unrouted', 'rol_2')])));
      await expose([], [tally('paused'), tally('routed')]);
      expect(await stores.rollouts.readTallies('default', 'rol_1')).toEqual({ routed: 31, paused: 1 });
      expect(await stores.rollouts.readTallies('default', 'rol_2')).toEqual({ unrouted: 30 });
      expect(await stores.rollouts.readTallies('acme', 'rol_1')).toEqual({});
    });

    test('a reader that goes on from what it saw misses no unit while others are exposed', async () => {
      let open = 200;
      const writers = Array.from({ length: 200 }, (_, index) =>
        expose([exposing(index % 150)]).finally(() => {
          open -= 1;
        }),
      );
      const seen: number[] = [];
      const readOn = async (): Promise<number> => {
        const units = await read(seen.at(-1) ?? 0, 7);
        expect(seqs(units)).toEqual(units.map((_unit, index) => seen.length + index + 1));
        seen.push(...seqs(units));
        return units.length;
      };
      while (open > 0) {
        await readOn();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(writers);
      while ((await readOn()) > 0);
      expect(seen).toEqual(numbers(150));
    });

    test('[defect 6] [defect 32] units are read in pages of any size, each once', async () => {
      await expose(Array.from({ length: 100 }, (_, index) => exposing(index)));
      const found: number[] = [];
      for (let page = await read(0, 33); page.length > 0; page = await read(found.at(-1), 33))
        found.push(...seqs(page));
      expect(found).toEqual(numbers(100));
    });

    durableTest(harness, 'units, values, tallies and evidence survive a close', async (reopen) => {
      await expose([exposing(0)], [{ rolloutId: 'rol_1', kind: 'routed' }]);
      await stores.rollouts.recordValues('default', [valueOf(1, 'error', 0.1)]);
      const evidence = { format: 1, settledSeq: 1, streams: [1] } as const;
      await stores.rollouts.saveEvidence('default', 'rol_1', 0, evidence);
      const before = await read();
      stores = await reopen();
      expect(await read()).toEqual(before);
      expect(await stores.rollouts.readTallies('default', 'rol_1')).toEqual({ routed: 1 });
      expect(await stores.rollouts.loadEvidence('default', 'rol_1')).toEqual({ version: 1, evidence });
    });

    test('only an open unit ends, and how it ended first stays', async () => {
      await expose([exposing(0), exposing(1), exposing(2)]);
      const end = (seq: number, state: 'ended' | 'void', at: number) => ({ rolloutId: 'rol_1', seq, state, at });
      await stores.rollouts.endUnits('default', [
        end(1, 'ended', 10),
        end(2, 'void', 11),
        end(1, 'void', 12),
        end(9, 'ended', 13),
      ]);
      await stores.rollouts.endUnits('default', [end(1, 'void', 20), end(2, 'ended', 21)]);
      await stores.rollouts.endUnits('acme', [end(3, 'ended', 30)]);
      await stores.rollouts.endUnits('default', []);
      expect((await read()).map(({ seq, state, endedAt, unit }) => [seq, state, endedAt, unit])).toEqual([
        [1, 'ended', 10, exposing(0).unit],
        [2, 'void', 11, 'void-2'],
        [3, 'open', undefined, exposing(2).unit],
      ]);
    });

    test('a void unit is free to be counted another time, and keeps its place in the order', async () => {
      await expose([exposing(0, { arm: 1 }), exposing(1)]);
      await stores.rollouts.endUnits('default', [{ rolloutId: 'rol_1', seq: 1, state: 'void', at: 9 }]);
      await expose([exposing(0, { arm: 0, runId: 'run_again' }), exposing(1)]);
      expect(await read()).toMatchObject([
        { seq: 1, arm: 1, state: 'void' },
        { seq: 2, state: 'open' },
        { seq: 3, arm: 0, unit: exposing(0).unit, runId: 'run_again', state: 'open' },
      ]);
    });

    test('units of a run are found in every rollout', async () => {
      await expose([exposing(0, { runId: 'run_a' }), exposing(1), exposing(2, { runId: 'run_a', rolloutId: 'rol_2' })]);
      await stores.rollouts.recordValues('default', [valueOf(1, 'error', 1)]);
      const found = await stores.rollouts.unitsOfRun('default', 'run_a');
      expect(found).toMatchObject([
        { rolloutId: 'rol_1', seq: 1, values: { error: 1 } },
        { rolloutId: 'rol_2', seq: 1, unit: exposing(2).unit },
      ]);
      expect(await stores.rollouts.unitsOfRun('acme', 'run_a')).toEqual([]);
    });

    test('a value is written once for each unit and metric, and what was new is told', async () => {
      await expose([exposing(0), exposing(1)]);
      const record = (...args: Parameters<RolloutStore['recordValues']>) => stores.rollouts.recordValues(...args);
      expect(await record('default', [valueOf(1, 'error', 0), valueOf(1, 'cost', 2.5), valueOf(1, 'error', 1)])).toBe(
        2,
      );
      expect(await record('default', [valueOf(1, 'error', 1), valueOf(2, 'error', null)])).toBe(1);
      expect(await record('default', [valueOf(2, 'error', 1)])).toBe(0);
      expect(await record('default', [valueOf(7, 'error', 1), valueOf(1, 'error', 1, 'rol_2')])).toBe(0);
      expect(await record('acme', [valueOf(1, 'tokens', 1)])).toBe(0);
      expect(await record('default', [])).toBe(0);
      expect((await read()).map(({ values }) => values)).toEqual([{ error: 0, cost: 2.5 }, { error: null }]);
    });

    test('[defect 5] numbers come back to the last digit, and what is no number is refused', async () => {
      await expose([exposing(0)]);
      const odd = [0.1 + 0.2, 1e-300, 1.7976931348623157e308, -123456.78901234567, 5e-324, 0, 2 ** 53 - 1, 1 / 3];
      await stores.rollouts.recordValues(
        'default',
        odd.map((value, index) => valueOf(1, `m${index}`, value)),
      );
      const [unit] = await read();
      expect(odd.map((_, index) => unit?.values[`m${index}`])).toEqual(odd);
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const wrong = stores.rollouts.recordValues('default', [valueOf(1, 'fine', 1), valueOf(1, 'odd', value)]);
        await expect(wrong).rejects.toMatchObject({ code: 'invalid_argument' });
      }
      expect(Object.keys((await read())[0]?.values ?? {})).not.toContain('fine');
    });

    test('a thousand values in one call are a thousand rows', async () => {
      await expose(Array.from({ length: 500 }, (_, index) => exposing(index)));
      const values = numbers(500).flatMap((seq) => [valueOf(seq, 'error', 0), valueOf(seq, 'score:a:b', seq / 500)]);
      expect(await stores.rollouts.recordValues('default', values)).toBe(1_000);
      expect((await read(499))[0]?.values).toEqual({ error: 0, 'score:a:b': 1 });
    });

    test('[defect 6] [defect 55] observations are paged in order, by metric or all, also of what has ended; void units are none', async () => {
      await expose(Array.from({ length: 12 }, (_, index) => exposing(index)));
      const metrics = ['error', 'score:a.b', 'score:a'];
      await stores.rollouts.recordValues(
        'default',
        numbers(12).flatMap((seq) => metrics.map((metric) => valueOf(seq, metric, seq))),
      );
      await stores.rollouts.endUnits('default', [
        { rolloutId: 'rol_1', seq: 1, state: 'ended', at: 9 },
        { rolloutId: 'rol_1', seq: 2, state: 'void', at: 9 },
      ]);
      const all = async (metric: string | undefined, limit: number) => {
        const found: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await stores.rollouts.listObservations('default', 'rol_1', metric, limit, cursor);
          expect(page.items.length).toBeLessThanOrEqual(limit);
          found.push(...page.items.map((one) => `${one.seq} ${one.metric}`));
          cursor = page.nextCursor;
        } while (cursor !== undefined);
        return found;
      };
      const counted = numbers(12).filter((seq) => seq !== 2);
      const expected = counted.flatMap((seq) => metrics.toSorted().map((metric) => `${seq} ${metric}`));
      for (const limit of [1, 5, 33, 100]) expect(await all(undefined, limit)).toEqual(expected);
      expect(await all('score:a', 4)).toEqual(counted.map((seq) => `${seq} score:a`));
      const [first] = (await stores.rollouts.listObservations('default', 'rol_1', 'error', 1)).items;
      const { rolloutId: _, at: assignedAt, ...unit } = exposing(0);
      expect(first).toEqual({ ...unit, seq: 1, metric: 'error', value: 1, assignedAt, at: 5_001 });
      const odd = stores.rollouts.listObservations('default', 'rol_1', undefined, 1, 'nonsense');
      await expect(odd).rejects.toMatchObject({ code: 'invalid_argument' });
    });

    test('[defect 45] of evaluators that save evidence at once one wins, and its version is the next', async () => {
      const evidence = (by: number) => ({ format: 1, settledSeq: by, streams: { by: [by] } }) as const;
      expect(await stores.rollouts.loadEvidence('default', 'rol_1')).toEqual({ version: 0 });
      for (let version = 0; version < 3; version += 1) {
        const saved = await Promise.all(
          numbers(10).map((by) => stores.rollouts.saveEvidence('default', 'rol_1', version, evidence(by))),
        );
        expect(saved.filter(Boolean)).toHaveLength(1);
        expect(await stores.rollouts.loadEvidence('default', 'rol_1')).toEqual({
          version: version + 1,
          evidence: evidence(saved.indexOf(true) + 1),
        });
      }
      expect(await stores.rollouts.saveEvidence('default', 'rol_1', 0, evidence(0))).toBe(false);
      expect(await stores.rollouts.saveEvidence('default', 'rol_2', 1, evidence(0))).toBe(false);
    });

    test('[defect 14] [defect 15] units and evidence are copied in and out', async () => {
      await expose([exposing(0)]);
      await stores.rollouts.recordValues('default', [valueOf(1, 'error', 0)]);
      const streams = { sums: [1, 2] };
      await stores.rollouts.saveEvidence('default', 'rol_1', 0, { format: 1, settledSeq: 1, streams });
      streams.sums.push(3);
      const { evidence } = await stores.rollouts.loadEvidence('default', 'rol_1');
      if (evidence !== undefined) (evidence.streams as typeof streams).sums.length = 0;
      expect((await stores.rollouts.loadEvidence('default', 'rol_1')).evidence?.streams).toEqual({ sums: [1, 2] });
      const [unit] = await read();
      if (unit !== undefined) (unit.values as { error: number }).error = 1;
      expect((await read())[0]?.values).toEqual({ error: 0 });
    });
  });
};
