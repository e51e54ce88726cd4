import type { Dag } from '../dag/dag.ts';
import type { DagIndex } from '../dag/dag-index.ts';
import { handlersOf, indexDag } from '../dag/dag-index.ts';
import type { RunId, StepId, StepPath, TenantId } from '../identity/ids.ts';
import type { RunState, StepState } from './run-state.ts';

/** A step, or an item, of which nothing is known yet. */
export const createStepState = (path: StepPath, openDependencies: number): StepState => ({
  path,
  status: 'pending',
  attempt: 0,
  failures: 0,
  losses: 0,
  unstartedLosses: 0,
  attemptStarted: false,
  openDependencies,
});

/** The state of a run before its first fact. `graph` may be shared by all runs of one DAG. */
export const createRunState = (tenant: TenantId, runId: RunId, dag: Dag, graph: DagIndex = indexDag(dag)): RunState => {
  const steps = new Map<StepId, StepState>();
  for (const step of dag.steps) steps.set(step.id, createStepState(step.id, step.depends.length));
  for (const handler of handlersOf(dag)) steps.set(handler.id, createStepState(handler.id, 0));
  return {
    tenant,
    runId,
    dag,
    graph,
    seq: 0,
    status: 'queued',
    dagDigest: '',
    params: {},
    routingContext: {},
    priority: 0,
    source: { kind: 'api' },
    agents: {},
    createdAt: 0,
    partial: false,
    steps,
    openSteps: dag.steps.length,
    waits: new Map(),
    unread: new Set(),
    leases: 0,
    frontier: new Set(),
  };
};

/** The step or the fan-out item that a path names; undefined when the run has none such. */
export const findTarget = (
  state: RunState,
  path: StepPath,
): { readonly step: StepState; readonly target: StepState; readonly index?: number } | undefined => {
  if (!path.endsWith(']')) {
    const step = state.steps.get(path);
    return step === undefined ? undefined : { step, target: step };
  }
  const bracket = path.lastIndexOf('[');
  const step = state.steps.get(path.slice(0, bracket));
  const index = Number(path.slice(bracket + 1, -1));
  const target = step?.fanout?.states[index];
  // A number can be written in many ways, a path in one only: `f[]` and `f[00]` name nothing.
  return step === undefined || target?.path !== path ? undefined : { step, target, index };
};
