import { defaultTenant } from '@skein/domain';
import { checkWorld, createWorld, dagOf, stepOf } from '@skein/testkit';
import { expect, test } from 'vitest';

test('a worker that is stopped past its lease and goes on is fenced: its task runs elsewhere once, and its late result is refused', async () => {
  const dag = dagOf([stepOf('a', { action: { kind: 'shell', commands: ['true'] } })], { name: 'one' });
  for (const stoppedMs of [3_000, 4_000, 6_500, 9_000, 30_000]) {
    const world = createWorld({
      seed: stoppedMs,
      dags: [dag],
      workers: 1,
      slots: 1,
      maxStepMs: 1_500,
      stepFailure: 0,
    });
    await world.start();
    await world.clock.advance(100);
    const submitted = world.coordinator?.api.submitRun(defaultTenant, { dag: 'one' });
    await world.clock.advance(50);
    const runId = (await submitted)?.run.runId ?? '';
    const holder = world.workers[0]!;
    expect(world.ledger.map(({ started }) => started)).toEqual([true]);
    world.pauseWorker(holder, stoppedMs);
    world.startWorker(1);
    await world.clock.advance(stoppedMs + 10_000);
    const types = (await world.stores.runs.readFacts(defaultTenant, runId, 0)).map(({ type }) => type);
    const lapsed = stoppedMs > 6_000;
    expect(types.filter((type) => type === 'step_lost')).toHaveLength(lapsed ? 1 : 0);
    expect(world.ledger.map(({ workerId }) => workerId === holder.info.workerId)).toEqual(
      lapsed ? [true, false] : [true],
    );
    expect(types.at(-1)).toBe('run_finished');
    expect(await checkWorld(world, [{ key: 'k', runId }])).toEqual([]);
    world.coordinator?.process.kill();
    for (const worker of world.workers) worker.process.kill();
  }
});
