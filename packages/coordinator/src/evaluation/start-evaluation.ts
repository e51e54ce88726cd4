import type { Digest, RunId, StepPath, TenantId } from '@skein/domain';
import { dagDigest } from '@skein/domain';
import type { LRUCache } from 'lru-cache';
import type { Engine } from '../engine/engine.ts';
import { recentValues } from '../engine/recent-values.ts';
import type { IndexedDag } from '../project/dag-cache.ts';
import { createRun } from '../submit/submit-run.ts';
import type { EvaluationShape } from './evaluation-dag.ts';
import { evaluationDag } from './evaluation-dag.ts';
import { evaluationPriority } from './evaluation-priority.ts';

/** One agent step that Skein runs for itself, about a step of a run. */
export interface EvaluationRequest extends Omit<EvaluationShape, 'plays'> {
  readonly tenant: TenantId;
  readonly purpose: 'judge' | 'replay' | 'shadow';
  readonly ofRunId: RunId;
  /** The root of that run's tree. */
  readonly rootRunId: RunId;
  readonly step: StepPath;
  /** The scorer, replay or rollout that it is for. */
  readonly for: string;
  /** Literal: nothing in it is read as a reference. */
  readonly prompt: string;
  /** Default 10 min for the whole run, from its admission. */
  readonly timeoutMs?: number;
  /** A `Playback` in the blob store. */
  readonly playback?: { readonly digest: Digest; readonly bytes: number };
  /** The same key makes one run, however often it is asked for. */
  readonly key: string;
}

const defaultTimeoutMs = 600_000;
const maxKept = 1_000;

const keptOf = new WeakMap<Engine, LRUCache<string, IndexedDag>>();

/** The DAG, stored: found by its digest, current under no name. */
const keepDag = async (engine: Engine, tenant: TenantId, shape: EvaluationShape): Promise<IndexedDag> => {
  let kept = keptOf.get(engine);
  if (kept === undefined) {
    kept = recentValues(maxKept);
    keptOf.set(engine, kept);
  }
  const dag = evaluationDag(shape);
  const digest = dagDigest(dag, engine.deps.hasher);
  const key = `${tenant} ${digest}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  await engine.deps.projects.keepDags(tenant, [{ name: dag.name, digest, dag }]);
  const indexed = await engine.dags.byDigest(tenant, digest);
  kept.set(key, indexed);
  return indexed;
};

/**
 * Creates the run, or finds the one that this key made. Durable when it resolves. It is admitted like others, after them, and counts in no
 * admission window. Throws `not_found`, `already_exists` (the key is that of another run), `unavailable`.
 */
export const startEvaluation = async (engine: Engine, request: EvaluationRequest): Promise<RunId> => {
  const { tenant, purpose, ofRunId, rootRunId, step, playback, prompt, key, timeoutMs = defaultTimeoutMs } = request;
  const dag = await keepDag(engine, tenant, { ...request, plays: playback !== undefined });
  const idempotencyKey = `evaluation/${key}`;
  const { run } = await createRun(engine, {
    tenant,
    dag,
    params: { prompt },
    routingContext: {},
    priority: evaluationPriority,
    source: {
      kind: 'evaluation',
      purpose,
      ofRunId,
      rootRunId,
      step,
      for: request.for,
      ...(playback === undefined ? {} : { playback }),
    },
    timeoutMs,
    idempotency: { key: idempotencyKey, bodyDigest: engine.deps.hasher.digest(idempotencyKey) },
  });
  return run.runId;
};
