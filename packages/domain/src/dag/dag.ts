import type { StepId } from '../identity/ids.ts';
import type { JsonValue } from '../json/json-value.ts';
import type { ParamDef } from './param.ts';
import type { EnvEntry, Step } from './step.ts';

/** One cron line of a DAG. `id` is stable: the expression and zone, or the author's own id. */
export interface ScheduleEntry {
  readonly id: string;
  readonly cron: string;
  /** IANA zone, for example `Europe/Berlin`; `UTC` when not given. */
  readonly timeZone: string;
}

/**
 * Steps that run around a run rather than in its graph: `init` before all steps; one of `success`, `failure`, `abort` by how the run
 * ended; then `exit`. `wait` belongs to waiting steps, which are a later feature.
 */
export type HandlerName = 'init' | 'success' | 'failure' | 'abort' | 'exit' | 'wait';

/** All handler names, in the order in which they may run. */
export const handlerNames: readonly HandlerName[] = ['init', 'success', 'failure', 'abort', 'exit', 'wait'];

/** Id, and path, of a handler's step: no name of a graph step begins with `@`. */
export const handlerStepId = (name: HandlerName): StepId => `@${name}`;

/** True for the id, or path, of a handler's step. */
export const isHandlerId = (id: StepId): boolean => id.startsWith('@');

/**
 * An immutable validated DAG. All defaults are filled in and `depends` is explicit also for `type: chain`.
 * The step list is in the author's order; `validateDag` proved it acyclic with known, unique ids.
 */
export interface Dag {
  /** Version of the language that the document was read with; part of the digest. */
  readonly languageVersion: 1;
  readonly name: string;
  readonly description?: string;
  readonly labels: { readonly [name: string]: string };
  /**
   * Fields of the routing context by whose first text a rollout chooses; absent: `resourceId`, then `threadId`. A field that the request leaves out
   * is taken from the param of that name.
   */
  readonly routing?: { readonly keys: readonly string[] };
  readonly type: 'graph' | 'chain';
  readonly params: readonly ParamDef[];
  readonly env: readonly EnvEntry[];
  readonly schedule: readonly ScheduleEntry[];
  /** Milliseconds for the whole run, from its admission. */
  readonly timeoutMs?: number;
  readonly steps: readonly Step[];
  /** Steps outside the graph; the id of each is `@` and its name, for example `@failure`. */
  readonly handlers?: { readonly [name in HandlerName]?: Step };
  /** Inline sub-DAGs by name: the further documents of the file. They have none of their own, and may call one another. */
  readonly subDags?: { readonly [name: string]: Dag };
  /** What a caller of this DAG gets back: texts that may hold references to any step. Absent: every `output: NAME` of its steps. */
  readonly outputs?: { readonly [name: string]: string };
}

/** A value that an author wrote and that may hold `${…}` references in its strings. */
export type Template = JsonValue;

/** The step with this id, or undefined. */
export const findStep = (dag: Dag, stepId: StepId): Step | undefined => dag.steps.find((step) => step.id === stepId);
