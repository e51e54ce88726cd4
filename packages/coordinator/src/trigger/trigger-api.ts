import type { TenantId } from '@skein/domain';
import type { SubmitRun } from '../submit/submit-request.ts';

/** A trigger to be made. */
export interface CreateTrigger {
  readonly name: string;
  readonly dag: string;
  /** Where each param of the run lies in the body: a JSON Pointer (RFC 6901), `` for all of it. Absent: the whole body is the param `body`. */
  readonly params?: { readonly [param: string]: string };
}

/** A trigger as it is listed; its secret is shown once, when it is made. */
export interface TriggerView {
  readonly triggerId: string;
  readonly name: string;
  readonly dag: string;
  readonly params?: { readonly [param: string]: string };
  readonly createdAt: string;
  readonly createdBy: string;
}

/** A request to a trigger, in the headers of Standard Webhooks. */
export interface TriggerRequest {
  /** `webhook-id`. */
  readonly id: string | undefined;
  /** `webhook-timestamp`: seconds since the epoch. */
  readonly timestamp: string | undefined;
  /** `webhook-signature`: one or more of `v1,BASE64`, with spaces between. */
  readonly signature: string | undefined;
  /** As it was sent, UTF-8. */
  readonly body: string;
}

/** What a request to a trigger asks for. */
export interface Triggered {
  readonly tenant: TenantId;
  readonly triggerId: string;
  readonly name: string;
  /** To be submitted: its idempotency key makes a repeated request the same run. */
  readonly submit: SubmitRun;
}

/** Runs that are started by signed requests of others. Everything throws `unimplemented` when the coordinator has no key for secrets at rest. */
export interface Triggers {
  /** `secret` is `whsec_` and base64, and is given only here. Throws `not_found` (DAG), `invalid_argument`. */
  create(
    tenant: TenantId,
    trigger: CreateTrigger,
    by: string,
  ): Promise<{ readonly view: TriggerView; readonly secret: string }>;
  list(tenant: TenantId): Promise<readonly TriggerView[]>;
  /** Throws `not_found`. */
  revoke(tenant: TenantId, triggerId: string): Promise<void>;
  /** Throws `unauthenticated` (no such trigger, wrong signature: the same answer; too old), `invalid_argument` (no JSON). */
  accept(triggerId: string, request: TriggerRequest): Promise<Triggered>;
}
