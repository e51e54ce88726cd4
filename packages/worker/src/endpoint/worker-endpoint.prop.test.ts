import { propertyRuns } from '@skein/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createEndpointWorld, offerOf } from '../../test/endpoint-world.ts';
import { keyOf } from '../../test/scripted-coordinator.ts';

const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('offer' as const), step: fc.integer({ min: 0, max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat_offer' as const), pick: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('finish' as const), pick: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('start' as const), pick: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('log' as const), pick: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('acknowledge' as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('welcome' as const), on: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 800 }) }) },
);

test('whatever the order of offers, losses, results and acknowledgements, each accepted offer is recorded exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), fc.nat(1_000), async (actions, seed) => {
      // No lease ends here: the fence and lost leases have tests of their own.
      const world = createEndpointWorld({ slots: 3, seed, tuning: { fenceMarginMs: -1e9 } });
      const { clock, coordinator, runner, endpoint } = world;
      endpoint.start();
      await clock.settle();
      let token = 0;
      const offered: ReturnType<typeof offerOf>[] = [];
      for (const next of actions) {
        const live = runner.live;
        const picked = 'pick' in next ? live[next.pick % Math.max(1, live.length)] : undefined;
        if (next.do === 'offer') {
          token += 1;
          const offer = offerOf(`step${next.step}-${token}`, token);
          offered.push(offer);
          coordinator.offer(offer);
        }
        if (next.do === 'repeat_offer' && offered.length > 0)
          coordinator.offer(offered[next.pick % offered.length] as (typeof offered)[0]);
        if (next.do === 'finish') picked?.finish();
        if (next.do === 'start') picked?.sink.started();
        if (next.do === 'log') picked?.sink.log(new Uint8Array(10));
        if (next.do === 'cut') coordinator.stream.cut();
        if (next.do === 'acknowledge') coordinator.manners.acknowledges = next.on;
        if (next.do === 'welcome') coordinator.manners.welcomes = next.on;
        await (next.do === 'advance' ? clock.advance(next.ms) : clock.settle());
        expect(runner.live.length).toBeLessThanOrEqual(3);
      }
      coordinator.manners.acknowledges = true;
      coordinator.manners.welcomes = true;
      for (const task of runner.live) task.finish();
      await clock.advance(20_000);

      const runs = runner.tasks.map((task) => keyOf(task.offer));
      expect(new Set(runs).size).toBe(runs.length);
      for (const key of runs) expect(coordinator.acknowledged).toContain(key);
      const outcomes = new Map<string, string>();
      for (const result of coordinator.results) {
        expect(outcomes.get(keyOf(result)) ?? result.outcome.status).toBe(result.outcome.status);
        outcomes.set(keyOf(result), result.outcome.status);
      }
      expect(endpoint.state()).toEqual({ joined: true, draining: false, running: 0, unacknowledged: 0 });
      void endpoint.stop();
      await clock.settle();
      expect(clock.pending).toBe(0);
    }),
    { numRuns: propertyRuns(150) },
  );
}, 60_000);
