import type { JsonObject, JsonValue } from '@skein/domain';

/** A run to be started. */
export interface SubmitRun {
  readonly dag: string;
  readonly params?: { readonly [name: string]: JsonValue };
  readonly routingContext?: JsonObject;
  readonly priority?: number;
  /** The input comes from someone who may not write to an agent's memory: what its agents propose waits for review. */
  readonly untrustedInput?: boolean;
  readonly idempotencyKey?: string;
  /** Set by a scheduler: at most one run per (DAG, schedule, nominal instant). `nominalAt` in ms. */
  readonly fire?: { readonly scheduleId: string; readonly nominalAt: number };
  /** W3C trace context of the request that asks for the run; nothing but traces depends on it. */
  readonly traceparent?: string;
}
