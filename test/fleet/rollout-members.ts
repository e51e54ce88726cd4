import { randomUUID } from 'node:crypto';
import type { RolloutView, StartRollout } from '@skein/coordinator';
import type { Dag, RolloutEvent, RolloutRecord, RolloutUnit } from '@skein/domain';
import { defaultTenant, isDomainError, pickArm, placeUnit } from '@skein/domain';
import type { AppendRequest } from '@skein/ports';
import { createHasher } from '@skein/telemetry';
import { creating, dagOf, publishAgents, stepOf } from '@skein/testkit';
import { clock, type MortalCoordinator, type MortalCoordinators } from './mortal-coordinators.ts';

/** Who acts in the tests. */
export const ann = { actor: 'ann' };

const hasher = createHasher();

const look = stepOf('a', {
  action: { kind: 'agent', agent: 'scout', prompt: 'Look.', limits: {}, memory: { read: false, propose: false } },
});

/** Runs its agent, when there is a worker. */
const lookDag = dagOf([look], { name: 'look' });

/** Is admitted and routed as any other, passes over its only agent step, and so ends without a worker. */
const passDag: Dag = dagOf(
  [
    stepOf('gate', {
      action: { kind: 'wait', durationMs: 1_000 },
      preconditions: [{ condition: 'this', expected: 'that', negate: false }],
    }),
    { ...look, depends: ['gate'] },
  ],
  { name: 'pass' },
);

/** An agent `scout` of three versions, the last of which is active, on the stores of several coordinators. */
export class RolloutMembers {
  readonly members: MortalCoordinators;
  versions = { stable: '', bad: '', good: '' };
  #dealt = 0;

  constructor(members: MortalCoordinators) {
    this.members = members;
  }

  /** Publishes the versions by way of this coordinator's stores. */
  async publish({ stores: { projects } }: MortalCoordinator): Promise<void> {
    const ids: string[] = [];
    for (const skills of [{ bad: 10 }, { good: 10 }, {}]) {
      await publishAgents(projects, hasher, {
        dags: [lookDag, passDag],
        agents: { scout: skills as { readonly [skill: string]: number } },
      });
      ids.push((await projects.activeVersion(defaultTenant, 'scout'))?.versionId ?? '');
    }
    const [bad = '', good = '', stable = ''] = ids;
    this.versions = { bad, good, stable };
  }

  get #stores(): MortalCoordinator['stores'] {
    const [first] = this.members.alive;
    if (first === undefined) throw new Error('nobody is alive');
    return first.stores;
  }

  /** A canary of the bad version at one half, started at this coordinator. */
  async start({ api }: MortalCoordinator, changes: Partial<StartRollout> = {}): Promise<RolloutView> {
    const start: StartRollout = {
      type: 'canary',
      candidateVersionId: this.versions.bad,
      weight: 0.5,
      steps: [],
      force: true,
      reason: 'a test',
      ...changes,
    };
    return (await api.rollouts.start(defaultTenant, 'scout', start, ann)).rollout;
  }

  async record(id: string): Promise<RolloutRecord> {
    const record = await this.#stores.rollouts.find(defaultTenant, id);
    if (record === undefined) throw new Error(`there is no rollout ${id}`);
    return record;
  }

  async events(id: string): Promise<readonly RolloutEvent[]> {
    return (await this.#stores.rollouts.readEvents(defaultTenant, 0, 100_000, id)).events;
  }

  async units(id: string): Promise<readonly RolloutUnit[]> {
    return this.#stores.rollouts.readUnits(defaultTenant, id, 0, 1_000_000);
  }

  async activeVersion(): Promise<string | undefined> {
    return (await this.#stores.projects.activeVersion(defaultTenant, 'scout'))?.versionId;
  }

  /** The first units that a rollout as it is now sends to an arm. */
  unitsOfArm({ salt, segments }: RolloutRecord, arm: number, count: number, prefix: string): readonly string[] {
    const found: string[] = [];
    for (let index = 0; found.length < count; index += 1) {
      const unit = `${prefix}-${index}`;
      const { position } = placeUnit((bytes) => hasher.bytes(bytes), salt, unit);
      if (pickArm(segments, position) === arm) found.push(unit);
    }
    return found;
  }

  /** Units of both arms in turn as if their runs had been admitted, run and measured; every one of the candidate failed when it is bad. */
  async deal(id: string, each: number, isBad = true): Promise<void> {
    const { epoch, rules } = await this.record(id);
    const at = Date.now();
    const first = (await this.units(id)).length + 1;
    const { rollouts } = this.#stores;
    const { alive } = this.members;
    // By all coordinators at once.
    const exposing = Array.from({ length: 2 * each }, async (_, index) => {
      const number = ++this.#dealt;
      const runId = `run_dealt_${id}_${number}`;
      const request = creating(runId, { status: 'succeeded' });
      const exposure = { rolloutId: id, unit: `dealt-${number}`, arm: index % 2, epoch, at, runId };
      const { runs } = (alive[index % alive.length] as MortalCoordinator).stores;
      await runs.append({ ...request, head: { ...request.head, finishedAt: at }, exposures: [exposure] });
    });
    await Promise.all(exposing);
    const units = (await this.units(id)).filter(({ seq }) => seq >= first);
    const ends = units.map(({ seq }) => ({ rolloutId: id, seq, state: 'ended' as const, at }));
    await rollouts.endUnits(defaultTenant, ends);
    const values = units.flatMap(({ seq, arm }) =>
      [...new Set(rules.map(({ metric }) => metric))].map((metric) => ({
        rolloutId: id,
        metric,
        seq,
        value: metric === 'error' && isBad && arm === 1 ? 1 : 0,
        at,
      })),
    );
    await rollouts.recordValues(defaultTenant, values);
  }

  /** Submits a run of this customer at a coordinator, again while it has no home for it; resolves with its id. */
  async submit({ api }: MortalCoordinator, dag: 'look' | 'pass', resourceId: string): Promise<string> {
    const idempotencyKey = randomUUID();
    for (;;) {
      try {
        return (await api.submitRun(defaultTenant, { dag, routingContext: { resourceId }, idempotencyKey })).run.runId;
      } catch (error) {
        if (!isDomainError(error) || error.code !== 'unavailable') throw error;
        await clock.sleep(20);
      }
    }
  }

  /** What was decided for the run; undefined while it is not let in. */
  async decisionOf(runId: string) {
    const facts = await this.#stores.runs.readFacts(defaultTenant, runId, 0);
    const admitted = facts.find((fact) => fact.type === 'run_admitted');
    return admitted?.type === 'run_admitted' ? admitted.agents['scout'] : undefined;
  }
}

/** An append that admits a run to the candidate. */
export const admitsCandidate = (request: AppendRequest): boolean =>
  request.facts.some((fact) => fact.type === 'run_admitted' && fact.agents['scout']?.arm === 1);
