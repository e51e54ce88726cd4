import { defaultTenant } from '@skein/domain';
import type { AppendRequest, RolloutChange } from '@skein/ports';
import { type PostgresDatabase, startPostgres } from '@skein/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type MortalCoordinator, MortalCoordinators, type OnStoreCall, until } from './mortal-coordinators.ts';
import { admitsCandidate, ann, RolloutMembers } from './rollout-members.ts';

const names = ['a', 'b', 'c'];
let database: PostgresDatabase;
let fleet: MortalCoordinators;
let world: RolloutMembers;

beforeAll(async () => {
  database = await startPostgres();
  fleet = new MortalCoordinators(database.url, { minWindow: 200 });
  world = new RolloutMembers(fleet);
  for (const name of names) {
    const member = await fleet.start(name);
    if (name === 'a') await world.publish(member);
  }
  await fleet.settled();
});

afterAll(async () => {
  await fleet.close();
  await database.stop();
});

afterEach(async () => {
  fleet.onCall = undefined;
  for (const name of names) if (!fleet.alive.some((each) => each.coordinatorId === name)) await fleet.start(name);
  await fleet.settled();
});

const at = (index: number): MortalCoordinator => fleet.of(names[index % names.length] ?? 'a');

/** Numbers from 1 on. */
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Rounds of one decision each, whose evaluator is troubled; `trouble` sees each write of an evaluator and what it does to it. */
const decide = async (rounds: number, trouble: OnStoreCall): Promise<void> => {
  for (let round = 0; round < rounds; round += 1) {
    const { id } = await world.start(at(round));
    fleet.onCall = (call, own) => {
      const [change] = call.args as [RolloutChange];
      const isAction = call.port === 'rollouts' && call.method === 'update' && change.event.by.actor === 'evaluator';
      return isAction ? trouble(call, own) : own();
    };
    await world.deal(id, 40);
    await until(async () => (await world.record(id)).status === 'rolled_back');
    fleet.onCall = undefined;
    for (const name of names) if (!fleet.alive.some((each) => each.coordinatorId === name)) await fleet.start(name);
    await fleet.settled();
    // Three coordinators exposed them at once.
    const units = await world.units(id);
    expect(units.map(({ seq }) => seq)).toEqual(numbers(80));
    expect(new Set(units.map(({ unit }) => unit)).size).toBe(80);
    const events = await world.events(id);
    expect(events.map(({ type, revision }) => `${revision} ${type}`)).toEqual(['1 created', '2 rolled_back']);
    expect(await world.activeVersion()).toBe(world.versions.stable);
    expect((await at(round + 1).api.rollouts.read(defaultTenant, id)).evidence?.units).toEqual([40, 40]);
  }
};

describe('[g12.14] evaluators of several coordinators on PostgreSQL', () => {
  it('that are killed between evidence and action, before or after the store took it, leave exactly one action to the next, and units have no holes (I2, I3, I4, I6)', async () => {
    let killed = 0;
    let hasKilled = false;
    await decide(4, async ({ by }, own) => {
      // One death each time, in turn before and after.
      if (hasKilled) {
        hasKilled = false;
        return own();
      }
      hasKilled = killed % 2 === 0;
      killed += 1;
      if (killed % 2 === 0) await own();
      by.process.kill();
      return new Promise(() => undefined);
    });
    expect(killed).toBeGreaterThanOrEqual(4);
  }, 600_000);

  it('that all act at once on what they saw take one action: the others are refused (I2, I3)', async () => {
    const decisions = 5;
    const acts: Promise<readonly string[]>[] = [];
    await decide(decisions, async ({ args }, own) => {
      const [change] = args as [RolloutChange];
      const mine = own() as Promise<{ readonly status: string }>;
      // Every other coordinator writes the same at the same time, as evaluators do that saw the same.
      const writes = [mine, ...fleet.alive.map(({ stores }) => stores.rollouts.update(change))];
      acts.push(Promise.all(writes.map(async (write) => (await write).status)));
      return mine;
    });
    // The last ones may be answered after the decision was seen.
    const outcomes = await Promise.all(acts);
    expect(outcomes.length).toBeGreaterThanOrEqual(decisions);
    expect(outcomes.flat().filter((status) => status === 'updated')).toHaveLength(decisions);
    expect(outcomes.flat().length).toBeGreaterThanOrEqual(4 * decisions);
  }, 600_000);

  it('that come to the store after their successor acted write nothing over it (I2, I3)', async () => {
    const late: Promise<string>[] = [];
    const met = new Set<string>();
    await decide(3, async ({ by, args }, own) => {
      const [change] = args as [RolloutChange];
      if (met.has(change.record.id)) return own();
      met.add(change.record.id);
      const after = async (): Promise<string> => {
        await until(async () => (await world.record(change.record.id)).status === 'rolled_back');
        return (await by.stores.rollouts.update(change)).status;
      };
      late.push(after());
      by.process.kill();
      return new Promise(() => undefined);
    });
    expect(await Promise.all(late)).toEqual(['conflict', 'conflict', 'conflict']);
  }, 600_000);
});

