import type { Dag, RolloutEvent, RolloutRecord, RolloutUnit } from '@skein/domain';
import { defaultTenant, isDomainError } from '@skein/domain';
import type { RolloutStore, WebhookSender } from '@skein/ports';
import type { MemoryStores, Scene, SceneOptions } from '@skein/testkit';
import { createFakeExpressions, createMemoryLog, createScene, dagOf, publishAgents } from '@skein/testkit';
import type { Coordinator, RolloutView, StartRollout } from '../src/index.ts';
import { createCoordinator } from '../src/index.ts';
import { agentOf } from './agent-scene.ts';

/** Who acts in the tests. */
export const ann = { actor: 'ann' };

/** What units are given: counts by arm, with what their runs came to. */
export interface Traffic {
  /** Units of each arm, dealt in turn. */
  readonly stable: number;
  readonly candidate: number;
  /** Share of units whose value of `error` is 1, the first ones of each arm being the bad ones in turn. */
  readonly stableErrors?: number;
  readonly candidateErrors?: number;
  /** Left without values and open. */
  readonly open?: boolean;
}

/** A scene with an agent `scout` of three versions, the last of which is active, and a DAG `look` that runs it. */
export class RolloutScene {
  readonly scene: Scene;
  /** Ids of the versions: `stable` is active. */
  readonly versions: { readonly stable: string; readonly bad: string; readonly good: string };
  /** Calls of the store of rollouts, by name. */
  readonly calls: string[];
  readonly #counts: Map<string, number>;
  #dealt = 0;

  constructor(scene: Scene, versions: RolloutScene['versions'], calls: string[], counts: Map<string, number>) {
    this.scene = scene;
    this.versions = versions;
    this.calls = calls;
    this.#counts = counts;
  }

  get rollouts(): Scene['coordinator']['rollouts'] {
    return this.scene.coordinator.rollouts;
  }

  get store(): Scene['stores']['rollouts'] {
    return this.scene.stores.rollouts;
  }

  /** Sum of a counter, of the label values given. */
  count(name: string, labels: { readonly [name: string]: string } = {}): number {
    return this.#counts.get(`${name} ${JSON.stringify(labels)}`) ?? 0;
  }

  /** A canary of the bad version at one half, without a plan, unless it says otherwise. */
  async start(changes: Partial<StartRollout> = {}): Promise<RolloutView> {
    const start: StartRollout = { type: 'canary', candidateVersionId: this.versions.bad, ...changes };
    const plain = start.steps === undefined && start.weight === undefined && start.type === 'canary';
    const { rollout } = await this.rollouts.start(
      defaultTenant,
      'scout',
      plain ? { ...start, weight: 0.5 } : start,
      ann,
    );
    await this.scene.settle();
    return rollout;
  }

  async record(id: string): Promise<RolloutRecord> {
    const record = await this.store.find(defaultTenant, id);
    if (record === undefined) throw new Error(`there is no rollout ${id}`);
    return record;
  }

  view(id: string): Promise<RolloutView> {
    return this.rollouts.read(defaultTenant, id);
  }

  async events(id: string): Promise<readonly RolloutEvent[]> {
    return (await this.store.readEvents(defaultTenant, 0, 10_000, id)).events;
  }

  async units(id: string): Promise<readonly RolloutUnit[]> {
    return this.store.readUnits(defaultTenant, id, 0, 100_000);
  }

  async activeVersion(): Promise<string | undefined> {
    return (await this.scene.stores.projects.activeVersion(defaultTenant, 'scout'))?.versionId;
  }

  /** Units of a rollout as if their runs had been admitted, run and measured. */
  async deal(id: string, traffic: Traffic): Promise<void> {
    const { stable, candidate, stableErrors = 0, candidateErrors = 0, open = false } = traffic;
    const record = await this.record(id);
    const at = this.scene.clock.now();
    const arms = [
      { arm: 0, left: stable, of: stable, errors: Math.round(stable * stableErrors) },
      { arm: 1, left: candidate, of: candidate, errors: Math.round(candidate * candidateErrors) },
    ];
    const first = (await this.units(id)).length + 1;
    const failed: boolean[] = [];
    const exposures = [];
    while (arms.some(({ left }) => left > 0)) {
      const next = arms.reduce((most, one) => (one.left / one.of > most.left / most.of ? one : most));
      failed.push(next.of - next.left < next.errors);
      next.left -= 1;
      this.#dealt += 1;
      const runId = `run_dealt_${this.#dealt}`;
      exposures.push({ rolloutId: id, unit: `${this.#dealt}`, arm: next.arm, epoch: record.epoch, at, runId });
    }
    this.store.units.expose(defaultTenant, exposures);
    if (open) return;
    await this.end(id, first, failed);
  }

