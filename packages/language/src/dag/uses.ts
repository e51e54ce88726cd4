import type { Dag, MemoryAccess, Step } from '@skein/domain';
import type { Spot } from '../problem/source-text.ts';
import type { BuiltDag } from './build-dag.ts';
import type { CallParams } from './call-fields.ts';
import type { ValuePath } from './places.ts';

/** An agent that a step asks for, and where the file says so. */
export interface AgentUse {
  readonly agent: string;
  readonly stepId: string;
  readonly version?: string;
  readonly memory: MemoryAccess;
  readonly spot: Spot;
  readonly memorySpot: Spot;
}

/** A DAG that a step may call, and where the file says so; one for each choice. */
export interface CallUse {
  /** Name of the DAG that calls. */
  readonly caller: string;
  readonly stepId: string;
  readonly dag: string;
  readonly params: CallParams;
  readonly spot: Spot;
  readonly paramsSpot: Spot;
}

interface LocatedStep {
  readonly step: Step;
  readonly path: ValuePath;
}

const stepsOf = ({ steps, handlers = {} }: Dag): readonly LocatedStep[] => [
  ...steps.map((step, index) => ({ step, path: ['steps', index] })),
  ...Object.entries(handlers).map(([name, step]) => ({ step, path: ['handlers', name] })),
];

/** The agents that the steps and handlers of one document ask for. */
export const agentsOf = ({ dag, places }: BuiltDag): readonly AgentUse[] =>
  stepsOf(dag).flatMap(({ step, path }) => {
    const { action } = step;
    const spot = places.find([...path, 'action', 'agent']);
    if (action.kind !== 'agent' || action.agent === '' || spot === undefined) return [];
    const { agent, version, memory } = action;
    const memorySpot = places.find([...path, 'action', 'memory']) ?? spot;
    return [{ agent, stepId: step.id, ...(version === undefined ? {} : { version }), memory, spot, memorySpot }];
  });

/** The DAGs that the steps and handlers of one document may call. */
export const callsOf = ({ dag, places }: BuiltDag): readonly CallUse[] =>
  stepsOf(dag).flatMap(({ step, path }): readonly CallUse[] => {
    const { action } = step;
    if (action.kind !== 'call' || action.dag === '') return [];
    const spot = places.find([...path, 'action', action.choices === undefined ? 'dag' : 'choices']);
    if (spot === undefined) return [];
    const paramsSpot = places.find([...path, 'action', 'params']) ?? spot;
    const { params = {} } = action;
    const names = action.choices ?? [action.dag];
    return names.map((name) => ({ caller: dag.name, stepId: step.id, dag: name, params, spot, paramsSpot }));
  });
