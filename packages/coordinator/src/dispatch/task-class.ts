import type { Step, StepKind } from '@skein/domain';
import { LRUCache } from 'lru-cache';

/** Tasks that fit the same workers. Equal classes are the same object. */
export interface TaskClass {
  readonly name: string;
  readonly kind: StepKind;
  readonly selector: { readonly [label: string]: string };
}

/** Classes that are remembered; one that was forgotten meanwhile costs only some fairness between old and new runs. */
const maxClasses = 10_000;

/** Gives each step its class. */
export class TaskClasses {
  readonly #byName = new LRUCache<string, TaskClass>({ max: maxClasses });
  readonly #byStep = new WeakMap<Step, TaskClass>();

  of(step: Step): TaskClass {
    const known = this.#byStep.get(step);
    if (known !== undefined) return known;
    const labels = Object.entries(step.workerSelector).sort(([a], [b]) => (a < b ? -1 : 1));
    const name = JSON.stringify([step.action.kind, labels]);
    let taskClass = this.#byName.get(name);
    if (taskClass === undefined) {
      taskClass = { name, kind: step.action.kind, selector: step.workerSelector };
      this.#byName.set(name, taskClass);
    }
    this.#byStep.set(step, taskClass);
    return taskClass;
  }
}
