import type { RolloutId, RunView, VersionId } from '@skein/domain';
import type { RolloutInfo, SkeinClient } from '@skein/sdk';
import { publishVersion, words } from '../e2e/rollout-fleet.ts';
import { eventually } from '../e2e/stack.ts';
import { rolledOut } from './chaos-project.ts';
import type { ChaosReport } from './chaos-report.ts';
import type { ChaosTarget } from './chaos-target.ts';
import { type CountedValue, type RoutedRun, valueProblems } from './counted-values.ts';
import { factsOf } from './judge.ts';
import type { Load } from './load.ts';

/** How long values may take to be there after the last run has ended: all of them, and again the end of the worse version. */
const settleMs = 60_000;

/** Candidate units of a total failure after which the rollout must have been taken back: its block test needs at most so many. */
const decisiveUnits = 40;

interface Started {
  readonly agentId: string;
  readonly id: RolloutId;
  readonly stable: VersionId;
  readonly candidate: VersionId;
}

/** Two live rollouts under trouble: a candidate that is no worse, and one that is. */
export class ChaosRollouts {
  readonly #client: SkeinClient;
  readonly #started: readonly Started[];

  private constructor(client: SkeinClient, started: readonly Started[]) {
    this.#client = client;
    this.#started = started;
  }

  static async start(stack: ChaosTarget, project: string): Promise<ChaosRollouts> {
    const { client } = stack;
    const started: Started[] = [];
    // Few runs come through the trouble: a bold alpha lets about ten blocks decide.
    for (const [agentId, keywords, alpha] of [
      [rolledOut.good, words.wide, 0.01],
      [rolledOut.bad, words.blind, 0.2],
    ] as const) {
      const candidate = await publishVersion(client, project, agentId, keywords);
      const { id, stableVersionId } = await client.rollouts.start(agentId, {
        type: 'canary',
        candidateVersionId: candidate,
        weight: 0.5,
        steps: [],
        rules: [{ metric: 'score:right' }],
        alpha,
        onNoData: 'ignore',
        force: true,
        reason: 'chaos',
      });
      started.push({ agentId, id, stable: stableVersionId, candidate });
    }
    return new ChaosRollouts(client, started);
  }

  /** Whether each arm has so many units by now; false too when that could not be read. */
  async haveUnits(count: number): Promise<boolean> {
    const records = await Promise.all(
      this.#started.map(({ id }) => this.#client.rollouts.read(id).catch(() => undefined)),
    );
    return records.every((record) => record?.arms.every(({ units }) => units >= count) ?? false);
  }

  /** After the last run has ended: what became of both, and what is wrong. `uncertainMs`: one of `raceMs`, and how late harm ended. */
  async judge(
    load: Load,
    uncertainMs: number,
  ): Promise<{ readonly ends: ChaosReport['rollouts']; readonly problems: readonly string[] }> {
    const deadline = performance.now() + settleMs;
    const problems: string[] = [];
    const ends: ChaosReport['rollouts'][number][] = [];
    for (const started of this.#started) {
      const { agentId, id } = started;
      const runs: RunView[] = [];
      for (const { runId, dag } of load.accepted) if (dag === agentId) runs.push(await this.#client.runs.get(runId));
      const say = (problem: string): void => void problems.push(`rollout of ${agentId}: ${problem}`);
      await this.#values(started, runs, { deadline, uncertainMs }, say);
      const isBad = agentId === rolledOut.bad;
      const record = await this.#decided(id, isBad);
      await this.#life(started, record, say);
      for (const run of runs) judgeRun(started, record, run, uncertainMs, say);
      const units = record.arms.map((arm) => arm.units);
      if (!isBad && record.status !== 'active') say(`it is ${record.status}: ${record.explanation.because}`);
      if (isBad && isDue(record)) say(`it is ${record.status} after ${units[1]} candidate units`);
      ends.push({ agentId, status: record.status, units });
    }
    return { ends, problems };
  }

  /** The rollout as it is, once the values that are there were looked at. */
  async #decided(id: RolloutId, isBad: boolean): Promise<RolloutInfo> {
    let record = await this.#client.rollouts.read(id);
    const decided = eventually(
      'the worse version is taken back',
      async () => {
        const read = await this.#client.rollouts.read(id).catch(() => undefined);
        record = read ?? record;
        return read !== undefined && (!isBad || !isDue(read));
      },
      settleMs,
    );
    await decided.catch(() => undefined);
    return record;
  }

