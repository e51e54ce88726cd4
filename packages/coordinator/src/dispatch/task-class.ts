import type { Step, StepKind } from '@skein/domain';

/** Tasks that fit the same workers. Equal classes are the same object. */
export interface TaskClass {
  readonly name: string;
  readonly kind: StepKind;
  readonly selector: { readonly [label: string]: string };
}

/** Gives each step its class. */
export class TaskClasses {
  readonly #byName = new Map<string, TaskClass>();
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
