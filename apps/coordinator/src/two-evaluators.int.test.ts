import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Coordinator, createCoordinator, defaultCoordinatorConfig } from '@skein/coordinator';
import { defaultTenant, type RolloutId } from '@skein/domain';
import { createExpressions, createProjectReader } from '@skein/language';
import type { RolloutStore } from '@skein/ports';
import { openSqlStores } from '@skein/store-sql';
import { createHasher, createIdSource, createSecrets, createSystemClock } from '@skein/telemetry';
import { createMemoryLog, createSeededRandom, creating, publishAgents } from '@skein/testkit';
import { expect, onTestFinished, test, vi } from 'vitest';

const clock = createSystemClock();
const ids = createIdSource();
const hasher = createHasher();
const tenant = defaultTenant;

/** What becomes of a change of a rollout: it is written, or the process dies before it is. */
type OnUpdate = () => 'written' | 'died';

/** Two coordinators in one process over one embedded store. */
const open = async (dataDir: string, onUpdate: OnUpdate = () => 'written') => {
  const log = createMemoryLog([]);
  const stores = await openSqlStores({ dataDir, log, clock, ids, hasher });
  const rollouts = new Proxy(stores.rollouts, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (name !== 'update') return member.bind(target);
      return (...args: Parameters<RolloutStore['update']>) =>
        onUpdate() === 'written' ? target.update(...args) : new Promise(() => undefined);
    },
  });
  const coordinators: Coordinator[] = [];
  for (const coordinatorId of ['one', 'two']) {
    const coordinator = createCoordinator(
      {
        clock,
        ids,
        hasher,
        log,
        secrets: createSecrets(),
        meter: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
        ...stores,
        rollouts,
        projectReader: createProjectReader({ hasher }),
        expressions: createExpressions(),
      },
      { coordinatorId, rollouts: { ...defaultCoordinatorConfig.rollouts, tickMs: 10 } },
    );
    await coordinator.start();
    coordinators.push(coordinator);
  }
  const [one] = coordinators;
  if (one === undefined) throw new Error('nobody was started');
  return {
    stores,
    one,
    close: async () => {
      for (const coordinator of coordinators) await coordinator.stop();
      await stores.close();
    },
  };
};

type Opened = Awaited<ReturnType<typeof open>>;

const folder = async (): Promise<string> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'skein-two-evaluators-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  return dataDir;
};

/** Starts a canary of the bold version, and gives it units: every one of the candidate has failed. Their values are left out. */
const expose = async ({ stores, one }: Opened, units: number): Promise<RolloutId> => {
  await publishAgents(stores.projects, hasher, { dags: [], agents: { scout: { bold: 1 } } });
  await publishAgents(stores.projects, hasher, { dags: [], agents: { scout: {} } });
  const start = { type: 'canary', candidateVersionId: 'v1', weight: 0.5, steps: [], onNoData: 'ignore' } as const;
  const { rollout } = await one.rollouts.start(tenant, 'scout', start, { actor: 'ann' });
  const at = clock.now();
  for (let unit = 0; unit < units; unit += 1) {
    const runId = ids.next('run');
    const exposure = { rolloutId: rollout.id, unit: `${unit}`.padStart(32, '0'), arm: unit % 2, epoch: 1, at, runId };
    await stores.runs.append({ ...creating(runId, { status: 'succeeded', createdAt: at }), exposures: [exposure] });
  }
  return rollout.id;
};

/** Ends the units, with their values; one after the other. */
const end = async ({ stores }: Opened, rolloutId: RolloutId, units: number): Promise<void> => {
  const at = clock.now();
  for (let unit = 0; unit < units; unit += 1) {
    const seq = unit + 1;
    const metrics = { error: unit % 2, run_failed: unit % 2, run_partial: 0 };
    const values = Object.entries(metrics).map(([metric, value]) => ({ rolloutId, seq, metric, value, at }));
    await stores.rollouts.recordValues(tenant, values);
    await stores.rollouts.endUnits(tenant, [{ rolloutId, seq, state: 'ended', at }]);
  }
};

const movesOf = async ({ stores }: Opened, id: RolloutId): Promise<readonly string[]> =>
  (await stores.rollouts.readEvents(tenant, 0, 1_000, id)).events.map(({ revision, type }) => `${revision} ${type}`);

const units = 60;
const patience = { timeout: 60_000 };

test('two evaluators over one store take a worse version back once, however their looks fall', async () => {
  const opened = await open(await folder());
  const id = await expose(opened, units);
  await end(opened, id, units);
  await vi.waitFor(async () => {
    expect((await opened.stores.rollouts.find(tenant, id))?.status).toBe('rolled_back');
  }, patience);
  expect(await movesOf(opened, id)).toEqual(['1 created', '2 rolled_back']);
  await opened.close();
});

test('a restart between evidence and action is followed by one action, at once and by whoever comes, at any instant', async () => {
  const random = createSeededRandom(5);
  for (let round = 0; round < 4; round += 1) {
    const dataDir = await folder();
    // What the first two decide is never written: they die before it. The last round dies somewhere, and maybe after it.
    let wanted = 0;
    const isLast = round === 3;
    const first = await open(dataDir, () => {
      wanted += 1;
      return isLast ? 'written' : 'died';
    });
    const id = await expose(first, units);
    await end(first, id, units);
    if (isLast) await new Promise((resolve) => setTimeout(resolve, random.next() * 20));
    else await vi.waitFor(() => expect(wanted).toBeGreaterThan(0), patience);
    await first.close();
    const second = await open(dataDir);
    const restartedAt = performance.now();
    await vi.waitFor(async () => {
      expect((await second.stores.rollouts.find(tenant, id))?.status).toBe('rolled_back');
    }, patience);
    expect(performance.now() - restartedAt).toBeLessThan(30_000);
    expect(await movesOf(second, id)).toEqual(['1 created', '2 rolled_back']);
    expect((await second.stores.rollouts.find(tenant, id))?.revision).toBe(2);
    await second.close();
  }
});
