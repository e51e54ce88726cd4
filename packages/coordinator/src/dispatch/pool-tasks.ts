import { parseStepPath } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import type { TaskClass } from './task-class.ts';

/** Label of workers by which pools are told apart, and the pool of steps that do not ask for one. */
const poolLabel = 'pool';
const defaultPool = 'default';

/** Names come from DAGs: beyond so many pools, tasks are counted together. */
const maxPools = 100;
const otherPools = 'other';

/** Of each class and tenant so many waiting tasks are counted, so that a look does not take longer the more runs wait. */
const maxWaiting = 10_000;

/** Tasks of runs that are at home here, by pool: those that workers hold, and those that could be held if there were a slot. */
const countPoolTasks = (engine: Engine): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  const add = (taskClass: TaskClass, count: number): void => {
    const pool = taskClass.selector[poolLabel] ?? defaultPool;
    counts.set(pool, (counts.get(pool) ?? 0) + count);
  };
  for (const { taskClass, count } of engine.dispatcher.waiting(maxWaiting)) add(taskClass, count);
  for (const { tasks } of engine.fleet.sessions) {
    for (const { ref, tenant } of tasks.values()) {
      const stepId = parseStepPath(ref.step)?.stepId;
      const step = stepId === undefined ? undefined : engine.runs.find(ref.runId)?.state.graph.byId.get(stepId);
      if (step !== undefined) add(engine.classes.of(tenant, step), 1);
    }
  }
  return counts;
};

/** Shows what each pool has to do, for those who start and stop workers by it. Costs grow with the workers' slots, not with the runs. */
export class PoolGauges {
  readonly #names = new Set([defaultPool]);

  show(engine: Engine): void {
    const shown = new Map([...this.#names].map((pool) => [pool, 0]));
    for (const [pool, count] of countPoolTasks(engine)) {
      const name = this.#names.has(pool) || this.#names.size < maxPools ? pool : otherPools;
      this.#names.add(name);
      shown.set(name, (shown.get(name) ?? 0) + count);
    }
    for (const [pool, count] of shown) engine.deps.meter.gauge(metric.poolTasks, count, { pool });
  }
}
