import type { Digest, RunFact, RunId, RunState, Step, StepPath, StepState, TenantId } from '@skein/domain';
import { isDomainError, isTerminalRun } from '@skein/domain';
import { storeValue } from '../dispatch/stored-values.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { pauseOf } from '../engine/pause-of.ts';
import { readLogFacts } from '../query/read-log-facts.ts';
import { callsDags } from '../run/call-steps.ts';
import { loadRun } from '../run/load-run.ts';
import { readCase } from './recorded-case.ts';
import type { ReplayDocument, ReplayPair } from './replay-document.ts';

/** Root runs that are looked at, the newest first. */
const maxRoots = 2_000;
/** Runs of one tree that are looked at. */
const maxTree = 100;
const pageSize = 100;

/** A step of the agent, in a run of a tree that is over. */
interface Found {
  readonly state: RunState;
  readonly path: StepPath;
  readonly step: Step;
  readonly target: StepState;
}

const targetsOf = (state: RunState, agentId: string): readonly Found[] =>
  [...state.steps.values()].flatMap((outer) => {
    const step = state.graph.byId.get(outer.path);
    if (step?.action.kind !== 'agent' || step.action.agent !== agentId) return [];
    const targets = outer.fanout === undefined ? [outer] : outer.fanout.states;
    return targets
      .filter(({ status, attempt }) => attempt > 0 && (status === 'succeeded' || status === 'failed'))
      .map((target) => ({ state, path: target.path, step, target }));
  });

const childrenOf = (state: RunState): readonly RunId[] =>
  [...state.steps.values()].flatMap((step) =>
    (step.fanout?.states ?? [step]).flatMap(({ childRunId }) => (childRunId === undefined ? [] : [childRunId])),
  );

/** The runs of a tree, the root first; those that cannot be read are left out. Throws `unavailable`. */
const treeOf = async (engine: Engine, tenant: TenantId, root: RunId): Promise<readonly RunState[]> => {
  const states: RunState[] = [];
  const open = [root];
  for (let runId = open.shift(); runId !== undefined && states.length < maxTree; runId = open.shift()) {
    try {
      const { state } = await loadRun(engine, tenant, runId);
      states.push(state);
      open.push(...childrenOf(state));
    } catch (thrown) {
      if (isPassing(thrown)) throw thrown;
    }
  }
  return states;
};

/** Whether runs of the DAG may have used the agent, by themselves or in what they called. Throws `unavailable`. */
const mayUse = async (engine: Engine, tenant: TenantId, digest: Digest, agentId: string): Promise<boolean> => {
  try {
    const { dag, graph } = await engine.dags.byDigest(tenant, digest);
    return callsDags(dag) || [...graph.byId.values()].some(({ action }) => isOf(action, agentId));
  } catch (thrown) {
    if (isPassing(thrown)) throw thrown;
    return false;
  }
};

const isOf = (action: Step['action'], agentId: string): boolean => action.kind === 'agent' && action.agent === agentId;

/** Whether a step is one of those that the replay asks for. */
const isWanted = async (
  engine: Engine,
  { agentId, runs }: ReplayDocument,
  root: RunState,
  { state, path, target }: Found,
): Promise<boolean> => {
  switch (runs.kind) {
    case 'sample':
      return true;
    case 'failed':
      return root.status === 'failed' || root.partial || target.status === 'failed' || target.failures > 0;
    case 'low_score': {
      const scores = await engine.deps.rollouts.listScores(state.tenant, state.runId);
      return scores.some(
        (score) =>
          score.agentId === agentId &&
          (score.step === path || score.step === '') &&
          !score.scorer.startsWith('shadow:') &&
          score.value < runs.below,
      );
    }
  }
};

const brokenPair = (base: Omit<ReplayPair, 'state'>, thrown: unknown): ReplayPair => {
  if (isPassing(thrown) || !isDomainError(thrown)) throw thrown;
  return { ...base, state: 'failed', reason: `${thrown.code}: ${thrown.message}` };
};

const factsOf = async (engine: Engine, { tenant, runId }: RunState): Promise<readonly RunFact[]> =>
  readLogFacts(engine, tenant, runId);

/** The pair of a step; undefined when one with the same prompt is there already. */
const pairOf = async (
  engine: Engine,
  document: ReplayDocument,
  rootRunId: RunId,
  { state, path, step }: Found,
  prompts: Set<string>,
): Promise<ReplayPair | undefined> => {
  const base = { runId: state.runId, rootRunId, dagDigest: state.dagDigest, step: path };
  try {
    const facts = await factsOf(engine, state);
    const { prompt, playback, recorded } = await readCase(engine, state, facts, path, step, document.mode);
    const { digest, bytes } = await storeValue(engine, state.tenant, prompt);
    if (prompts.has(digest)) return undefined;
    prompts.add(digest);
    return { ...base, prompt: { digest, bytes }, playback, recorded, state: 'waiting' };
  } catch (thrown) {
    return brokenPair(base, thrown);
  }
};

/**
 * The recorded steps that a replay is about: those of ended runs, newest first, each prompt once, none of the candidate's own. A step
 * whose record cannot be used is a failed pair with its reason. Throws `unavailable`.
 */
export const pickSteps = async (
  engine: Engine,
  tenant: TenantId,
  document: ReplayDocument,
): Promise<readonly ReplayPair[]> => {
  const { agentId, candidateVersionId, limit } = document;
  const pause = pauseOf(engine.deps.clock);
  const prompts = new Set<string>();
  const pairs: ReplayPair[] = [];
  let looked = 0;
  let cursor: string | undefined;
  do {
    const page = await engine.deps.runs.listRuns({
      tenant,
      limit: pageSize,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const head of page.items) {
      looked += 1;
      if (!isTerminalRun(head.status) || !(await mayUse(engine, tenant, head.dagDigest, agentId))) continue;
      await pause();
      const tree = await treeOf(engine, tenant, head.runId);
      const [root] = tree;
      if (root === undefined || root.agents[agentId] === undefined) continue;
      for (const state of tree) {
        if (state.agents[agentId]?.versionId === candidateVersionId) continue;
        for (const found of targetsOf(state, agentId)) {
          if (!(await isWanted(engine, document, root, found))) continue;
          const pair = await pairOf(engine, document, root.runId, found, prompts);
          if (pair !== undefined) pairs.push(pair);
          if (pairs.length >= limit) return pairs;
        }
      }
    }
    cursor = page.nextCursor;
  } while (cursor !== undefined && looked < maxRoots);
  return pairs;
};
