import type { RunState, Step, TaskRef } from '@skein/domain';
import { DomainError, isDomainError, parseStepPath, utf8Length, versionsOfStep } from '@skein/domain';
import { maxSecretBytes } from '@skein/ports';
import { declaredSecrets } from '@skein/snapshot';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import { auditWorker } from '../gateway/audit-worker.ts';
import type { RunActor } from '../run/run-actor.ts';
import { askRun } from '../run/run-turn.ts';
import { readStoredSecret } from './stored-secrets.ts';

/*
 * The value of a secret for one task.
 *  S1 the session holds the task now, and the run knows the lease under this token: both are asked, the second in the run's turn
 *  S2 only a name that the task's step, or its agents, declare
 *  S3 the release is a durable fact before the value leaves the source; the value itself is in no fact, log line, metric or error
 */

/** Names of secrets that stand in log lines; any other is said to be strange. */
const loggable = /^[A-Za-z0-9_.-]{1,128}$/;

const shellSecrets = (step: Step): readonly string[] => (step.secrets ?? []).map(({ secret }) => secret);

/** What the step of a path may ask for. Throws `not_found` for a snapshot that is gone, `unavailable`. */
const declaredBy = async (
  engine: Engine,
  actor: RunActor,
  state: RunState,
  task: TaskRef,
): Promise<readonly string[]> => {
  const step = stepOf(state, task.step);
  if (step === undefined) return [];
  if (step.action.kind !== 'agent') return shellSecrets(step);
  const { snapshotDigest, agents } = versionsOfStep(state, task.step);
  const agent = agents[step.action.agent];
  if (snapshotDigest === undefined || agent === undefined) return [];
  const sealed = await engine.sealed.load(actor.tenant, snapshotDigest);
  return [...declaredSecrets(sealed.parts, sealed.manifest, step.action.agent, agent.versionId)];
};

const stepOf = (state: RunState, path: string): Step | undefined => {
  const stepId = parseStepPath(path)?.stepId ?? path;
  return state.graph.byId.get(stepId);
};

const stale = (task: TaskRef): DomainError =>
  new DomainError('stale_fencing_token', 'the task is not held by this session', {
    runId: task.runId,
    step: task.step,
  });

const release = async (engine: Engine, session: WorkerSession, task: TaskRef, secret: string): Promise<string> => {
  const actor = engine.runs.find(task.runId);
  if (actor === undefined || actor.tenant !== session.tenant || engine.fleet.held(session, task) === undefined) {
    throw stale(task);
  }
  const declared = await declaredBy(engine, actor, actor.state, task);
  if (!declared.includes(secret)) {
    throw new DomainError('permission_denied', `step ${task.step} does not declare this secret`, {
      runId: task.runId,
      step: task.step,
    });
  }
  // Read before it is recorded, so that the record says what was given and not what was asked for.
  const value =
    (await engine.deps.secretValues?.read(secret)) ?? (await readStoredSecret(engine.deps, session.tenant, secret));
  if (value === undefined) {
    throw new DomainError('not_found', `the coordinator has no secret ${secret}`, { secret });
  }
  // The source may have taken its time.
  if (engine.fleet.held(session, task) === undefined) throw stale(task);
  const actual = utf8Length(value);
  if (actual > maxSecretBytes) {
    throw new DomainError('too_large', `the secret ${secret} is too large`, { limit: maxSecretBytes, actual });
  }
  const { step, token } = task;
  const settlement = await askRun(engine, actor, {
    type: 'release_secret',
    step,
    token,
    workerId: session.workerId,
    secret,
  });
  if (settlement.status === 'refused' || settlement.status === 'failed') throw settlement.error;
  // The lease may have ended while the fact was written.
  if (settlement.status !== 'recorded' || engine.fleet.held(session, task) === undefined) throw stale(task);
  return value;
};

/**
 * The value of a secret that a task declares, while this session holds its lease. Recorded in the run's log before it is answered.
 * Throws `stale_fencing_token`, `permission_denied`, `not_found`, `too_large`, `unavailable`; each is logged and counted.
 */
export const readTaskSecret = async (
  engine: Engine,
  session: WorkerSession,
  task: TaskRef,
  secret: string,
): Promise<string> => {
  const { log, meter } = engine.deps;
  const about = {
    runId: task.runId,
    stepId: task.step,
    attempt: task.attempt,
    fencingToken: task.token,
    workerId: session.workerId,
    // Under the plain name the log would hide it.
    secretName: loggable.test(secret) ? secret : '(not a name)',
  };
  try {
    const value = await release(engine, session, task, secret);
    meter.count(metric.secretsReleased);
    log.info('secret was released', about);
    return value;
  } catch (thrown) {
    // What a source throws may hold anything; only our own errors are said as they are.
    const error = isDomainError(thrown) ? thrown : new DomainError('unavailable', 'the secret cannot be read now');
    meter.count(metric.secretsRefused, 1, { code: error.code });
    if (error.code === 'permission_denied') {
      const { step, token } = task;
      const details = { reason: 'undeclared', step, token, secretName: about.secretName };
      auditWorker(engine, session, 'read_secret', error.code, { target: task.runId, details });
    }
    log.warn('secret was not released', { ...about, code: error.code, reason: error.message });
    throw error;
  }
};
