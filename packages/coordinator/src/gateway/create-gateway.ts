import type { Digest, SessionId, TaskRef } from '@skein/domain';
import { DomainError, maxOutputsBytes } from '@skein/domain';
import type { CoordinatorGateway, JoinCredentials } from '@skein/ports';
import { noteSent } from '../dispatch/offer-task.ts';
import type { Engine } from '../engine/engine.ts';
import { buryWorker } from '../fleet/end-session.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import { openWorkerStream } from './worker-stream.ts';

/** The session that may act for a task: right token, right session, and the task's current lease (D3). */
const authorise = async (
  engine: Engine,
  credentials: JoinCredentials,
  sessionId: SessionId,
  task: TaskRef,
): Promise<WorkerSession> => {
  const identity = await engine.tokens.authenticate(credentials.token, 'join');
  const session = engine.fleet.ofSession(sessionId);
  if (session === undefined || session.tenant !== identity.tenant || engine.fleet.held(session, task) === undefined) {
    throw new DomainError('stale_fencing_token', 'the task is not held by this session', {
      runId: task.runId,
      step: task.step,
    });
  }
  return session;
};

const requireRunning = (engine: Engine): void => {
  if (engine.phase !== 'running') throw new DomainError('unavailable', 'the coordinator is not ready');
};

/** The door for workers and launchers. */
export const createGateway = (engine: Engine): CoordinatorGateway => ({
  openWorkerStream: (credentials, listener) => openWorkerStream(engine, credentials, listener),

  reportExit: async (credentials, report) => {
    requireRunning(engine);
    const identity = await engine.tokens.authenticate(credentials.token, 'join');
    const named = report.workerId === undefined ? undefined : engine.fleet.ofWorker(report.workerId);
    // A worker id names a process only as long as no other incarnation of it has joined.
    const session = engine.fleet.ofIncarnation(report.incarnation) ?? (named?.info === undefined ? named : undefined);
    if (session !== undefined && session.tenant !== identity.tenant) return;
    engine.fleet.markExited(report.incarnation);
    if (session === undefined) return;
    engine.deps.log.warn('worker exited', {
      workerId: session.workerId,
      exitCode: report.exitCode,
      signal: report.signal,
    });
    buryWorker(engine, session, 'worker_exited');
  },

  fetchSnapshot: async (credentials, sessionId, request) => {
    requireRunning(engine);
    const session = await authorise(engine, credentials, sessionId, request.task);
    const actor = engine.runs.find(request.task.runId);
    if (actor?.state.snapshotDigest !== request.digest) {
      throw new DomainError('not_found', 'the run has no such snapshot', { digest: request.digest });
    }
    const sealed = await engine.sealed.load(session.tenant, request.digest);
    const envelope = engine.sealed.envelope(sealed, request.held);
    noteSent(engine, session, sealed, envelope.byteLength);
    return envelope.slice();
  },

  fetchPart: async () => {
    throw new DomainError('unimplemented', 'parts of snapshots travel in envelopes');
  },

  readSecret: async () => {
    throw new DomainError('unimplemented', 'this coordinator has no secrets');
  },

  fetchBlob: async (credentials, sessionId, task, digest: Digest) => {
    requireRunning(engine);
    const session = await authorise(engine, credentials, sessionId, task);
    return engine.deps.blobs.get(session.tenant, digest);
  },

  storeBlob: async (credentials, sessionId, task, bytes) => {
    requireRunning(engine);
    const session = await authorise(engine, credentials, sessionId, task);
    if (bytes.byteLength > maxOutputsBytes) {
      throw new DomainError('too_large', 'the output of a step is too large', {
        limit: maxOutputsBytes,
        actual: bytes.byteLength,
      });
    }
    return engine.deps.blobs.put(session.tenant, bytes);
  },
});
