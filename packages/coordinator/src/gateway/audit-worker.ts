import type { ErrorCode, JsonObject, TaskRef, TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';

/** Whoever was refused, as far as it is known. */
export interface RefusedWorker {
  readonly tenant: TenantId;
  /** As the token says, or the worker itself: an id without a session is only a claim. */
  readonly workerId: string;
  readonly tokenId?: string;
}

/** Writes down that a worker was refused; never waits (see `AuditLog.refused`). `action`: `hello`, or what it tried to do with a task. */
export const auditWorker = (
  engine: Engine,
  worker: RefusedWorker,
  action: string,
  outcome: ErrorCode,
  more: { readonly target?: string; readonly details?: JsonObject } = {},
): void => {
  const { tenant, workerId, tokenId } = worker;
  engine.audit.refused({
    tenant,
    actor: { kind: 'worker', id: workerId },
    action: `worker.${action}`,
    ...(more.target === undefined ? {} : { target: more.target }),
    outcome,
    details: { ...more.details, ...(tokenId === undefined || tokenId === '' ? {} : { tokenId }) },
  });
};

/** Writes down that a worker said or asked for something of a task that is not its own (D3). */
export const auditFenced = (
  engine: Engine,
  session: WorkerSession,
  action: string,
  { runId, step, token }: Pick<TaskRef, 'runId' | 'step' | 'token'>,
): void => auditWorker(engine, session, action, 'stale_fencing_token', { target: runId, details: { step, token } });
