import type { Digest, SessionId, TaskRef } from '@skein/domain';
import { DomainError, maxOutputsBytes, versionsOfStep } from '@skein/domain';
import type { CoordinatorGateway, JoinCredentials, PartRequest } from '@skein/ports';
import type { FencedWrite } from '../delivery/fenced-writes.ts';
import { countFenced } from '../delivery/fenced-writes.ts';
import { notePart, sendEnvelope } from '../dispatch/send-snapshot.ts';
import type { Engine } from '../engine/engine.ts';
import type { HeldTask, WorkerSession } from '../fleet/worker-session.ts';
import { taskKey } from '../fleet/worker-session.ts';
import { readTaskSecret } from '../secrets/read-task-secret.ts';
import type { SealedSnapshot } from '../submit/sealed-snapshots.ts';
import type { Identity } from '../token/token-cache.ts';
import { auditWorker } from './audit-worker.ts';
import { mayActAs } from './may-act-as.ts';
import { refuseForeignReport } from './refuse-foreign-report.ts';
import { takeExit } from './take-exit.ts';
import { openWorkerStream } from './worker-stream.ts';

/** What whoever does not hold a task is told, and what is written down of it. */
const refusalOf = (
  engine: Engine,
  identity: Identity,
  { certificate }: JoinCredentials,
  session: WorkerSession | undefined,
  { runId, step, token }: TaskRef,
  kind: FencedWrite,
): DomainError => {
  countFenced(engine, kind);
  const { tenant, tokenId } = identity;
  const isOwn = session !== undefined && mayActAs(identity, certificate, session);
  const workerId = isOwn ? session.workerId : `token:${tokenId}`;
  const reason = session === undefined ? 'session' : isOwn ? 'lease' : 'stolen_session';
  const details = { reason, step, token };
  auditWorker(engine, { tenant, workerId, tokenId }, kind, 'stale_fencing_token', { target: runId, details });
  return new DomainError('stale_fencing_token', 'the task is not held by this session', { runId, step });
};

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
  if (session === undefined || held === undefined || !mayActAs(identity, credentials.certificate, session))
    throw refusalOf(engine, identity, credentials, session, task, kind);
  return { session, held };
};

/** The sealed snapshot of the task's own run. Throws `not_found` for any other, and writes down who asked for it. */
const snapshotOf = async (
  engine: Engine,
  session: WorkerSession,
  { task, digest }: Pick<PartRequest, 'task' | 'digest'>,
  kind: 'fetch_snapshot' | 'fetch_part',
): Promise<SealedSnapshot> => {
  const actor = engine.runs.find(task.runId);
  if (actor === undefined || versionsOfStep(actor.state, task.step).snapshotDigest !== digest) {
    const { runId, step, token } = task;
    auditWorker(engine, session, kind, 'not_found', { target: runId, details: { step, token, digest } });
    throw new DomainError('not_found', 'the run has no such snapshot', { digest });
  }
  return engine.sealed.load(session.tenant, digest);
};

const requireRunning = (engine: Engine): void => {
  if (engine.phase !== 'running') throw new DomainError('unavailable', 'the coordinator is not ready');
};

/**
 * The door for workers of the task's home, when the task is of a run at home elsewhere and this session holds it: the same token and session
 * are checked there again. Throws `unavailable` while nobody is known to be its home, also when another coordinator sent the call here
 * because this one was home just now: whether the lease holds is for the next home to say.
 */
const doorOfHome = async (
  engine: Engine,
  credentials: JoinCredentials,
  sessionId: SessionId,
  task: TaskRef,
  kind: FencedWrite,
): Promise<CoordinatorGateway | undefined> => {
  requireRunning(engine);
  if (!engine.peers.isActive || engine.peers.routeOf(task.runId) === 'here') return undefined;
  const identity = await engine.tokens.authenticate(credentials.token, 'join');
  const session = engine.fleet.ofSession(sessionId);
  const key = taskKey(task);
  const isOfPeer = session?.via !== undefined;
  const mayHold = isOfPeer || session?.foreign.has(key) === true || session?.tasks.has(key) === true;
  if (session === undefined || !mayHold || !mayActAs(identity, credentials.certificate, session))
    throw refusalOf(engine, identity, credentials, session, task, kind);
  const door = isOfPeer ? undefined : engine.peers.workersOf(task.runId);
  if (door === undefined) throw new DomainError('unavailable', 'the home of the run is not known now');
  return door;
};

/** The door for workers and launchers. */
export const createGateway = (engine: Engine): CoordinatorGateway => ({
  openWorkerStream: (credentials, listener) => openWorkerStream(engine, credentials, listener),

  reportExit: async (credentials, report) => {
    requireRunning(engine);
    const identity = await engine.tokens.authenticate(credentials.token, 'join');
    refuseForeignReport(engine, identity, credentials.certificate, report);
    takeExit(engine, identity.tenant, report);
    engine.peers.exited(identity.tenant, report);
  },

  fetchSnapshot: async (credentials, sessionId, request, signal) => {
    const home = await doorOfHome(engine, credentials, sessionId, request.task, 'fetch_snapshot');
    if (home !== undefined) return home.fetchSnapshot(credentials, sessionId, request, signal);
    const { session, held } = await authorise(engine, credentials, sessionId, request.task, 'fetch_snapshot');
    const sealed = await snapshotOf(engine, session, request, 'fetch_snapshot');
    return sendEnvelope(engine, session, held, sealed, request.held);
  },

  fetchPart: async (credentials, sessionId, request, onBytes, signal) => {
    const home = await doorOfHome(engine, credentials, sessionId, request.task, 'fetch_part');
    if (home !== undefined) return home.fetchPart(credentials, sessionId, request, onBytes, signal);
    const { session, held } = await authorise(engine, credentials, sessionId, request.task, 'fetch_part');
    const sealed = await snapshotOf(engine, session, request, 'fetch_part');
    const { part, offset } = request;
    const member = await engine.sealed.member(sealed, part);
    if (offset < 0 || offset > member.byteLength) {
      throw new DomainError('invalid_argument', 'the offset is past the end of the part');
    }
    notePart(engine, session, held, part, offset, member.byteLength);
    if (offset < member.byteLength) onBytes(member.subarray(offset));
    return member.byteLength;
  },

  readSecret: async (credentials, sessionId, task, secret, signal) => {
    const home = await doorOfHome(engine, credentials, sessionId, task, 'read_secret');
    if (home !== undefined) return home.readSecret(credentials, sessionId, task, secret, signal);
    const { session } = await authorise(engine, credentials, sessionId, task, 'read_secret');
    return readTaskSecret(engine, session, task, secret);
  },

  fetchBlob: async (credentials, sessionId, task, digest: Digest, signal) => {
    const home = await doorOfHome(engine, credentials, sessionId, task, 'fetch_blob');
    if (home !== undefined) return home.fetchBlob(credentials, sessionId, task, digest, signal);
    const { session } = await authorise(engine, credentials, sessionId, task, 'fetch_blob');
    return engine.deps.blobs.get(session.tenant, digest);
  },

  mayStoreBlob: async (credentials, sessionId, task) => {
    // Its home asks again; that this session has the task is known here.
    const home = await doorOfHome(engine, credentials, sessionId, task, 'store_blob');
    if (home === undefined) await authorise(engine, credentials, sessionId, task, 'store_blob');
  },

  storeBlob: async (credentials, sessionId, task, bytes, signal) => {
    const home = await doorOfHome(engine, credentials, sessionId, task, 'store_blob');
    if (home !== undefined) return home.storeBlob(credentials, sessionId, task, bytes, signal);
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
