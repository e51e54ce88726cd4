import type { JsonObject, RunFact, TenantId } from '@skein/domain';
import { DomainError, isUnit } from '@skein/domain';
import type { RunHead } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { requirementsOf } from '../submit/tree-requirements.ts';
import { eligibilityVariables } from './resolve-start.ts';

const dayMs = 86_400_000;
const windowMs = 7 * dayMs;

/** DAGs, run heads of each and runs in all that a forecast reads at most. */
const maxDags = 200;
const maxHeads = 500;
const maxRuns = 500;

/** The traffic of less time than this is not multiplied up to a day from less. */
const leastMs = 3_600_000;
const leastTruncatedMs = 60_000;

/** What says which unit a run has, without looking at every step. */
export interface TrafficKeys {
  readonly routingKeys: readonly string[];
  readonly eligibility?: string;
}

interface Dags {
  readonly name: string;
  readonly keys: readonly string[] | undefined;
}

/** Current DAGs whose tree uses the agent in whatever version is active. */
const dagsOf = async (engine: Engine, tenant: TenantId, agentId: string): Promise<readonly Dags[]> => {
  const using: Dags[] = [];
  for (const { name, digest, dag } of (await engine.deps.projects.listDags(tenant)).slice(0, maxDags)) {
    const indexed = await engine.dags.byDigest(tenant, digest);
    const { requirements } = await requirementsOf(engine, tenant, indexed);
    const uses = requirements?.agents.some((agent) => agent.agentId === agentId && agent.version === undefined);
    if (uses === true) using.push({ name, keys: dag.routing?.keys });
  }
  return using;
};

const headsOf = async (engine: Engine, tenant: TenantId, dag: string, since: number): Promise<readonly RunHead[]> => {
  const heads: RunHead[] = [];
  let cursor: string | undefined;
  while (heads.length < maxHeads) {
    const page = await engine.deps.runs.listRuns({
      tenant,
      dag,
      limit: 100,
      ...(cursor === undefined ? {} : { cursor }),
    });
    heads.push(...page.items.filter(({ createdAt }) => createdAt >= since));
    cursor = page.nextCursor;
    if (cursor === undefined || (page.items.at(-1)?.createdAt ?? 0) < since) break;
  }
  return heads;
};

const unitOfRun = (
  submitted: Extract<RunFact, { readonly type: 'run_submitted' }>,
  runId: string,
  keys: readonly string[],
): string | undefined => {
  const context: JsonObject = submitted.routingContext;
  for (const key of keys) {
    const value = Object.hasOwn(context, key) ? context[key] : undefined;
    if (typeof value === 'string' && isUnit(value)) return value;
  }
  return submitted.source.kind === 'schedule' ? runId : undefined;
};

/**
 * Distinct routing units per day that use an agent: from the newest runs of the last 7 days, at most 500 of them. Runs whose facts are gone are
 * not counted.
 */
export const unitsPerDayOf = async (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  { routingKeys, eligibility }: TrafficKeys,
): Promise<number> => {
  const { runs, clock, expressions } = engine.deps;
  const now = clock.now();
  const predicate = eligibility === undefined ? undefined : expressions.compile(eligibility, eligibilityVariables);
  const isEligible = (context: JsonObject): boolean => {
    if (predicate === undefined) return true;
    try {
      return predicate.evaluate({ context }) === true;
    } catch (thrown) {
      if (thrown instanceof DomainError) return false;
      throw thrown;
    }
  };
  const found: { readonly head: RunHead; readonly keys: readonly string[] }[] = [];
  for (const { name, keys } of await dagsOf(engine, tenant, agentId)) {
    for (const head of await headsOf(engine, tenant, name, now - windowMs))
      found.push({ head, keys: keys ?? routingKeys });
  }
  found.sort((a, b) => b.head.createdAt - a.head.createdAt);
  const sample = found.slice(0, maxRuns);
  const units = new Set<string>();
  for (const { head, keys } of sample) {
    if (head.prunedSeq !== undefined) continue;
    const [fact] = await runs.readFacts(tenant, head.runId, 0, 1);
    if (fact?.type !== 'run_submitted' || !isEligible(fact.routingContext)) continue;
    const unit = unitOfRun(fact, head.runId, keys);
    if (unit !== undefined) units.add(unit);
  }
  const oldest = sample.at(-1)?.head.createdAt ?? now;
  const spanMs = Math.max(now - oldest, found.length > sample.length ? leastTruncatedMs : leastMs);
  return (units.size * dayMs) / spanMs;
};
