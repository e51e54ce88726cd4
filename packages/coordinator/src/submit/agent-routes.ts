import type { AgentDecision, JsonObject, RolloutRecord, RunId, RunSource, TallyKind, TenantId } from '@skein/domain';
import { decideVersion, forkScope, placeUnit, unitOf } from '@skein/domain';
import type { Expression } from '@skein/ports';
import type { LRUCache } from 'lru-cache';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { recentValues } from '../engine/recent-values.ts';

/** The live rollouts of a tenant by their agent, and its frozen agents, as they were at one revision of the project. */
export interface Routes {
  readonly rollouts: ReadonlyMap<string, RolloutRecord>;
  readonly frozen: ReadonlySet<string>;
}

/** No rollout lives, and nothing is frozen. */
export const noRoutes: Routes = { rollouts: new Map(), frozen: new Set() };

/** Throws `unavailable`. */
export const readRoutes = async ({ deps: { rollouts } }: Engine, tenant: TenantId): Promise<Routes> => {
  const [live, freezes] = await Promise.all([rollouts.listLive(tenant), rollouts.listFreezes(tenant)]);
  if (live.length === 0 && freezes.length === 0) return noRoutes;
  return {
    rollouts: new Map(live.map((record) => [record.agentId, record])),
    frozen: new Set(freezes.map(({ agentId }) => agentId)),
  };
};

/** What is known of one required agent before a run is. */
export interface AgentChoices {
  readonly agentId: string;
  readonly explicit?: string;
  readonly active?: string;
}

/** What of a run its routing looks at. */
export interface RoutedRun {
  readonly runId: RunId;
  readonly routingContext: JsonObject;
  readonly source: RunSource;
}

/** Texts of predicates that stay compiled. */
const maxExpressions = 1_000;

const compiled = new WeakMap<Engine, LRUCache<string, { readonly expression?: Expression }>>();

const compile = (engine: Engine, text: string): Expression | undefined => {
  let texts = compiled.get(engine);
  if (texts === undefined) {
    texts = recentValues(maxExpressions);
    compiled.set(engine, texts);
  }
  let known = texts.get(text);
  if (known === undefined) {
    try {
      known = { expression: engine.deps.expressions.compile(text, ['context']) };
    } catch (thrown) {
      engine.deps.log.error('the predicate of a rollout cannot be compiled: no run is eligible', { error: thrown });
      known = {};
    }
    texts.set(text, known);
  }
  return known.expression;
};

/** What the predicate says of a run; what it cannot say is a no, counted. */
const isEligible = (engine: Engine, rollout: RolloutRecord, context: JsonObject): boolean | undefined => {
  if (rollout.eligibility === undefined) return undefined;
  try {
    return compile(engine, rollout.eligibility)?.evaluate({ context }) === true;
  } catch {
    engine.deps.meter.count(metric.rolloutEligibilityErrors, 1, { agent: rollout.agentId });
    return false;
  }
};

/** The unit of a run: a run of a schedule that names none is one of its own. */
const rawUnit = (run: RoutedRun, keys: readonly string[]): string | undefined =>
  unitOf(run.routingContext, keys) ?? (run.source.kind === 'schedule' ? run.runId : undefined);

/** The arm's copy of the agent's memory, where the rollout makes copies. */
const withMemory = (decision: AgentDecision, rollout: RolloutRecord): AgentDecision => {
  const { arm = 0, source } = decision;
  const isOfArm = arm > 0 && (source === 'segments' || source === 'forced');
  if (rollout.memory.mode !== 'forked' || !isOfArm) return decision;
  return { ...decision, memory: forkScope({ agentId: rollout.agentId, rolloutId: rollout.id, arm }) };
};

/** The version of one agent for one run; undefined where it has none. `keys` are those of the run's DAG, if it names any. */
export const routeAgent = (
  engine: Engine,
  choices: AgentChoices,
  { rollouts, frozen }: Routes,
  run: RoutedRun | undefined,
  keys: readonly string[] | undefined,
): { readonly decision: AgentDecision; readonly tally?: TallyKind } | undefined => {
  const { agentId, explicit, active } = choices;
  const known = {
    ...(explicit === undefined ? {} : { explicit }),
    ...(active === undefined ? {} : { active }),
    frozen: frozen.has(agentId),
    now: engine.deps.clock.now(),
  };
  const rollout = rollouts.get(agentId);
  if (rollout === undefined || run === undefined) return decideVersion(known);
  // What is decided without the unit costs no hash.
  if (explicit !== undefined || known.frozen) return decideVersion({ ...known, rollout });
  const unit = rawUnit(run, keys ?? rollout.routingKeys);
  const { hasher } = engine.deps;
  const place = unit === undefined ? undefined : placeUnit((bytes) => hasher.bytes(bytes), rollout.salt, unit);
  const eligible = rollout.status === 'active' ? isEligible(engine, rollout, run.routingContext) : undefined;
  const decided = decideVersion({
    ...known,
    rollout,
    ...(unit === undefined ? {} : { unit }),
    ...(place === undefined ? {} : { place }),
    ...(eligible === undefined ? {} : { eligible }),
  });
  return decided === undefined ? undefined : { ...decided, decision: withMemory(decided.decision, rollout) };
};
