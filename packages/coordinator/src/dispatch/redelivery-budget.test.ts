import { createScene, dagOf, FakeClock, stepOf } from '@skein/testkit';
import { describe, expect, test } from 'vitest';
import { RedeliveryBudget } from './redelivery-budget.ts';

const settings = { share: 0.1, minPerSecond: 5 };

describe('the budget of redeliveries', () => {
  test('gives the tokens of a second at once, and then one after the other', () => {
    const clock = new FakeClock();
    const budget = new RedeliveryBudget(clock, settings);
    const now = clock.monotonicMs();
    const at = Array.from({ length: 8 }, () => budget.reserve() - now);
    expect(at).toEqual([0, 0, 0, 0, 0, 200, 400, 600]);
  });

  test('is a share of the leases of the last ten seconds, and never less than its least', async () => {
    const clock = new FakeClock();
    const budget = new RedeliveryBudget(clock, settings);
    expect(budget.perSecond).toBe(5);
    for (let lease = 0; lease < 2_000; lease += 1) budget.leased();
    expect(budget.perSecond).toBe(20);
    await clock.advance(9_000);
    expect(budget.perSecond).toBe(20);
    await clock.advance(2_000);
    expect(budget.perSecond).toBe(5);
  });

  test('holds back steps that were lost again, not those that were lost once', async () => {
    const many = dagOf(
      Array.from({ length: 6 }, (_, index) => stepOf(`s${index}`)),
      { name: 'many' },
    );
    const scene = await createScene({ dags: [many], config: { redelivery: { share: 0, minPerSecond: 1 } } });
    const kill = async (): Promise<number> => {
      const worker = await scene.join({ slots: 6 });
      for (let time = 0; time < 4 && worker.offers.length < 6; time += 1) await scene.clock.advance(0);
      const offered = worker.offers.length;
      for (const offer of worker.offers) worker.start(offer);
      await scene.settle();
      await scene.coordinator.gateway.reportExit({ token: scene.joinToken }, { incarnation: worker.info.incarnation });
      await scene.settle();
      return offered;
    };
    await scene.submit('many');
    expect(await kill()).toBe(6);
    expect(await kill()).toBe(6);
    // The second loss also waits for its backoff, at most a few seconds; the budget gives one a second.
    const last = await scene.join({ slots: 6 });
    const seen: number[] = [];
    for (let second = 0; second < 12; second += 1) {
      await scene.clock.advance(1_000);
      last.beat();
      seen.push(last.offers.length);
    }
    expect(seen.at(-1)).toBe(6);
    const steps = seen.map((count, index) => count - (seen[index - 1] ?? 0));
    expect(Math.max(...steps)).toBeLessThanOrEqual(2);
    await scene.close();
  });
});
