import {
  createRunState,
  type Dag,
  type DagIndex,
  decide,
  decideVersion,
  evolveAll,
  placeTask,
  placeUnit,
  planRun,
  type RolloutRecord,
  type RunState,
  type WorkerLoad,
} from '@skein/domain';
import { createHasher } from '@skein/telemetry';
import { nowMs } from '../measure.ts';

/** What the rules cost on this machine, in ms of one core: measured on the code itself, before the model begins. */
export interface RuleCosts {
  /** Routing one unit: SHA-256 and the decision. */
  readonly routeMs: number;
  /** One turn of a run: decide, evolve, plan. */
  readonly turnMs: number;
  /** Placing a task, per worker with a free slot that is looked at. */
  readonly placePerWorkerMs: number;
}

const timed = (times: number, once: (index: number) => void): number => {
  for (let index = 0; index < times / 10; index += 1) once(index);
  const begin = nowMs();
  for (let index = 0; index < times; index += 1) once(index);
  return (nowMs() - begin) / times;
};

/** Measures. Takes about a second. */
export const measureRules = (
  dag: Dag,
  graph: DagIndex,
  rollout: RolloutRecord,
  workers: readonly WorkerLoad[],
): RuleCosts => {
  const hasher = createHasher();
  const now = 1_700_000_000_000;
  const turn = (index: number): void => {
    const state: RunState = createRunState('default', `run_${index}`, dag, graph);
    const decision = decide(
      state,
      { type: 'submit', dagDigest: '', params: {}, routingContext: {}, priority: 0, source: { kind: 'api' } },
      now,
    );
    if (decision.ok) evolveAll(state, decision.value);
    planRun(state, now);
  };
  return {
    routeMs: timed(20_000, (index) => {
      const unit = `user-${index}`;
      decideVersion({ rollout, unit, place: placeUnit(hasher, rollout.salt, unit), now });
    }),
    turnMs: timed(5_000, turn),
    placePerWorkerMs: timed(200, () => void placeTask({ kind: 'agent', selector: {} }, workers)) / workers.length,
  };
};
