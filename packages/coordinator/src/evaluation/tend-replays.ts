// Drives replays.
// R1 All that a replay knows is in its document; each step is one compare-and-set of it, and whoever loses reads again. Runs are named
//    by the replay and the place of the pair, so that a step which is done again starts none twice.
// R2 Steps are picked once; then at most `width` pairs are at work at a time.
// R3 The verdict of a replay that a draft waits for says whether another rollout was live then, in the same write.
// R4 A store that is away stops only this look; the next one goes on.
import type { TenantId } from '@skein/domain';
import { isDomainError, parseStepPath } from '@skein/domain';
import { fetchValue } from '../dispatch/stored-values.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { liveOf } from '../rollout/find-rollout.ts';
import { judgeReplay } from './judge-replay.ts';
import { lookAtPair } from './measure-pair.ts';
import { pickSteps } from './pick-steps.ts';
import type { ReplayDocument, ReplayPair } from './replay-document.ts';
import { loadReplay, storeReplay } from './replay-document.ts';
import { startEvaluation } from './start-evaluation.ts';

/** Pairs at work at once. */
const width = 8;
/** A replay that is not over by then ends with what it has (ms). */
const maxAgeMs = 86_400_000;
const maxOpen = 100;

const startPair = async (
  engine: Engine,
  tenant: TenantId,
  document: ReplayDocument,
  place: number,
  pair: ReplayPair,
): Promise<ReplayPair> => {
  const { prompt, playback, step: path, dagDigest } = pair;
  try {
    if (prompt === undefined || playback === undefined) return { ...pair, state: 'failed', reason: 'it has no record' };
    const { dag, graph } = await engine.dags.byDigest(tenant, dagDigest);
    const step = graph.byId.get(parseStepPath(path)?.stepId ?? path);
    if (step?.action.kind !== 'agent') return { ...pair, state: 'failed', reason: 'its step is gone' };
    const text = await fetchValue(engine, tenant, prompt.digest);
    if (typeof text !== 'string') return { ...pair, state: 'failed', reason: 'its prompt is none' };
    const { outputSchema, limits, memory } = step.action;
    const replayRunId = await startEvaluation(engine, {
      tenant,
      purpose: 'replay',
      ofRunId: pair.runId,
      rootRunId: pair.rootRunId,
      step: path,
      for: document.id,
      agentId: document.agentId,
      versionId: document.candidateVersionId,
      prompt: text,
      ...(outputSchema === undefined ? {} : { outputSchema }),
      limits,
      memory,
      dagName: dag.name,
      stepId: step.id,
      workerSelector: step.workerSelector,
      ...(step.timeoutMs === undefined ? {} : { stepTimeoutMs: step.timeoutMs }),
      playback,
      key: `${document.id}/${place}`,
    });
    return { ...pair, state: 'running', replayRunId };
  } catch (thrown) {
    if (isPassing(thrown) || !isDomainError(thrown)) throw thrown;
    return { ...pair, state: 'failed', reason: `${thrown.code}: ${thrown.message}` };
  }
};

const movePairs = async (
  engine: Engine,
  tenant: TenantId,
  document: ReplayDocument,
): Promise<readonly ReplayPair[]> => {
  const pairs: ReplayPair[] = [...(document.pairs ?? [])];
  for (const [place, pair] of pairs.entries()) {
    if (pair.state === 'running') pairs[place] = await lookAtPair(engine, tenant, document, place, pair);
  }
  let atWork = pairs.filter(({ state }) => state === 'running').length;
  for (const [place, pair] of pairs.entries()) {
    if (atWork >= width) break;
    if (pair.state !== 'waiting') continue;
    const started = await startPair(engine, tenant, document, place, pair);
    pairs[place] = started;
    if (started.state === 'running') atWork += 1;
  }
  return pairs;
};

const isChanged = (before: readonly ReplayPair[] | undefined, after: readonly ReplayPair[]): boolean =>
  before === undefined || after.some((pair, place) => pair !== before[place]);

/** The document after one step of work; the same one when there was nothing to do. Throws `unavailable`. */
const advance = async (engine: Engine, tenant: TenantId, document: ReplayDocument): Promise<ReplayDocument> => {
  const now = engine.deps.clock.now();
  const end = (status: ReplayDocument['status'], changes: Partial<ReplayDocument> = {}): ReplayDocument => ({
    ...document,
    ...changes,
    status,
    finishedAt: now,
  });
  if (document.pairs === undefined) return { ...document, pairs: await pickSteps(engine, tenant, document) };
  const { rolloutId } = document;
  const record = rolloutId === undefined ? undefined : await engine.deps.rollouts.find(tenant, rolloutId);
  if (record !== undefined && record.status !== 'draft')
    return end('inconclusive', { note: `the rollout that waited for it is ${record.status}` });
  const pairs = await movePairs(engine, tenant, document);
  const { status } = judgeReplay(document, pairs, record);
  if (status !== 'running') {
    // With the verdict, as what comes later must not change it: an end of the other one begins nothing.
    const beside =
      status === 'passed' && record !== undefined ? await liveOf(engine, tenant, record.agentId) : undefined;
    return end(status, { pairs, ...(beside === undefined ? {} : { besideRolloutId: beside.id }) });
  }
  if (now - document.createdAt >= maxAgeMs) return end('inconclusive', { pairs, note: 'it took longer than a day' });
  return isChanged(document.pairs, pairs) ? { ...document, pairs } : document;
};

/** One replay as far as it goes now. Throws `unavailable`. */
const tend = async (engine: Engine, tenant: TenantId, id: string): Promise<void> => {
  for (;;) {
    const stored = await loadReplay(engine, tenant, id);
    if (stored === undefined || stored.document.status !== 'running' || engine.phase !== 'running') return;
    const next = await advance(engine, tenant, stored.document);
    if (next === stored.document) return;
    const isWritten = await storeReplay(engine, tenant, stored.version, next);
    if (!isWritten) return;
    if (next.status === 'running') continue;
    engine.deps.log.info('replay is over', { replayId: id, agentId: next.agentId, status: next.status });
    if (next.rolloutId !== undefined) engine.evaluator.wake(tenant, next.rolloutId);
  }
};

/** What this coordinator is at. */
interface Tending {
  work: Promise<void> | undefined;
  again: boolean;
}

const tendings = new WeakMap<Engine, Tending>();

const tendOpen = async (engine: Engine): Promise<void> => {
  const open = await engine.deps.rollouts.listReplays({ open: true, limit: maxOpen });
  for (const { tenant, id } of open) {
    if (!engine.members.hasDuty(`replay/${id}`)) continue;
    try {
      await tend(engine, tenant, id);
    } catch (thrown) {
      engine.deps.log.warn('a replay could not go on now', { replayId: id, error: thrown });
    }
  }
};

const work = async (engine: Engine, tending: Tending): Promise<void> => {
  try {
    do {
      tending.again = false;
      await tendOpen(engine);
    } while (tending.again && engine.phase === 'running');
  } catch (thrown) {
    engine.deps.log.warn('replays could not be listed', { error: thrown });
  } finally {
    tending.work = undefined;
  }
};

/** Advances every open replay, also those that a crash left behind. Called by each tick of the evaluator; never throws. */
export const tendReplays = async (engine: Engine): Promise<void> => {
  if (engine.phase !== 'running') return;
  let tending = tendings.get(engine);
  if (tending === undefined) {
    tending = { work: undefined, again: false };
    tendings.set(engine, tending);
  }
  if (tending.work === undefined) tending.work = work(engine, tending);
  else tending.again = true;
  await tending.work;
};
