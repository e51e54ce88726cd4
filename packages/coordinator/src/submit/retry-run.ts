import type { KeptStep, RunId, RunState, RunView, StepState, TenantId } from '@skein/domain';
import { DomainError, isHandlerId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { admittedWith } from './admitted-with.ts';
import { createRun } from './submit-run.ts';

const keptStep = (step: StepState): KeptStep | undefined => {
  if (step.status !== 'succeeded' || step.result === undefined) return undefined;
  const kept = { step: step.path, result: step.result, attempt: step.attempt };
  return step.workerId === undefined ? kept : { ...kept, workerId: step.workerId };
};

/** What succeeded of the graph, in DAG order; of a fan-out its list and the items that succeeded. Handlers run anew. */
export const keptSteps = (state: RunState): readonly KeptStep[] => {
  const kept: KeptStep[] = [];
  for (const step of state.steps.values()) {
    if (isHandlerId(step.path)) continue;
    const { fanout } = step;
    if (fanout === undefined) {
      const own = keptStep(step);
      if (own !== undefined) kept.push(own);
      continue;
    }
    const result = { outcome: { status: 'succeeded' }, outputs: {}, durationMs: 0 } as const;
    kept.push({ step: step.path, result, attempt: 0, expanded: { count: fanout.states.length, items: fanout.items } });
    for (const item of fanout.states) {
      const own = keptStep(item);
      if (own !== undefined) kept.push(own);
    }
  }
  return kept;
};

/** A new run that keeps what succeeded (R1, R4); never of a called run, whose result its caller has. See `Coordinator.retryRun`. */
export const retryRun = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  options: {
    readonly latest?: boolean;
    readonly sameVersions?: boolean;
    readonly by: string;
    readonly idempotencyKey?: string;
    readonly traceparent?: string;
  },
): Promise<RunView> => {
  const state = await engine.runs.read(engine, tenant, runId, (current) => {
    if (current.source.kind === 'call') {
      const { rootRunId } = current.source;
      const message = `a called run belongs to its caller and is not retried by itself: retry the root run ${rootRunId}`;
      throw new DomainError('illegal_transition', message, { runId, rootRunId });
    }
    if (current.source.kind === 'evaluation') {
      const { ofRunId } = current.source;
      const message = `an evaluation run is about the run ${ofRunId} and is not retried by itself`;
      throw new DomainError('illegal_transition', message, { runId, ofRunId });
    }
    if (current.status === 'failed' || current.status === 'cancelled') return current;
    throw new DomainError('illegal_transition', 'only a failed or cancelled run can be retried', {
      runId,
      status: current.status,
    });
  });
  const dag = await engine.dags.byDigest(tenant, state.dagDigest);
  const { idempotencyKey, traceparent } = options;
  const latest = options.latest === true;
  const sameVersions = options.sameVersions === true;
  const { timeoutMs, untrustedInput } = state;
  const earlier = latest ? undefined : admittedWith(state);
  engine.deps.log.info('run is retried', { runId, by: options.by, latest });
  const created = await createRun(engine, {
    tenant,
    dag,
    params: state.params,
    routingContext: state.routingContext,
    priority: state.priority,
    source: {
      kind: 'retry',
      retryOf: runId,
      ...(latest ? { latest } : {}),
      ...(sameVersions && !latest ? { sameVersions } : {}),
    },
    kept: keptSteps(state),
    ...(idempotencyKey === undefined
      ? {}
      : { idempotency: { key: idempotencyKey, bodyDigest: engine.deps.hasher.digest(`retry ${runId}`) } }),
    ...(earlier === undefined ? {} : { earlier }),
    ...(timeoutMs === undefined || timeoutMs === state.dag.timeoutMs ? {} : { timeoutMs }),
    ...(untrustedInput === undefined ? {} : { untrustedInput }),
    ...(traceparent === undefined ? {} : { traceparent }),
  });
  return created.run;
};