  /** Ends units from this one on, with a value for each metric of the rules. */
  async end(id: string, first: number, failed: readonly boolean[]): Promise<void> {
    const { rules } = await this.record(id);
    const at = this.scene.clock.now();
    const ends = failed.map((_, index) => ({ rolloutId: id, seq: first + index, state: 'ended' as const, at }));
    await this.store.endUnits(defaultTenant, ends);
    const metrics = [...new Set(rules.map(({ metric }) => metric))];
    const values = failed.flatMap((hasFailed, index) =>
      metrics.map((metric) => ({
        rolloutId: id,
        metric,
        seq: first + index,
        value: metric === 'error' && hasFailed ? 1 : 0,
        at,
      })),
    );
    await this.store.recordValues(defaultTenant, values);
  }

  /** Another coordinator on the same stores, started. */
  async another(coordinatorId = 'other', webhooks?: WebhookSender): Promise<Coordinator> {
    const { stores, clock, ids, hasher, lines } = this.scene;
    const coordinator = createCoordinator(
      {
        clock,
        ids,
        hasher,
        secrets: { secureToken: () => 'secret-of-the-other-coordinator' },
        log: createMemoryLog(lines),
        meter: { count: () => undefined, gauge: () => undefined, observe: () => undefined },
        ...stores,
        ...(webhooks === undefined ? {} : { webhooks }),
        expressions: createFakeExpressions(),
        projectReader: { read: () => ({ ok: false, error: [{ message: 'no files here' }] }) },
      },
      { coordinatorId },
    );
    await coordinator.start();
    return coordinator;
  }

  /** Lets evaluators have so many ticks. */
  async ticks(count = 1): Promise<void> {
    for (let tick = 0; tick < count; tick += 1) {
      await this.scene.clock.advance(1_000);
      await this.scene.settle();
    }
  }
}

/** What a test does to calls of the store of rollouts. */
export type OnRolloutCall = (name: string, args: readonly unknown[], own: () => Promise<unknown>) => Promise<unknown>;

/** Never comes. */
const gone = new Promise<never>(() => undefined);

/** The scene of rollouts, open. `onCall` may delay or refuse what is asked of the store of rollouts. */
export const createRolloutScene = async (
  options: Omit<SceneOptions, 'dags'> & { readonly dags?: readonly Dag[]; readonly onCall?: OnRolloutCall } = {},
): Promise<RolloutScene> => {
  const calls: string[] = [];
  const counts = new Map<string, number>();
  const meter = {
    count: (name: string, by = 1, labels: { readonly [name: string]: string } = {}) => {
      for (const key of new Set([`${name} {}`, `${name} ${JSON.stringify(labels)}`]))
        counts.set(key, (counts.get(key) ?? 0) + by);
    },
    gauge: (name: string, value: number) => counts.set(`${name} {}`, value),
    observe: () => undefined,
  };
  const { onCall, dags = [], ...rest } = options;
  let processes = 0;
  const wrap = (stores: MemoryStores): { readonly rollouts: RolloutStore } => {
    processes += 1;
    const own = processes;
    return { rollouts: storeOf(stores, () => own === processes) };
  };
  const storeOf = (stores: MemoryStores, isAlive: () => boolean): RolloutStore =>
    new Proxy(stores.rollouts, {
      get: (target, name: string) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return async (...args: readonly unknown[]): Promise<unknown> => {
          // What a process that is gone still asks for is never asked, and what it was answered it never learns.
          if (!isAlive()) return gone;
          calls.push(name);
          const own = async (): Promise<unknown> =>
            isAlive() ? (member as (...all: readonly unknown[]) => unknown).apply(target, [...args]) : gone;
          const answer = await (onCall === undefined ? own() : onCall(name, args, own));
          return isAlive() ? answer : gone;
        };
      },
    });
  const scene = await createScene({ ...rest, dags: [], deps: { meter, ...rest.deps }, wrap });
  const { projects } = scene.stores;
  const ids: string[] = [];
  for (const skills of [{ bad: 10 }, { good: 10 }, {}]) {
    await publishAgents(projects, scene.hasher, {
      dags: [dagOf([agentOf('a')], { name: 'look' }), ...dags],
      agents: { scout: skills as { readonly [skill: string]: number } },
    });
    ids.push((await projects.activeVersion(defaultTenant, 'scout'))?.versionId ?? '');
  }
  const [bad = '', good = '', stable = ''] = ids;
  return new RolloutScene(scene, { stable, bad, good }, calls, counts);
};

/** The code of the error that something throws. */
export const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'no error';
  } catch (thrown) {
    if (isDomainError(thrown)) return thrown.code;
    throw thrown;
  }
};