/** Clients at three coordinators around a rollback: the admissions to the candidate that came to the store after its commit, and those of them that were taken. */
const race = async (
  clients: number,
  each: number,
  isGuarded: boolean,
): Promise<{ readonly late: readonly string[]; readonly held: number; readonly id: string }> => {
  const late: string[] = [];
  let held = 0;
  let candidates = 0;
  let rollback: Promise<unknown> | undefined;
  const { id } = await world.start(at(0));
  const view = await world.record(id);
  fleet.onCall = async ({ port, method, args }, own) => {
    if (port !== 'runs' || method !== 'append') return own();
    const [request] = args as [AppendRequest];
    const { expectsRevision: _forgotten, ...unguarded } = request;
    const sent = isGuarded ? request : unguarded;
    if (!admitsCandidate(request)) return own([sent]);
    candidates += 1;
    // Half of those that were decided before it come to the store after it was committed, wherever they were decided.
    const isLate = candidates > clients / 2;
    if (isLate) {
      rollback ??= at(1).api.rollouts.rollback(defaultTenant, 'scout', {}, ann);
      held += 1;
      await rollback;
    }
    const outcome = (await own([sent])) as { readonly status: string };
    if (isLate && outcome.status === 'appended') late.push(request.runId);
    return outcome;
  };
  const units = world.unitsOfArm(view, 1, clients * each, `race-${id}`);
  const runs = await Promise.all(
    numbers(clients).map(async (client) => {
      const mine: string[] = [];
      for (let turn = 0; turn < each; turn += 1)
        mine.push(await world.submit(at(client), 'pass', units[(client - 1) * each + turn] ?? ''));
      return mine;
    }),
  );
  for (const runId of runs.flat()) await until(async () => (await world.decisionOf(runId)) !== undefined);
  fleet.onCall = undefined;
  expect((await world.record(id)).status).toBe('rolled_back');
  return { late, held, id };
};

describe('[g12.15] a rollback over three coordinators on PostgreSQL', () => {
  it('lets none of 32 concurrent clients in to the candidate once it is committed (I7, O4)', async () => {
    for (let round = 0; round < 2; round += 1) {
      const { late, held, id } = await race(32, 4, true);
      expect(held).toBeGreaterThan(0);
      expect(late).toEqual([]);
      // Whoever comes now is not even decided for it, at any of them.
      const after = await Promise.all(
        numbers(9).map(async (index) => world.submit(at(index), 'pass', `after-${id}-${index}`)),
      );
      for (const runId of after) {
        await until(async () => (await world.decisionOf(runId)) !== undefined);
        expect(await world.decisionOf(runId)).toEqual({ versionId: world.versions.stable, source: 'active' });
      }
    }
  }, 600_000);

  it('is seen to fail when admissions forget which revision they were decided on', async () => {
    const { late } = await race(32, 4, false);
    expect(late.length).toBeGreaterThan(0);
  }, 600_000);

  it.each(['abort', 'migrate'] as const)(
    'reaches the open runs of the candidate at every home by the policy %s, also of a home that dies (I8)',
    async (runPolicy) => {
      const { id } = await world.start(at(0), { runPolicy });
      const record = await world.record(id);
      const units = world.unitsOfArm(record, 1, 30, `open-${id}`);
      const others = world.unitsOfArm(record, 0, 9, `open-${id}`);
      const submit = (resourceId: string, index: number) => world.submit(at(index), 'look', resourceId);
      const [mine, rest] = await Promise.all([Promise.all(units.map(submit)), Promise.all(others.map(submit))]);
      for (const runId of [...mine, ...rest]) await until(async () => (await world.decisionOf(runId)) !== undefined);
      for (const runId of mine) expect((await world.decisionOf(runId))?.versionId).toBe(world.versions.bad);
      await at(0).api.rollouts.rollback(defaultTenant, 'scout', {}, ann);
      at(2).process.kill();
      await until(async () => (await world.record(id)).policyPending !== true);
      for (const runId of mine) {
        const view = await at(0).api.getRun(defaultTenant, runId);
        if (runPolicy === 'abort') expect(view.status).toBe('cancelled');
        else expect(view.agents['scout']).toMatchObject({ versionId: world.versions.stable, because: 'migrated' });
      }
      for (const runId of rest) expect((await at(1).api.getRun(defaultTenant, runId)).status).toBe('running');
    },
    600_000,
  );
});
