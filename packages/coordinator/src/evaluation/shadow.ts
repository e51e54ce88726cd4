// Shadows: live steps of the stable version that also run on the candidate, with their tools answered from the record.
// W1 The run that is shadowed never waits, and nothing of it changes: what happens here happens after its step is durable, in runs of its own.
// W2 At most `maxOpen` of a rollout are open at once; what comes beyond is skipped and counted.
// W3 Nothing here is evidence: values are kept as scores named `shadow:…` and in a summary of their own.
import type {
  RolloutId,
  RolloutRecord,
  RunId,
  RunSource,
  RunState,
  StepPath,
  TenantId,
  VersionId,
} from '@skein/domain';
import { cloneRunState, findTarget, isSampled, parseStepPath } from '@skein/domain';
import type { LRUCache } from 'lru-cache';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { recentValues } from '../engine/recent-values.ts';
import { readLogFacts } from '../query/read-log-facts.ts';
import { loadRun } from '../run/load-run.ts';
import { rootOf } from '../run/tree-sizes.ts';
import { sha256Of } from '../scoring/scorers-of.ts';
import { builtinPairValues } from './compare-pairs.ts';
import { outcomeOf } from './measure-pair.ts';
import { readAttempt, valuesOfAttempt } from './read-attempt.ts';
import { readCase } from './recorded-case.ts';
import { expressionValues, sideOf } from './score-pair.ts';
import type { ShadowAddition } from './shadow-summary.ts';
import { addToShadows } from './shadow-summary.ts';
import { startEvaluation } from './start-evaluation.ts';

/** Shadows of one rollout that are open at once. */
const maxOpenShadows = 4;
/** A rollout's record is taken from memory for so long (ms): a share is no matter of seconds. */
const recordMs = 1_000;
/** A shadow that takes longer ends (ms). */
const shadowTimeoutMs = 600_000;
/** Runs with longer logs are not read for a shadow. */
const maxFacts = 20_000;

type Evaluation = Extract<RunSource, { readonly kind: 'evaluation' }>;

interface Shadowing {
  /** Of each rollout the shadows under way, by their key, and when they began (monotonic ms). */
  readonly open: Map<RolloutId, Map<string, number>>;
  readonly skipped: Map<RolloutId, number>;
  readonly records: LRUCache<string, { readonly record: RolloutRecord | undefined; readonly at: number }>;
}

const shadowings = new WeakMap<Engine, Shadowing>();

const shadowingOf = (engine: Engine): Shadowing => {
  let shadowing = shadowings.get(engine);
  if (shadowing === undefined) {
    shadowing = { open: new Map(), skipped: new Map(), records: recentValues(500) };
    shadowings.set(engine, shadowing);
  }
  return shadowing;
};

const recordOf = async (engine: Engine, tenant: TenantId, id: RolloutId): Promise<RolloutRecord | undefined> => {
  const { records } = shadowingOf(engine);
  const now = engine.deps.clock.monotonicMs();
  const known = records.get(`${tenant} ${id}`);
  if (known !== undefined && now - known.at < recordMs) return known.record;
  const record = await engine.deps.rollouts.find(tenant, id);
  records.set(`${tenant} ${id}`, { record, at: now });
  return record;
};

/** A live step that may be shadowed. */
interface Shadowed {
  readonly tenant: TenantId;
  readonly runId: RunId;
  readonly rootRunId: RunId;
  readonly path: StepPath;
  readonly agentId: string;
  readonly rolloutId: RolloutId;
  readonly unit: string;
}

const keyOf = ({ rolloutId, runId, path }: Pick<Shadowed, 'rolloutId' | 'runId' | 'path'>): string =>
  `shadow/${rolloutId}/${runId}/${path}`;

