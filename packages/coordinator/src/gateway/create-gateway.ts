import type { Digest, SessionId, TaskRef } from '@skein/domain';
import { DomainError, maxOutputsBytes, versionsOfStep } from '@skein/domain';
import type { CoordinatorGateway, JoinCredentials, PartRequest } from '@skein/ports';
import type { FencedWrite } from '../delivery/fenced-writes.ts';
import { countFenced } from '../delivery/fenced-writes.ts';
import { notePart, sendEnvelope } from '../dispatch/send-snapshot.ts';
import type { Engine } from '../engine/engine.ts';
import { buryWorker } from '../fleet/end-session.ts';
import type { HeldTask, WorkerSession } from '../fleet/worker-session.ts';
import { readTaskSecret } from '../secrets/read-task-secret.ts';
import type { SealedSnapshot } from '../submit/sealed-snapshots.ts';
import { openWorkerStream } from './worker-stream.ts';

/** The session that may act for a task: right token, right session, and the task's current lease (D3). */
const authorise = async (
  engine: Engine,
  credentials: JoinCredentials,
  sessionId: SessionId,
  task: TaskRef,
  kind: FencedWrite,
): Promise<{ readonly session: WorkerSession; readonly held: HeldTask }> => {
  const identity = await engine.tokens.authenticate(credentials.token, 'join');
  const session = engine.fleet.ofSession(sessionId);
  const held = session === undefined ? undefined : engine.fleet.held(session, task);
  if (session === undefined || session.tenant !== identity.tenant || held === undefined) {
    countFenced(engine, kind);
    throw new DomainError('stale_fencing_token', 'the task is not held by this session', {
      runId: task.runId,
      step: task.step,
    });
  }
  return { session, held };
};

/** The sealed snapshot of the task's own run. Throws `not_found` for any other. */
const snapshotOf = async (
  engine: Engine,
  session: WorkerSession,
  { task, digest }: Pick<PartRequest, 'task' | 'digest'>,
): Promise<SealedSnapshot> => {
  const actor = engine.runs.find(task.runId);
  if (actor === undefined || versionsOfStep(actor.state, task.step).snapshotDigest !== digest) {
    throw new DomainError('not_found', 'the run has no such snapshot', { digest });
  }
  return engine.sealed.load(session.tenant, digest);
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
    const { session, held } = await authorise(engine, credentials, sessionId, request.task, 'fetch_snapshot');
    const sealed = await snapshotOf(engine, session, request);
    return sendEnvelope(engine, session, held, sealed, request.held);
  },

  fetchPart: async (credentials, sessionId, request, onBytes) => {
    requireRunning(engine);
    const { session, held } = await authorise(engine, credentials, sessionId, request.task, 'fetch_part');
    const sealed = await snapshotOf(engine, session, request);
    const { part, offset } = request;
    const member = await engine.sealed.member(sealed, part);
    if (offset < 0 || offset > member.byteLength) {
      throw new DomainError('invalid_argument', 'the offset is past the end of the part');
    }
    notePart(engine, session, held, part, offset, member.byteLength);
    if (offset < member.byteLength) onBytes(member.subarray(offset));
    return member.byteLength;
  },

  readSecret: async (credentials, sessionId, task, secret) => {
    requireRunning(engine);
    const { session } = await authorise(engine, credentials, sessionId, task, 'read_secret');
    return readTaskSecret(engine, session, task, secret);
  },

  fetchBlob: async (credentials, sessionId, task, digest: Digest) => {
    requireRunning(engine);
    const { session } = await authorise(engine, credentials, sessionId, task, 'fetch_blob');
    return engine.deps.blobs.get(session.tenant, digest);
  },

  storeBlob: async (credentials, sessionId, task, bytes) => {
    requireRunning(engine);
    const { session } = await authorise(engine, credentials, sessionId, task, 'store_blob');
    if (bytes.byteLength > maxOutputsBytes) {
      throw new DomainError('too_large', 'the output of a step is too large', {
        limit: maxOutputsBytes,
        actual: bytes.byteLength,
      });
    }
    return engine.deps.blobs.put(session.tenant, bytes);
  },
});
