import type { Dag } from '../dag/dag.ts';
import type { DagIndex } from '../dag/dag-index.ts';
import { indexDag } from '../dag/dag-index.ts';
import { DomainError } from '../errors/domain-error.ts';
import type { FencingToken, StepPath } from '../identity/ids.ts';
import { endOfWait } from '../wait/wait-state.ts';
import { findTarget } from './create-run-state.ts';
import type { FanoutState, RunState, StepState } from './run-state.ts';

const formatVersion = 4;

/** As 4, with migrations: a build that does not know these folds the log, which holds a fact that it does not know. */
const migratedVersion = 5;

type EncodedStep = Omit<StepState, 'fanout'> & {
  readonly fanout?: Omit<FanoutState, 'again'> & { readonly again: readonly number[] };
};

const encodeStep = (step: StepState): EncodedStep => {
  const { fanout, ...rest } = step;
  return fanout === undefined ? rest : { ...rest, fanout: { ...fanout, again: [...fanout.again] } };
};

const decodeStep = (step: EncodedStep): StepState => {
  const { fanout, ...rest } = step;
  return fanout === undefined ? rest : { ...rest, fanout: { ...fanout, again: new Set(fanout.again) } };
};

/** A folded state as JSON text; the DAG is not in it. With the facts after its `seq` it gives the same state as the whole log. */
export const encodeRunState = (state: RunState): string => {
  const { dag: _dag, graph: _graph, steps, frontier, waits, unread, ...rest } = state;
  return JSON.stringify({
    formatVersion: state.migrations === undefined ? formatVersion : migratedVersion,
    ...rest,
    frontier: [...frontier],
    waits: [...waits.keys()],
    unread: [...unread],
    steps: [...steps.values()].map(encodeStep),
  });
};

/** The state of an encoded text; throws `unprocessable` for another format version (then fold the log from its start). */
export const decodeRunState = (text: string, dag: Dag, graph: DagIndex = indexDag(dag)): RunState => {
  const parsed = JSON.parse(text) as {
    formatVersion: number;
    steps: EncodedStep[];
    frontier: string[];
    waits: string[];
    unread: string[];
  } & Omit<RunState, 'dag' | 'graph' | 'steps' | 'frontier' | 'waits' | 'unread'>;
  if (parsed.formatVersion !== formatVersion && parsed.formatVersion !== migratedVersion) {
    throw new DomainError(
      'unprocessable',
      `run state format ${parsed.formatVersion} is unknown; known: ${formatVersion}, ${migratedVersion}`,
    );
  }
  const { formatVersion: _version, steps, frontier, waits, unread, ...rest } = parsed;
  const state: RunState = {
    ...rest,
    dag,
    graph,
    steps: new Map(steps.map((step) => [step.path, decodeStep(step)])),
    frontier: new Set(frontier),
    waits: new Map(),
    unread: new Set(unread),
  };
  for (const path of waits) {
    const wait = findTarget(state, path)?.target.wait;
    if (wait !== undefined) state.waits.set(path, endOfWait(wait));
  }
  return state;
};

/** A second owner's copy. */
export const cloneRunState = (state: RunState): RunState =>
  decodeRunState(encodeRunState(state), state.dag, state.graph);

/** Notes in memory that a worker began the step's code; true if the token is the current one. Not a fact. */
export const markStarted = (state: RunState, path: StepPath, token: FencingToken, at: number): boolean => {
  const lease = findTarget(state, path)?.target.lease;
  if (lease === undefined || lease.token !== token) return false;
  lease.startedAt ??= at;
  return true;
};
