import type { StepId } from '../identity/ids.ts';
import type { JsonSchema, JsonValue } from '../json/json-value.ts';
import type { OutputDef, ParamDef } from './param.ts';

/** One environment variable; entries apply in order and a value may hold `${…}` references. */
export interface EnvEntry {
  readonly name: string;
  readonly value: string;
}

/** Dagu's precondition: `condition` equals `expected` (or matches it after `re:`), or, without `expected`, a shell command exits 0. */
export interface Precondition {
  readonly condition: string;
  readonly expected?: string;
  readonly negate: boolean;
}

/** What lets the run go on although this step did not succeed. */
export interface ContinueOn {
  readonly failure: boolean;
  readonly skipped: boolean;
  readonly exitCodes: readonly number[];
  /** Substrings, or `re:` patterns, searched in the captured output. */
  readonly output: readonly string[];
  /** Count the step as succeeded, so that the run is not `partial`. */
  readonly markSuccess: boolean;
}

/** Another attempt after an application failure; `limit` counts the retries, so `limit + 1` attempts in all. */
export interface RetryPolicy {
  readonly limit: number;
  readonly intervalMs: number;
  /** Factor per retry; 1 keeps the interval. */
  readonly backoff: number;
  readonly maxIntervalMs?: number;
  /** Only these exit codes are tried again; empty means any failure. */
  readonly exitCodes: readonly number[];
}

/** Limits of one agent step; each has its own typed failure. */
export interface AgentLimits {
  readonly maxTurns: number;
  readonly maxTokens: number;
  readonly maxToolCalls: number;
  readonly maxOutputBytes: number;
  readonly timeoutMs?: number;
}

/** Which memory an agent step may see (S4). */
export interface MemoryAccess {
  readonly read: boolean;
  readonly propose: boolean;
}

/** A secret that a step gets as an environment variable; the value is resolved under the step's lease and is never stored (S3). */
export interface StepSecret {
  /** Name of the environment variable. */
  readonly env: string;
  /** Name of the secret. */
  readonly secret: string;
}

/**
 * What a step does. A `call` runs another DAG as a run of its own, in the tree of this one; `dag` is a name, or a text with references
 * and then `choices` holds every name that it may become. `params` are values whose strings may hold references; a string that is
 * one reference keeps the type of its value.
 */
export type StepAction =
  | { readonly kind: 'shell'; readonly commands: readonly string[] }
  | { readonly kind: 'script'; readonly script: string }
  | { readonly kind: 'exec'; readonly argv: readonly string[] }
  | { readonly kind: 'noop' }
  /**
   * One HTTP request. `url`, `headers` and `body` may hold references; headers, and a body that is a text, also variables of the step's
   * environment, among them its secrets. A body that is no text is sent as JSON.
   */
  | {
      readonly kind: 'http';
      readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
      readonly url: string;
      readonly headers: { readonly [name: string]: string };
      readonly body?: JsonValue;
      /** Statuses with which the step succeeds; absent: 200 to 299. */
      readonly expect?: readonly number[];
      /** For all of it, redirects included; absent: the worker's default. */
      readonly timeoutMs?: number;
    }
  | {
      readonly kind: 'agent';
      readonly agent: string;
      /** Explicit version (digest or alias) after `@`. */
      readonly version?: string;
      readonly prompt: string;
      readonly outputSchema?: JsonSchema;
      readonly limits: Partial<AgentLimits>;
      readonly memory: MemoryAccess;
    }
  | {
      readonly kind: 'call';
      readonly dag: string;
      readonly choices?: readonly string[];
      readonly params?: { readonly [name: string]: JsonValue };
    }
  /** Goes on after a time, at an instant (ISO 8601, may hold references), or with the first message sent to it; exactly one is set. */
  | { readonly kind: 'wait'; readonly durationMs?: number; readonly until?: string; readonly message?: true }
  /** Goes on when a person approves; `prompt` may hold references; the typed `input` of the person becomes the step's outputs. */
  | {
      readonly kind: 'approval';
      readonly prompt: string;
      readonly input: readonly ParamDef[];
      /** Where a push-back goes when it names no step; an ancestor. */
      readonly rewind?: StepId;
    };

/** Kinds that the coordinator carries out by itself: no worker takes them. */
export type CoordinatorKind = 'call' | 'wait' | 'approval';

/** The kinds of step that an executor may implement. */
export type StepKind = StepAction['kind'];

/** Items of a fan-out: a literal list, or one `${…}` reference that must resolve to a list. */
export interface Foreach {
  readonly items: readonly JsonValue[] | string;
  /** At most this many items hold a lease at once. */
  readonly maxConcurrent: number;
}

/** One node of a DAG: what is to be done. */
export interface Step {
  readonly id: StepId;
  readonly name?: string;
  readonly description?: string;
  readonly depends: readonly StepId[];
  readonly action: StepAction;
  /** Program and flags that run `shell` commands and `script`s; `['/bin/sh', '-e']` like forms; absent means the worker's default. */
  readonly shell?: readonly string[];
  readonly workingDir?: string;
  /** DAG-level entries first, then the step's own. */
  readonly env: readonly EnvEntry[];
  /** Environment name under which dependants see the trimmed stdout. */
  readonly output?: string;
  readonly outputs: readonly OutputDef[];
  readonly preconditions: readonly Precondition[];
  readonly continueOn: ContinueOn;
  readonly retryPolicy?: RetryPolicy;
  readonly timeoutMs?: number;
  readonly workerSelector: { readonly [label: string]: string };
  readonly onWorkerLoss: 'retry' | 'fail';
  /** May be started again before the old worker is known to be gone. */
  readonly repeatSafe: boolean;
  /** An attempt that shows no progress (no log, no checkpoint) for so long fails with `deadline_exceeded`; absent: 15 min for agents, never for others. 0: never. */
  readonly noProgressTimeoutMs?: number;
  readonly foreach?: Foreach;
  /** Secrets of shell kinds, those of the DAG included; sorted by `env`. Absent means none. */
  readonly secrets?: readonly StepSecret[];
}
