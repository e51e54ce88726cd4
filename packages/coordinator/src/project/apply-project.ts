import type { Dag, Digest, Problem, TenantId } from '@skein/domain';
import { cleanMemoryText, DomainError, maxMemoryBytes, utf8Length } from '@skein/domain';
import type { Publication, ReadProject } from '@skein/ports';
import type { ApplyProject, ApplyResult, ScheduleView } from '../coordinator.ts';
import type { Engine } from '../engine/engine.ts';
import { endsOf, withEnds } from '../rollout/superseded.ts';
import { agentsToActivate } from './agents-to-activate.ts';
import { planApply } from './plan-apply.ts';
import { published } from './published.ts';

/** Agents whose published version is neither the active one nor becomes it. */
const candidatesOf = async (
  engine: Engine,
  tenant: TenantId,
  agents: Publication['agents'],
  activate: readonly string[],
): Promise<readonly string[]> => {
  const active = new Map(
    (await engine.deps.projects.listAgents(tenant)).map((one) => [one.agentId, one.activeVersionId]),
  );
  return agents
    .filter(({ versionId, content: { agentId } }) => !activate.includes(agentId) && active.get(agentId) !== versionId)
    .map(({ content }) => content.agentId);
};

/** Agents that have an active version and get another one. */
const changing = async (engine: Engine, { tenant, agents, activate }: Publication): Promise<readonly string[]> => {
  const active = new Map(
    (await engine.deps.projects.listAgents(tenant)).map((one) => [one.agentId, one.activeVersionId]),
  );
  return agents
    .filter(({ versionId, content: { agentId } }) => activate.includes(agentId) && active.get(agentId) !== versionId)
    .map(({ content }) => content.agentId);
};

/** Seeds as memory keeps texts. Throws `invalid_argument` with those that no memory may be as large as. */
const seedsOf = (memory: Publication['memory']): Publication['memory'] => {
  const seeds = memory.map(({ scope, text }) => ({ scope, text: cleanMemoryText(text) }));
  const problems = seeds
    .filter(({ text }) => utf8Length(text) > maxMemoryBytes)
    .map(({ scope }): Problem => {
      const message = `the memory ${scope} is too large`;
      return { message, field: scope, expected: `at most ${maxMemoryBytes} bytes`, code: 'too_large' };
    });
  if (problems.length === 0) return seeds;
  throw new DomainError('invalid_argument', problems[0]?.message ?? '', { problems });
};

/** Throws `invalid_argument` for agents that judge and are neither in the project nor published before. */
const checkJudges = async (engine: Engine, tenant: TenantId, { judges = [] }: ReadProject): Promise<void> => {
  if (judges.length === 0) return;
  const stored = new Set((await engine.deps.projects.listAgents(tenant)).map(({ agentId }) => agentId));
  const problems = judges.filter(({ agentId }) => !stored.has(agentId)).map(({ problem }) => problem);
  if (problems.length > 0) throw new DomainError('invalid_argument', problems[0]?.message ?? '', { problems });
};

/** Publishes a project in one transaction, or says what that would do. See `Coordinator.applyProject`. */
export const applyProject = async (engine: Engine, tenant: TenantId, apply: ApplyProject): Promise<ApplyResult> => {
  if (apply.activate === true && apply.candidate === true) {
    throw new DomainError('invalid_argument', 'a version is made active or a candidate, not both', {
      problems: [{ message: 'not together with activate', field: 'candidate' }],
    });
  }
  const read = engine.deps.projectReader.read(apply.files, apply.autoModel);
  if (!read.ok) {
    const count = read.error.length;
    const first = read.error[0]?.message ?? 'unknown';
    const message = count === 1 ? first : `${count} problems in the project; first: ${first}`;
    throw new DomainError('invalid_argument', message, { problems: read.error });
  }
  const { dags, subDags, parts, agents, warnings, settings = [] } = read.value;
  await checkJudges(engine, tenant, read.value);
  const memory = seedsOf(read.value.memory);
  const activate = await agentsToActivate(engine.deps.projects, tenant, agents, apply.activate);
  const publication: Publication = {
    tenant,
    dags,
    parts,
    agents,
    activate,
    candidates: apply.candidate === true ? await candidatesOf(engine, tenant, agents, activate) : [],
    subDags,
    memory,
    ...(settings.length === 0 ? {} : { settings }),
    at: engine.deps.clock.now(),
  };
  const { plan, result: expected } = await planApply(engine, publication);
  if (apply.dryRun) return { ...expected, dryRun: true, warnings, plan };
  const { ended, result } = await withEnds(async () => {
    const endsRollouts = await endsOf(engine, tenant, await changing(engine, publication), apply.by ?? 'operator');
    const done = await engine.deps.projects.publish(
      endsRollouts.length === 0 ? publication : { ...publication, endsRollouts },
    );
    return { ended: endsRollouts, result: done };
  });
  published(engine, tenant);
  for (const { record } of ended) engine.evaluator.wake(tenant, record.id);
  return { ...result, dryRun: false, warnings, plan };
};

/** Every current DAG of a tenant. */
export const listDags = async (
  engine: Engine,
  tenant: TenantId,
): Promise<
  readonly { readonly name: string; readonly digest: Digest; readonly description?: string; readonly steps: number }[]
> =>
  (await engine.deps.projects.listDags(tenant)).map(({ name, digest, dag }) => ({
    name,
    digest,
    ...(dag.description === undefined ? {} : { description: dag.description }),
    steps: dag.steps.length,
  }));

/** Throws `not_found`. */
export const getDag = async (
  engine: Engine,
  tenant: TenantId,
  name: string,
): Promise<{ readonly name: string; readonly digest: Digest; readonly dag: Dag; readonly source?: string }> => {
  const stored = await engine.deps.projects.findDag(tenant, name);
  if (stored === undefined) throw new DomainError('not_found', `there is no DAG ${name}`, { dag: name });
  return stored;
};

/** The schedules of every current DAG, or of one. Throws `not_found` for a DAG that is not there. */
export const listSchedules = async (
  engine: Engine,
  tenant: TenantId,
  name?: string,
): Promise<readonly ScheduleView[]> => {
  const dags = name === undefined ? await engine.deps.projects.listDags(tenant) : [await getDag(engine, tenant, name)];
  return dags.flatMap((stored) =>
    stored.dag.schedule.map(({ id, cron, timeZone }) => ({
      dag: stored.name,
      dagDigest: stored.digest,
      scheduleId: id,
      cron,
      timeZone,
    })),
  );
};
