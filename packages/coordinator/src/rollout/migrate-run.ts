import type { AgentDecision, RolloutRecord, RunId, RunState } from '@skein/domain';
import { DomainError } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { askRun } from '../run/run-turn.ts';
import { rootOf } from '../run/tree-sizes.ts';
import { noRoutes, readRoutes } from '../submit/agent-routes.ts';
import type { StoredSnapshot } from '../submit/run-snapshots.ts';
import { RunSnapshots, storeSnapshot } from '../submit/run-snapshots.ts';
import { requirementsAsBefore } from '../submit/tree-requirements.ts';

/** Snapshots of one pass over the runs of a rollback: runs of one DAG share them. */
export interface MigrationSnapshots {
  readonly byDag: RunSnapshots;
}

/** For one pass. */
export const newMigrationSnapshots = (): MigrationSnapshots => ({ byDag: new RunSnapshots() });

/** Builds while the project changes; then the pass is made again. */
const maxTries = 3;

/** What the run uses from now on: the stable version, said to be there by the rollout. */
const migratedAgents = (
  { agents }: Pick<RunState, 'agents'>,
  record: RolloutRecord,
): { readonly [agentId: string]: AgentDecision } => {
  const { position, unit } = agents[record.agentId] ?? {};
  const decision: AgentDecision = {
    versionId: record.stableVersionId,
    source: 'stable',
    rolloutId: record.id,
    revision: record.revision,
    epoch: record.epoch,
    arm: 0,
    because: 'migrated',
    ...(position === undefined ? {} : { position }),
    ...(unit === undefined ? {} : { unit }),
  };
  return { ...agents, [record.agentId]: decision };
};

/** The snapshot of the whole tree with these versions, from a project that stayed the same while it was built. */
const sealed = async (
  engine: Engine,
  record: RolloutRecord,
  run: Pick<RunState, 'runId' | 'dagDigest' | 'calls' | 'agents'> & { readonly rootRunId: RunId },
  agents: { readonly [agentId: string]: AgentDecision },
  snapshots: MigrationSnapshots,
): Promise<StoredSnapshot> => {
  const { tenant } = record;
  const { runs, projects } = engine.deps;
  const root = run.rootRunId === run.runId ? run.dagDigest : (await runs.readHead(tenant, run.rootRunId))?.dagDigest;
  if (root === undefined) throw new DomainError('unavailable', 'the root of the run cannot be read now');
  const dag = await engine.dags.byDigest(tenant, root);
  for (let tries = 1; ; tries += 1) {
    const revision = await projects.revision(tenant);
    const { requirements, problems } = await requirementsAsBefore(engine, tenant, dag, run.calls ?? {});
    if (requirements === undefined || problems.length > 0)
      throw new DomainError('internal', 'the tree of the run cannot be read as it was', { problems: [...problems] });
    const routes = await readRoutes(engine, tenant);
    const isOwn = routes.rollouts.size === 0;
    const stored = await snapshots.byDag.get(`${root} ${revision}`, agents, () =>
      storeSnapshot(engine, tenant, requirements, agents, isOwn ? noRoutes : routes),
    );
    if ((await projects.revision(tenant)) === revision) return stored;
    if (tries >= maxTries) throw new DomainError('unavailable', 'the project changes all the time');
  }
};

/**
 * Has one open run use the stable version for all that has not begun: its snapshot is sealed before. A run that was migrated before stays as it is.
 * Durable when it resolves. Throws `unavailable`, and what building throws.
 */
export const migrateRun = async (
  engine: Engine,
  record: RolloutRecord,
  runId: RunId,
  snapshots: MigrationSnapshots,
): Promise<void> => {
  const { tenant } = record;
  const run = await engine.runs.read(engine, tenant, runId, (state) => ({
    runId,
    rootRunId: rootOf(state),
    dagDigest: state.dagDigest,
    agents: state.agents,
    ...(state.calls === undefined ? {} : { calls: state.calls }),
  }));
  const agents = migratedAgents(run, record);
  const { digest, memory } = await sealed(engine, record, run, agents, snapshots);
  const actor = await engine.runs.open(engine, tenant, runId);
  const settlement = await askRun(engine, actor, {
    type: 'migrate',
    rolloutId: record.id,
    agentId: record.agentId,
    agents,
    snapshotDigest: digest,
    ...(Object.keys(memory).length === 0 ? {} : { memory }),
  });
  if (settlement.status === 'failed' || settlement.status === 'refused') throw settlement.error;
  engine.deps.log.info('run was migrated to the stable version', {
    runId,
    rolloutId: record.id,
    agentId: record.agentId,
  });
};
