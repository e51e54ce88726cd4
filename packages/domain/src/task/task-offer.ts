import type { Step } from '../dag/step.ts';
import type { Digest, RunId, StepId, TenantId, VersionId } from '../identity/ids.ts';
import type { JsonValue } from '../json/json-value.ts';
import type { ValueRef } from '../run/value-ref.ts';
import type { TaskRef } from './task-result.ts';

/** The snapshot of a task: always the digest, the envelope bytes only for a worker that lacks parts of it (S5). */
export interface SnapshotAttachment {
  readonly digest: Digest;
  /** gzip envelope with the manifest and the parts that this worker lacks; absent when it holds all, or when too large to attach. */
  readonly envelope?: Uint8Array;
}

/**
 * A task as it is offered to a worker: all that the attempt needs arrives here.
 * `refs` holds the resolved value of every `${…}` reference in the step, keyed by the text between the braces;
 * a large value comes by digest and is fetched with `CoordinatorGateway.fetchBlob`.
 */
export interface TaskOffer extends TaskRef {
  readonly tenant: TenantId;
  readonly dagName: string;
  readonly stepId: StepId;
  readonly definition: Step;
  readonly refs: { readonly [expression: string]: ValueRef };
  /** `output: NAME` values of the steps that this one depends on, by environment name. */
  readonly upstreamEnv: { readonly [name: string]: ValueRef };
  /** The item of a fan-out, also under `refs.item` when referenced. */
  readonly item?: { readonly index: number; readonly value: ValueRef };
  /** Agent versions recorded at admission, for agent steps. */
  readonly agents: { readonly [agentId: string]: VersionId };
  readonly snapshot?: SnapshotAttachment;
  /** 0 in the first round. */
  readonly round?: number;
  /** What the attempt goes on from: a `ResumePoint` in the blob store; absent at turn 0. */
  readonly resume?: { readonly digest: Digest; readonly bytes: number; readonly entries: number };
  /** Recorded tool results that take the place of calls: a `Playback` in the blob store. */
  readonly playback?: { readonly digest: Digest; readonly bytes: number };
  /** How many messages of its mailbox follow the offer on the stream: its agent begins with them. */
  readonly unread?: number;
  /** Milliseconds that the lease lasts without a heartbeat. */
  readonly leaseMs: number;
  /** W3C trace context. */
  readonly traceparent?: string;
  /** Free data about the run for `${run.*}` and prompts. `params` is empty: those that the step refers to are in `refs`. */
  readonly run: {
    readonly id: RunId;
    readonly createdAt: string;
    readonly params: { readonly [name: string]: JsonValue };
    /** The push-back that led to this round, for the step that it went to. */
    readonly feedback?: { readonly by: string; readonly text: string; readonly round: number };
  };
}
