import type { RunFact } from '@skein/domain';
import { defaultTenant } from '@skein/domain';
import { callOf, createFakeExpressions, dagOf } from '@skein/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { agentOf } from '../../test/agent-scene.ts';
import type { RolloutScene } from '../../test/rollout-scene.ts';
import { ann, createRolloutScene } from '../../test/rollout-scene.ts';
import { unitsOfArm } from '../../test/routed-units.ts';

let world: RolloutScene;
afterEach(() => world.scene.close());

type Admitted = Extract<RunFact, { readonly type: 'run_admitted' }>;

const admitted = async (runId: string): Promise<Admitted> =>
  (await world.scene.facts(runId)).find((fact): fact is Admitted => fact.type === 'run_admitted')!;
const decided = async (runId: string) => (await admitted(runId)).agents['scout'];
const unit = async (id: string, arm: number): Promise<string> => unitsOfArm(await world.record(id), arm, 1)[0]!;
const submit = (resourceId: string, dag = 'look') => world.scene.submit(dag, { routingContext: { resourceId } });
const failed = { status: 'failed', error: { code: 'invalid_argument', message: 'no' } } as const;

describe('the admission of a run of an agent with a live rollout', () => {
  it('[g12.7] records the arm with all that decided it, the same for the same unit, and counts it in its own commit (O2)', async () => {
    world = await createRolloutScene();
    const { id } = await world.start({ weight: 0.5 });
    const candidate = await unit(id, 1);
    const stable = await unit(id, 0);
    const one = await decided(await submit(candidate));
    expect(one).toEqual({
      versionId: world.versions.bad,
      source: 'segments',
      rolloutId: id,
      revision: 1,
      epoch: 1,
      arm: 1,
      position: expect.any(Number) as number,
      unit: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    });
    expect(await decided(await submit(candidate))).toEqual(one);
    expect(await decided(await submit(stable))).toMatchObject({ versionId: world.versions.stable, source: 'segments' });
    expect(await world.store.readTallies(defaultTenant, id)).toEqual({ routed: 3, 'arm:0': 1, 'arm:1': 2 });
    const admissions = world.scene.appends.filter(({ tallies }) => tallies !== undefined);
    expect(admissions.map(({ facts }) => facts.map(({ type }) => type).includes('run_admitted'))).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('[defect 57] sends a run without a routing key to stable and counts it; a number is no key', async () => {
    world = await createRolloutScene();
    const { id } = await world.start();
    const runs = [
      await world.scene.submit('look'),
      await world.scene.submit('look', { routingContext: { resourceId: 7, threadId: '' } }),
    ];
    for (const runId of runs)
      expect(await decided(runId)).toMatchObject({
        versionId: world.versions.stable,
        source: 'stable',
        because: 'unrouted',
      });
    expect(await world.store.readTallies(defaultTenant, id)).toEqual({ unrouted: 2 });
  });

  it('[defect 1] takes the routing key from the params before it routes, and the request before the params', async () => {
    const param = (name: string) => ({ name, type: 'string', required: false }) as const;
    const named = dagOf([agentOf('a')], {
      name: 'named',
      params: [param('customer'), param('threadId')],
      routing: { keys: ['customer', 'threadId'] },
    });
    world = await createRolloutScene({ dags: [named] });
    const { id } = await world.start();
    const [one, two] = [await unit(id, 1), await unit(id, 0)];
    const byParam = await world.scene.submit('named', { params: { customer: one } });
    expect(await decided(byParam)).toMatchObject({ arm: 1, source: 'segments' });
    const fact = (await world.scene.facts(byParam))[0];
    expect(fact).toMatchObject({ type: 'run_submitted', routingContext: { customer: one } });
    const byBody = await world.scene.submit('named', {
      params: { customer: one },
      routingContext: { customer: two },
    });
    expect(await decided(byBody)).toMatchObject({ arm: 0, source: 'segments' });
    const second = await world.scene.submit('named', {
      params: { threadId: one },
      routingContext: { resourceId: two },
    });
    expect(await decided(second)).toMatchObject({ arm: 1 });
  });

  it('[defect 2] decides by one rule whatever made the run: a request, a schedule, a call and a retry', async () => {
    const outer = dagOf([callOf('go', 'look')], { name: 'outer' });
    world = await createRolloutScene({ dags: [outer] });
    const { id } = await world.start();
    const candidate = await unit(id, 1);
    const byRequest = await submit(candidate);
    const byCall = await submit(candidate, 'outer');
    const [child] = await world.scene.children(byCall);
    const fire = { scheduleId: 'daily', nominalAt: world.scene.clock.now() };
    const { run } = await world.scene.coordinator.submitRun(defaultTenant, {
      dag: 'look',
      fire,
      routingContext: { resourceId: candidate },
    });
    await world.scene.settle();
    const worker = await world.scene.join();
    const offer = worker.offers.findIndex(({ runId }) => runId === byRequest);
    await world.scene.answer(worker, offer, failed);
    const retried = await world.scene.coordinator.retryRun(defaultTenant, byRequest, { by: 'ann' });
    const latest = await world.scene.coordinator.retryRun(defaultTenant, byRequest, { by: 'ann', latest: true });
    await world.scene.settle();
    for (const runId of [byRequest, byCall, child!.runId, run.runId, latest.runId])
      expect(await decided(runId)).toMatchObject({ arm: 1, source: 'segments', versionId: world.versions.bad });
    expect(await decided(retried.runId)).toMatchObject({ arm: 1, source: 'retry', versionId: world.versions.bad });
    // Called runs are not admissions of their own, and a retry keeps what was decided.
    expect(await world.store.readTallies(defaultTenant, id)).toEqual({ routed: 4, 'arm:1': 4 });
  });

  it('routes a run of a schedule that names no unit by its own id', async () => {
    world = await createRolloutScene();
    const { id } = await world.start();
    const arms = new Set<number | undefined>();
    for (let nominalAt = 1; nominalAt <= 24; nominalAt += 1) {
      const fire = { scheduleId: 'daily', nominalAt };
      const { run } = await world.scene.coordinator.submitRun(defaultTenant, { dag: 'look', fire });
      await world.scene.settle();
      const decision = await decided(run.runId);
      expect(decision?.source).toBe('segments');
      arms.add(decision?.arm);
    }
    expect(arms).toEqual(new Set([0, 1]));
    expect(await world.store.readTallies(defaultTenant, id)).toMatchObject({ routed: 24 });
  });

  it('[g12.19] refuses a unit with a NUL or a lone surrogate at submit, and names the field', async () => {
    world = await createRolloutScene();
    await world.start();
    for (const resourceId of ['a\u0000b', 'a\ud800', '\udc00']) {
      await expect(
        world.scene.coordinator.submitRun(defaultTenant, { dag: 'look', routingContext: { resourceId } }),
      ).rejects.toMatchObject({
        code: 'invalid_argument',
        details: { problems: [{ field: 'routingContext.resourceId' }] },
      });
    }
    for (const resourceId of ['a:b', 'üñí-😀', 'x'.repeat(10_000)])
      expect((await decided(await submit(resourceId)))?.source).toBe('segments');
  });

  it('lets an explicit version win, a frozen agent go to the active one, and counts both apart', async () => {
    const pinned = (version: string) =>
      dagOf(
        [
          agentOf('a', {
            action: {
              kind: 'agent',
              agent: 'scout',
              version,
              prompt: 'Look.',
              limits: {},
              memory: { read: false, propose: false },
            },
          }),
        ],
        { name: 'pinned' },
      );
    world = await createRolloutScene();
    await world.scene.publish([pinned(world.versions.good)]);
    const { id } = await world.start();
    const candidate = await unit(id, 1);
    expect(await decided(await submit(candidate, 'pinned'))).toEqual({
      versionId: world.versions.good,
      source: 'explicit',
    });
    const worker = await world.scene.join({ slots: 8 });
    await world.scene.settle();
    expect(worker.offers).toHaveLength(1);
    expect(await world.units(id)).toEqual([]);
    await world.store.setFreeze(defaultTenant, 'scout', { agentId: 'scout', by: 'ann', reason: 'look', at: 1 });
    expect(await decided(await submit(candidate))).toEqual({ versionId: world.versions.stable, source: 'frozen' });
    await world.store.setFreeze(defaultTenant, 'scout', undefined);
    expect(await decided(await submit(candidate))).toMatchObject({ arm: 1, source: 'segments' });
    expect(await world.store.readTallies(defaultTenant, id)).toEqual({ explicit: 1, frozen: 1, routed: 1, 'arm:1': 1 });
  });

  it('asks the predicate of each run once it is compiled, and takes what it cannot say for a no', async () => {
    let compilations = 0;
    const fake = createFakeExpressions();
    const expressions: typeof fake = {
      compile: (text, variables) => {
        compilations += 1;
        return fake.compile(text, variables);
      },
    };
    world = await createRolloutScene({ deps: { expressions } });
    const { id } = await world.start({ eligibility: 'context.tier == "gold"' });
    const before = compilations;
    const resourceId = await unit(id, 1);
    const sources = [];
    for (const context of [{ tier: 'gold' }, { tier: 'tin' }, {}]) {
      const runId = await world.scene.submit('look', { routingContext: { resourceId, ...context } });
      sources.push(await decided(runId));
    }
    expect(sources).toMatchObject([
      { arm: 1, source: 'segments' },
      { arm: 0, source: 'stable', because: 'ineligible' },
      { arm: 0, source: 'stable', because: 'ineligible' },
    ]);
    expect(compilations).toBe(before + 1);
    expect(world.count('skein_rollout_eligibility_errors_total')).toBe(1);
    expect(await world.store.readTallies(defaultTenant, id)).toEqual({ routed: 1, ineligible: 2, 'arm:1': 1 });
  });

  it('sends a forced unit to its arm without counting it, until its time is over', async () => {
    world = await createRolloutScene();
    const until = new Date(world.scene.clock.now() + 1_000).toISOString();
    const { id } = await world.start({ forced: [{ unit: 'tester', arm: 'candidate', until }], weight: 0.000001 });
    const worker = await world.scene.join();
    expect(await decided(await submit('tester'))).toMatchObject({ arm: 1, source: 'forced' });
    expect(worker.offers).toHaveLength(1);
    expect(await world.units(id)).toEqual([]);
    await world.scene.clock.advance(1_001);
    expect(await decided(await submit('tester'))).toMatchObject({ arm: 0, source: 'segments' });
  });
});

describe('what one revision of the project remembers of admissions', () => {
  it('is nothing but reads of the revision without a rollout: no hash, no read of rollouts', async () => {
    let hashes = 0;
    world = await createRolloutScene();
    const { hasher } = world.scene;
    const bytes = hasher.bytes.bind(hasher);
    hasher.bytes = (text) => {
      hashes += 1;
      return bytes(text);
    };
    await submit('user-1');
    world.calls.length = 0;
    hashes = 0;
    await submit('user-2');
    expect(world.calls.filter((name) => name === 'listLive' || name === 'listFreezes')).toEqual([]);
    expect(hashes).toBe(0);
    await world.start();
    await submit('user-3');
    world.calls.length = 0;
    hashes = 0;
    await submit('user-4');
    expect(hashes).toBe(1);
    expect(world.calls.filter((name) => name === 'listLive' || name === 'listFreezes')).toEqual([]);
  });

  it('[defect 31] ends with a cancellation and a rollback: the next run is decided anew', async () => {
    world = await createRolloutScene();
    const first = await world.start();
    const candidate = await unit(first.id, 1);
    expect(await decided(await submit(candidate))).toMatchObject({ arm: 1 });
    await world.rollouts.cancel(defaultTenant, 'scout', {}, ann);
    expect(await decided(await submit(candidate))).toEqual({ versionId: world.versions.stable, source: 'active' });
    const second = await world.start();
    const other = await unit(second.id, 1);
    expect(await decided(await submit(other))).toMatchObject({ arm: 1, rolloutId: second.id });
    await world.rollouts.rollback(defaultTenant, 'scout', {}, ann);
    expect(await decided(await submit(other))).toEqual({ versionId: world.versions.stable, source: 'active' });
  });

  it('builds the snapshots of all arms ahead, so that the first run on the candidate waits for none', async () => {
    world = await createRolloutScene();
    const { id } = await world.start();
    const saved: string[] = [];
    const { snapshots } = world.scene.stores;
    const save = snapshots.save.bind(snapshots);
    snapshots.save = async (tenant, digest, ...rest) => {
      saved.push(digest);
      return save(tenant, digest, ...rest);
    };
    await submit(await unit(id, 0));
    await world.scene.settle();
    const ahead = [...saved];
    const runId = await submit(await unit(id, 1));
    expect(new Set(ahead).size).toBe(2);
    expect(saved).toEqual(ahead);
    expect(ahead).toContain((await admitted(runId)).snapshotDigest);
  });
});
