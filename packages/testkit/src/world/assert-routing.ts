import type { AgentDecision, RolloutId, RolloutRecord, RunFact, RunId, RunSource } from '@skein/domain';
import { pickArm } from '@skein/domain';
import type { Report } from './history.ts';
import type { PlayedStep, RolloutHistory } from './rollout-history.ts';

type Agents = { readonly [agentId: string]: AgentDecision };
type Fact<T extends RunFact['type']> = Extract<RunFact, { readonly type: T }>;

/** What is known when a commit comes. */
interface Known {
  readonly rollouts: Map<RolloutId, RolloutRecord>;
  readonly frozen: Set<string>;
  readonly sources: Map<RunId, RunSource>;
  /** What each run uses, and all that it ever used. */
  readonly agents: Map<RunId, Agents>;
  readonly versions: Map<RunId, Set<string>>;
  readonly migrated: Set<string>;
  /** Arms by rollout, epoch and unit. */
  readonly arms: Map<string, number>;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** I7, O4: who is sent to an arm is sent by the rollout as it is in that commit. */
const checkSegments = (
  known: Known,
  runId: RunId,
  agentId: string,
  { rolloutId = '', revision, arm = 0, position = 0, unit, epoch, versionId }: AgentDecision,
  report: Report,
): void => {
  const record = known.rollouts.get(rolloutId);
  const name = `run ${runId}, ${agentId}`;
  if (record === undefined) {
    report(`I7: ${name}: there is no rollout ${rolloutId}`);
    return;
  }
  if (record.status !== 'active')
    report(`I7: ${name} is sent to arm ${arm} of ${rolloutId}, which is ${record.status}`);
  else if (record.revision !== revision)
    report(`I7: ${name} is sent by revision ${revision} of ${rolloutId}, which is at ${record.revision}`);
  else if (pickArm(record.segments, position) !== arm || record.arms[arm]?.versionId !== versionId)
    report(`I7: ${name} is sent to arm ${arm} of ${rolloutId} against its segments`);
  if (known.frozen.has(agentId)) report(`I7: ${name} is sent to arm ${arm} although the agent is frozen`);
  const place = `${rolloutId} ${epoch} ${unit}`;
  const before = known.arms.get(place);
  if (before !== undefined && before !== arm)
    report(`O2: unit ${unit} met arms ${before} and ${arm} of ${rolloutId} in epoch ${epoch}`);
  known.arms.set(place, arm);
};

const checkRetry = (known: Known, runId: RunId, agentId: string, decision: AgentDecision, report: Report): void => {
  const source = known.sources.get(runId);
  const record = known.rollouts.get(decision.rolloutId ?? '');
  if (source?.kind !== 'retry' || source.sameVersions === true || (decision.arm ?? 0) === 0) return;
  if (record?.status === 'rolled_back')
    report(`I7: run ${runId}, ${agentId}: a retry gets arm ${decision.arm} of ${record.id}, which is rolled back`);
};

const note = (known: Known, runId: RunId, agents: Agents): void => {
  known.agents.set(runId, agents);
  const versions = known.versions.get(runId) ?? new Set();
  known.versions.set(runId, versions);
  for (const [agentId, { versionId }] of Object.entries(agents)) versions.add(`${agentId} ${versionId}`);
};

const onAdmitted = (known: Known, runId: RunId, { agents }: Fact<'run_admitted'>, report: Report): void => {
  const source = known.sources.get(runId);
  note(known, runId, agents);
  if (source?.kind === 'call') {
    // I8: one answer for the whole tree.
    const ofRoot = known.versions.get(source.rootRunId);
    for (const [agentId, { versionId }] of Object.entries(agents))
      if (ofRoot?.has(`${agentId} ${versionId}`) !== true)
        report(`I8: run ${runId}: ${agentId} is not the version of its root`);
    return;
  }
  for (const [agentId, decision] of Object.entries(agents)) {
    if (decision.source === 'segments') checkSegments(known, runId, agentId, decision, report);
    if (decision.source === 'retry') checkRetry(known, runId, agentId, decision, report);
  }
};

/** I8: only the run policy of a rollback changes a decision, only of its own agent, and once. */
const onMigrated = (known: Known, runId: RunId, fact: Fact<'run_migrated'>, report: Report): void => {
  const { rolloutId, agentId, agents } = fact;
  const record = known.rollouts.get(rolloutId);
  const before = known.agents.get(runId) ?? {};
  if (record?.status !== 'rolled_back' || record.runPolicy !== 'migrate')
    report(
      `I8: run ${runId} is migrated although ${rolloutId} is ${record?.status} and its policy ${record?.runPolicy}`,
    );
  if (agents[agentId]?.versionId !== record?.stableVersionId)
    report(`I8: run ${runId} is not migrated to the stable version`);
  for (const other of new Set([...Object.keys(before), ...Object.keys(agents)]))
    if (other !== agentId && !same(before[other], agents[other]))
      report(`I8: run ${runId}: the version of ${other} changes with the migration of ${agentId}`);
  const key = `${runId} ${rolloutId}`;
  if (known.migrated.has(key)) report(`I8: run ${runId} is migrated twice by ${rolloutId}`);
  known.migrated.add(key);
  note(known, runId, agents);
};

const modeOf = (history: RolloutHistory, rolloutId: RolloutId | undefined): string | undefined =>
  history.rollouts.find(({ record }) => record.id === rolloutId)?.record.memory.mode;

/** What a run was sent to first, unless it was only repeated. */
const chosenBy = (history: RolloutHistory): ReadonlyMap<RunId, Agents> => {
  const chosen = new Map<RunId, Agents>();
  for (const { runId, facts } of history.runs)
    for (const fact of facts) if (fact.type === 'run_admitted') chosen.set(runId, fact.agents);
  return chosen;
};

/** I9: while a rollout lives, no arm reads what another one wrote, and of a frozen memory nobody reads what was written since. */
const checkMemory = (history: RolloutHistory, report: Report): void => {
  const chosen = chosenBy(history);
  const of = ({ runId, agentId }: Pick<PlayedStep, 'runId' | 'agentId'>): AgentDecision | undefined => {
    const decision = chosen.get(runId)?.[agentId];
    return decision?.source === 'segments' || decision?.source === 'forced' ? decision : undefined;
  };
  for (const played of history.played) {
    const sent = of(played);
    // A run that was migrated is in no arm any more: the rollout is over, and it reads what is there now.
    const reader = sent?.versionId === played.versionId ? sent : undefined;
    const mode = modeOf(history, reader?.rolloutId);
    if (reader === undefined || (mode !== 'forked' && mode !== 'frozen')) continue;
    for (const runId of played.notesOf) {
      const writer = of({ runId, agentId: played.agentId });
      if (writer?.rolloutId !== reader.rolloutId || (mode === 'forked' && writer?.arm === reader.arm)) continue;
      report(
        `I9: run ${played.runId} in arm ${reader.arm} reads what run ${runId} in arm ${writer?.arm} wrote (${mode})`,
      );
    }
  }
};

/** I7, I8, I9, O2, O4: who was sent where, by what, and that it stayed so. */
export const checkRouting = (history: RolloutHistory, report: Report): void => {
  const known: Known = {
    rollouts: new Map(),
    frozen: new Set(),
    sources: new Map(),
    agents: new Map(),
    versions: new Map(),
    migrated: new Set(),
    arms: new Map(),
  };
  for (const commit of history.commits) {
    if (commit.kind === 'written') known.rollouts.set(commit.record.id, commit.record);
    if (commit.kind === 'frozen' && commit.isFrozen) known.frozen.add(commit.agentId);
    if (commit.kind === 'frozen' && !commit.isFrozen) known.frozen.delete(commit.agentId);
    if (commit.kind !== 'appended') continue;
    for (const fact of commit.facts) {
      if (fact.type === 'run_submitted') known.sources.set(commit.runId, fact.source);
      if (fact.type === 'run_admitted') onAdmitted(known, commit.runId, fact, report);
      if (fact.type === 'run_migrated') onMigrated(known, commit.runId, fact, report);
    }
  }
  for (const { runId, step, agentId, versionId } of history.played)
    if (known.versions.get(runId)?.has(`${agentId} ${versionId}`) !== true)
      report(`I8: run ${runId} ${step} is played by a version of ${agentId} that was never chosen for it`);
  checkMemory(history, report);
};
