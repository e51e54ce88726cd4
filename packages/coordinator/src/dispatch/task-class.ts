import type { Step, StepKind, TenantId } from '@skein/domain';
import { recentValues } from '../engine/recent-values.ts';

/** Tasks of one tenant that fit the same workers. Equal classes are the same object. */
export interface TaskClass {
  /** The same for every tenant. */
  readonly name: string;
  readonly tenant: TenantId;
  readonly kind: StepKind;
  readonly selector: { readonly [label: string]: string };
}

/** Classes that are remembered; one that was forgotten meanwhile costs only some fairness between old and new runs. */
const maxClasses = 10_000;

/** Gives each step its class. */
export class TaskClasses {
  readonly #byName = recentValues<string, TaskClass>(maxClasses);
  readonly #byStep = new WeakMap<Step, TaskClass>();

  of(tenant: TenantId, step: Step): TaskClass {
    const known = this.#byStep.get(step);
    if (known?.tenant === tenant) return known;
    const taskClass = this.named(tenant, step.action.kind, step.workerSelector);
    this.#byStep.set(step, taskClass);
    return taskClass;
  }

  /** The class of the tenant's tasks of this kind with this selector. */
  named(tenant: TenantId, kind: StepKind, selector: { readonly [label: string]: string }): TaskClass {
    const labels = Object.entries(selector).sort(([a], [b]) => (a < b ? -1 : 1));
    const name = JSON.stringify([kind, labels]);
    const key = `${tenant} ${name}`;
    let taskClass = this.#byName.get(key);
    if (taskClass === undefined) {
      taskClass = { name, tenant, kind, selector };
      this.#byName.set(key, taskClass);
    }
    return taskClass;
  }
}
