import { createAgentExecutor } from '@skein/agent';
import { defaultTenant } from '@skein/domain';
import type { World } from '@skein/testkit';
import { checkWorld, createWorld, dagOf, stepOf } from '@skein/testkit';
import { expect, test } from 'vitest';

const dag = dagOf(
  [
    stepOf('a', {
      action: { kind: 'agent', agent: 'scout', prompt: 'Look.', limits: {}, memory: { read: false, propose: false } },
    }),
    stepOf('b', { depends: ['a'], action: { kind: 'shell', commands: ['true'] } }),
  ],
  { name: 'two' },
);

/** Two coordinators and a worker, and one run that has begun. */
const begin = async (seed: number): Promise<{ readonly world: World; readonly runId: string }> => {
  const world = createWorld({
    seed,
    dags: [dag],
    coordinators: 2,
    shardLeaseMs: 4_000,
    workers: 1,
    slots: 1,
    maxStepMs: 1_500,
    stepFailure: 0,
    createAgentExecutor,
  });
  await world.start();
  await world.clock.advance(500);
  const submitted = world.coordinator?.api.submitRun(defaultTenant, { dag: 'two' });
  await world.clock.advance(300);
  return { world, runId: (await submitted)?.run.runId ?? '' };
};

const end = (world: World): void => {
  for (const { process } of world.coordinators.alive) process.kill();
  for (const { process } of world.workers) process.kill();
};

test('a coordinator that is stopped past its shard lease and goes on writes nothing over what the new home wrote [crash 10]', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const { world, runId } = await begin(seed);
    const old = world.coordinator;
    if (old === undefined) throw new Error('there is no coordinator');
    world.coordinators.pause(old, 16_000);
    await world.clock.advance(15_000);
    expect(world.coordinator?.coordinatorId).not.toBe(old.coordinatorId);
    const before = (await world.stores.runs.readFacts(defaultTenant, runId, 0)).length;
    const appended = world.appends.length;
    await world.clock.advance(20_000);
    const late = world.appends.slice(appended).filter(({ by }) => by === old.coordinatorId);
    expect(late.filter(({ status }) => status === 'appended')).toEqual([]);
    const facts = await world.stores.runs.readFacts(defaultTenant, runId, 0);
    expect(before).toBeGreaterThan(2);
    expect(facts.at(-1)?.type).toBe('run_finished');
    expect(await checkWorld(world, [{ key: 'k', runId }])).toEqual([]);
    end(world);
  }
});

test('a clock that is set an hour on or back, at every process or at one, takes no lease and no shard [crash 25]', async () => {
  for (const [seed, jumpMs] of [3_600_000, -3_600_000].flatMap((ms) => [1, 2, 3].map((one) => [one, ms] as const))) {
    const { world, runId } = await begin(seed);
    const home = world.coordinator?.coordinatorId;
    const [first, second] = world.coordinators.alive;
    if (seed === 1) world.clock.jumpWall(jumpMs);
    if (seed === 2) first?.process.jumpWall(jumpMs);
    if (seed === 3) second?.process.jumpWall(jumpMs);
    await world.clock.advance(30_000);
    expect(world.coordinator?.coordinatorId).toBe(home);
    const types = (await world.stores.runs.readFacts(defaultTenant, runId, 0)).map(({ type }) => type);
    expect(types).not.toContain('step_lost');
    expect(types.at(-1)).toBe('run_finished');
    expect(await checkWorld(world, [{ key: 'k', runId }])).toEqual([]);
    end(world);
  }
});