  /** No value is lost or doubled: every run that was a unit has one, of the arm that its own record names. */
  async #values(
    { id, agentId }: Started,
    runs: readonly RunView[],
    { deadline, uncertainMs }: { readonly deadline: number; readonly uncertainMs: number },
    say: (problem: string) => void,
  ): Promise<void> {
    const routed: RoutedRun[] = [];
    for (const { runId, agents } of runs) {
      if (agents[agentId]?.source !== 'segments') continue;
      const leased = (await factsOf(this.#client, runId)).find(({ type }) => type === 'step_leased');
      routed.push({ runId, arm: agents[agentId].arm, leasedAt: leased?.at });
    }
    for (const metric of ['run_failed', 'score:right']) {
      // Until the values could be read once, nothing is known to be right.
      let problems: readonly string[] = [`${metric} of ${agentId} could not be read`];
      const look = async (): Promise<boolean> => {
        const { completedAt } = await this.#client.rollouts.read(id);
        const endedAt = completedAt === null ? undefined : Date.parse(completedAt);
        const values = await this.#observed(agentId, id, metric);
        problems = valueProblems(metric, routed, values, endedAt, uncertainMs);
        return problems.length === 0;
      };
      const settled = eventually(
        'every unit has its values',
        () => look().catch(() => false),
        Math.max(0, deadline - performance.now()),
      );
      await settled.catch(() => undefined);
      problems.forEach(say);
    }
  }

  async #observed(agentId: string, rolloutId: RolloutId, metric: string): Promise<readonly CountedValue[]> {
    const found: CountedValue[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await this.#client.rollouts.observations(agentId, {
        rolloutId,
        metric,
        limit: 500,
        ...(cursor === undefined ? {} : { cursor }),
      });
      found.push(...page.items);
      cursor = page.nextCursor;
      if (cursor === undefined) return found;
    }
  }

  /** I1 to I4: one live rollout, revisions without a gap, nothing after the end, and the active version as the record says. */
  async #life({ agentId, id, stable }: Started, record: RolloutInfo, say: (problem: string) => void): Promise<void> {
    const { rollouts } = await this.#client.rollouts.list({ agentId, perPage: false });
    if (rollouts.length !== 1) say(`there are ${rollouts.length} of them (I1)`);
    const { items } = await this.#client.rollouts.events({ limit: 1_000 });
    const moves = items.filter(({ rolloutId }) => rolloutId === id);
    const revisions = moves.map(({ revision }) => revision);
    if (revisions.some((revision, index) => revision !== index + 1)) say(`revisions ${revisions.join(', ')} (I2)`);
    if (revisions.at(-1) !== record.revision) say(`revision ${record.revision} has no event (I2)`);
    const end = moves.findIndex(({ type }) => type === 'rolled_back');
    if (end >= 0 && end !== moves.length - 1) say('it changed after its end (I3)');
    const active = (await this.#client.agents.list()).find((agent) => agent.agentId === agentId)?.activeVersionId;
    if (active !== stable) say(`the active version is ${active} (I4)`);
  }
}

/** A total failure with so many units must have been taken back. */
const isDue = ({ status, arms }: RolloutInfo): boolean =>
  status !== 'rolled_back' && (arms[1]?.units ?? 0) >= decisiveUnits;

/** I7 and I8: what a run got, was allowed to get, and did. */
const judgeRun = (
  { agentId, id, stable, candidate }: Started,
  { status, completedAt }: RolloutInfo,
  run: RunView,
  uncertainMs: number,
  say: (problem: string) => void,
): void => {
  const decision = run.agents[agentId];
  const version = decision?.versionId;
  if (decision?.source === 'segments') {
    if (decision.rolloutId !== id) say(`${run.runId} was decided by ${decision.rolloutId}`);
    if (version !== (decision.arm === 1 ? candidate : stable)) say(`${run.runId} has another version than its arm`);
    // Both instants are read before their commits: an admission may come to the store first, and name a later one.
    const isLate = completedAt !== null && Date.parse(run.startedAt ?? '') > Date.parse(completedAt) + uncertainMs;
    if (isLate) say(`${run.runId} was routed after the rollout was ${status} (I7)`);
  } else if (version !== stable) say(`${run.runId} has ${version} by ${decision?.source} (I7)`);
  const [step] = run.steps;
  if (step?.status !== 'succeeded') return;
  const [letter] = (step.outputs['letters'] ?? []) as readonly { readonly topic?: string }[];
  const isBlind = agentId === rolledOut.bad && version === candidate;
  if (letter?.topic !== (isBlind ? 'question' : 'billing')) say(`${run.runId} did not run on its version (I8)`);
};
