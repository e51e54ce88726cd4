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

/** Steps that run around a run rather than in its graph. */
export type HandlerName = 'init' | 'success' | 'failure' | 'abort' | 'exit' | 'wait';

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
  readonly type: 'graph' | 'chain';
  readonly params: readonly ParamDef[];
  readonly env: readonly EnvEntry[];
  readonly schedule: readonly ScheduleEntry[];
  /** Milliseconds for the whole run, from its admission. */
  readonly timeoutMs?: number;
  readonly steps: readonly Step[];
  /** Handlers are a later feature of the language; the snapshot walk already visits them. */
  readonly handlers?: { readonly [name in HandlerName]?: Step };
  /** Inline sub-DAGs by name; a later feature of the language, like `call`. */
  readonly subDags?: { readonly [name: string]: Dag };
}

/** A value that an author wrote and that may hold `${…}` references in its strings. */
export type Template = JsonValue;

/** The step with this id, or undefined. */
export const findStep = (dag: Dag, stepId: StepId): Step | undefined => dag.steps.find((step) => step.id === stepId);