/** W2. Undefined when there is no room. */
const takePlace = (engine: Engine, shadowed: Shadowed): (() => void) | undefined => {
  const { open } = shadowingOf(engine);
  const { rolloutId } = shadowed;
  const now = engine.deps.clock.monotonicMs();
  const places = open.get(rolloutId) ?? new Map<string, number>();
  open.set(rolloutId, places);
  // Those whose end was never heard of are over by now.
  for (const [key, since] of places) if (now - since > 2 * shadowTimeoutMs) places.delete(key);
  if (places.size >= maxOpenShadows) return undefined;
  places.set(keyOf(shadowed), now);
  return () => freePlace(engine, shadowed);
};

const freePlace = (engine: Engine, place: Pick<Shadowed, 'rolloutId' | 'runId' | 'path'>): void => {
  const { open } = shadowingOf(engine);
  const places = open.get(place.rolloutId);
  places?.delete(keyOf(place));
  if (places?.size === 0) open.delete(place.rolloutId);
};

/** The candidate that shadows this unit; undefined when it is not sampled, or the rollout exposes nobody now. */
const candidateOf = (engine: Engine, record: RolloutRecord | undefined, unit: string): VersionId | undefined => {
  if (record?.status !== 'active' || record.shadow <= 0) return undefined;
  if (!isSampled(sha256Of(engine), record.salt, unit, record.shadow, 'shadow')) return undefined;
  const candidates = record.arms.slice(1);
  return candidates[Number.parseInt(unit.slice(0, 8), 16) % candidates.length]?.versionId;
};

const begin = async (engine: Engine, shadowed: Shadowed, versionId: VersionId): Promise<void> => {
  const { tenant, runId, rootRunId, path, agentId, rolloutId } = shadowed;
  const state = await engine.runs.read(engine, tenant, runId, cloneRunState);
  const step = state.graph.byId.get(parseStepPath(path)?.stepId ?? path);
  if (step?.action.kind !== 'agent') return;
  const facts = await readLogFacts(engine, tenant, runId);
  const { prompt, playback } = await readCase(engine, state, facts, path, step, 'strict');
  const { outputSchema, limits, memory } = step.action;
  await startEvaluation(engine, {
    tenant,
    purpose: 'shadow',
    ofRunId: runId,
    rootRunId,
    step: path,
    for: rolloutId,
    agentId,
    versionId,
    prompt,
    ...(outputSchema === undefined ? {} : { outputSchema }),
    limits,
    memory,
    dagName: state.dag.name,
    stepId: step.id,
    workerSelector: step.workerSelector,
    timeoutMs: Math.min(shadowTimeoutMs, step.timeoutMs ?? shadowTimeoutMs),
    playback,
    key: keyOf(shadowed),
  });
};

const note = (engine: Engine, tenant: TenantId, rolloutId: RolloutId, agentId: string, addition: ShadowAddition) => {
  const { skipped } = shadowingOf(engine);
  const left = skipped.get(rolloutId) ?? 0;
  skipped.delete(rolloutId);
  return addToShadows(engine, tenant, rolloutId, agentId, left === 0 ? addition : { ...addition, skipped: left });
};

const shadow = async (engine: Engine, shadowed: Shadowed): Promise<void> => {
  const { tenant, rolloutId, agentId } = shadowed;
  const { deps } = engine;
  let free: (() => void) | undefined;
  try {
    const record = await recordOf(engine, tenant, rolloutId);
    const versionId = candidateOf(engine, record, shadowed.unit);
    if (versionId === undefined) return;
    free = takePlace(engine, shadowed);
    if (free === undefined) {
      const { skipped } = shadowingOf(engine);
      skipped.set(rolloutId, (skipped.get(rolloutId) ?? 0) + 1);
      deps.meter.count(metric.shadows, 1, { outcome: 'skipped' });
      return;
    }
    await begin(engine, shadowed, versionId);
    deps.meter.count(metric.shadows, 1, { outcome: 'started' });
  } catch (error) {
    deps.meter.count(metric.shadows, 1, { outcome: 'failed' });
    deps.log.warn('a step could not be shadowed', { runId: shadowed.runId, step: shadowed.path, error });
    if (free === undefined) return;
    free();
    await note(engine, tenant, rolloutId, agentId, { failed: 1 }).catch(() => {});
  }
};

/**
 * Runs the step on the candidate too, with tools answered from its record, when a live rollout shadows, the unit is sampled, and the step
 * ran on the stable version. Cheap; never throws; the run never waits for it (W1).
 */
export const maybeShadow = (engine: Engine, state: RunState, path: StepPath): void => {
  const { tenant, runId, source, agents, seq } = state;
  if (source.kind === 'evaluation' || seq > maxFacts) return;
  const found = findTarget(state, path);
  const status = found?.target.status;
  if (found === undefined || (status !== 'succeeded' && status !== 'failed')) return;
  const action = state.graph.byId.get(found.step.path)?.action;
  const decision = action?.kind === 'agent' ? agents[action.agent] : undefined;
  if (action?.kind !== 'agent' || decision?.source !== 'segments' || decision.arm !== 0) return;
  const { rolloutId, unit } = decision;
  if (rolloutId === undefined || unit === undefined) return;
  void shadow(engine, { tenant, runId, rootRunId: rootOf(state), path, agentId: action.agent, rolloutId, unit });
};

const keepValues = async (engine: Engine, tenant: TenantId, runId: RunId, source: Evaluation): Promise<void> => {
  const { for: rolloutId, ofRunId, step } = source;
  const { rollouts, clock, meter } = engine.deps;
  const record = await recordOf(engine, tenant, rolloutId);
  if (record === undefined) return;
  const { agentId } = record;
  const { state } = await loadRun(engine, tenant, runId);
  const facts = await readLogFacts(engine, tenant, runId);
  const outcome = outcomeOf(state, facts);
  const live = await readLogFacts(engine, tenant, ofRunId);
  const recorded = valuesOfAttempt(readAttempt(live, step));
  const versionId = state.agents[agentId]?.versionId;
  if (outcome.kind === 'nothing' || recorded === undefined || versionId === undefined) {
    meter.count(metric.shadows, 1, { outcome: 'failed' });
    await note(engine, tenant, rolloutId, agentId, { failed: 1 });
    return;
  }
  const [first] = live;
  const params = first?.type === 'run_submitted' ? { ...first.params } : {};
  const [path = ''] = [...state.steps.keys()];
  const values = {
    ...builtinPairValues(recorded, outcome.values),
    ...expressionValues(
      engine,
      record.scorers,
      await sideOf(engine, tenant, live, { runId: ofRunId, step }, params),
      await sideOf(engine, tenant, facts, { runId, step: path }, params),
    ),
  };
  let isNew = true;
  for (const [name, { replayed }] of Object.entries(values)) {
    const scorer = `shadow:${name}`;
    const score = { runId: ofRunId, agentId, versionId, scorer, step, value: replayed, by: `shadow ${runId}` };
    const isFirst = await rollouts.recordScore(tenant, { ...score, at: clock.now() });
    if (name === 'error') isNew = isFirst;
  }
  // The end of one run is heard twice when a coordinator dies on it.
  if (!isNew) return;
  meter.count(metric.shadows, 1, { outcome: 'done' });
  const { divergedCalls } = outcome;
  await note(engine, tenant, rolloutId, agentId, {
    values,
    ...(divergedCalls === undefined ? {} : { divergedCalls }),
  });
};

/** A shadow is over, and that is durable: its values are kept. Cheap; never throws. */
export const shadowEnded = (engine: Engine, { tenant, runId }: RunState, source: Evaluation): void => {
  freePlace(engine, { rolloutId: source.for, runId: source.ofRunId, path: source.step });
  keepValues(engine, tenant, runId, source).catch((error: unknown) => {
    engine.deps.log.warn('the values of a shadow could not be kept', { runId, error });
  });
};
