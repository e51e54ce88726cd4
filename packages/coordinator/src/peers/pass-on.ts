import type { TaskRef } from '@skein/domain';
import { DomainError, shardOf } from '@skein/domain';
import type { CoordinatorMessage, PeerMessage, WorkerMessage } from '@skein/ports';
import { metric } from '../engine/metric-names.ts';
import { endSession } from '../fleet/end-session.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';
import { taskKey } from '../fleet/worker-session.ts';
import { creditSlot, noteRefusal } from '../gateway/collect-result.ts';
import { announce } from './announce.ts';
import type { Kept, TaskMessage } from './outbox.ts';
import { taskOfMessage } from './outbox.ts';
import type { PeerLink } from './peer-link.ts';
import type { PeerState } from './peer-state.ts';
import { homeOf, isOurs, tellAll } from './peer-state.ts';
import type { RunRoute } from './peers.ts';

/*
 * The holder of a worker's stream between the worker and the homes of its tasks.
 *  H1 only the home with the latest epoch is heard: who was home before may not know what the log says
 *  H2 a task counts as held from its offer on, until its result was answered, or it was revoked
 *  H3 nobody offers without a grant
 *  H4 logs are said once to a home that is known: they have no numbers and no answer, so that said again they might be written twice. What
 *     is on its way while that home changes, or while the stream breaks, is missing
 */

const isAboutTask = (message: WorkerMessage): message is TaskMessage => 'task' in message || message.type === 'result';

/** Where what is said of a run goes. */
export const routeOf = (state: PeerState, runId: string): RunRoute => {
  const shard = shardOf(runId);
  if (isOurs(state, shard)) return state.engine.runs.unread.has(shard) ? undefined : 'here';
  const link = homeOf(state.streams, shard);
  return link === undefined ? undefined : { coordinatorId: link.coordinatorId };
};

const noteForeign = (session: WorkerSession, task: TaskRef, finished: boolean): void => {
  const { runId, step, attempt, token } = task;
  const key = taskKey(task);
  session.foreign.set(key, {
    key,
    ref: { runId, step, attempt, token },
    started: true,
    finished,
    taskClass: undefined,
  });
};

/** Takes what a worker of ours said of a run that is not at home here. True: it is dealt with. */
export const passOn = (state: PeerState, session: WorkerSession, message: WorkerMessage): boolean => {
  const { engine, outbox, market, streams } = state;
  const { workerId, sessionId } = session;
  if (message.type === 'evicted') tellAll(state, { type: 'from_worker', workerId, sessionId, message });
  if (!isAboutTask(message)) return false;
  const task = taskOfMessage(message);
  const shard = shardOf(task.runId);
  const isHome = isOurs(state, shard);
  if (isHome && !engine.runs.unread.has(shard)) return false;
  const link = isHome ? undefined : homeOf(streams, shard);
  const foreign = session.foreign.get(taskKey(task));
  if (message.type === 'started') {
    if (foreign !== undefined) foreign.started = true;
    session.refusals = 0;
  }
  if (message.type === 'result') {
    if (message.result.outcome.status === 'released') noteRefusal(engine, session);
    else creditSlot(engine, session, message.result);
    if (foreign === undefined) noteForeign(session, task, true);
    else foreign.finished = true;
    // The freed slot goes in the same frame, before the result, so that the next task of a chain needs no other.
    if (link !== undefined) market.grantAgain(link, session, foreign?.taskClass);
  }
  const mustKeep = message.type === 'result' || message.type === 'checkpoint';
  if ((mustKeep || link === undefined) && !outbox.keep(workerId, sessionId, message, link)) {
    engine.deps.log.warn('a worker said more of runs at home elsewhere than can be kept', { workerId });
    endSession(engine, session, new DomainError('resource_exhausted', 'the homes of the runs do not answer'));
    return true;
  }
  if (link !== undefined) {
    engine.deps.meter.count(metric.peerPassedOn);
    link.send({ type: 'from_worker', workerId, sessionId, message });
  }
  return true;
};

/**
 * A home said that it is there: it gets what is kept for its shards and was not yet said on this stream, in order; of shards that are at
 * home there anew all that is kept, because what was said while they were not came to nothing.
 */
export const passOnKept = (state: PeerState, link: PeerLink, anew: ReadonlySet<number>): void => {
  const sent = new Map<string, Set<Kept>>();
  for (const [workerId, kept] of state.outbox.all()) {
    if (
      (kept.on === link && !anew.has(kept.shard)) ||
      !link.homes.has(kept.shard) ||
      homeOf(state.streams, kept.shard) !== link
    )
      continue;
    if (isOurs(state, kept.shard)) continue;
    kept.on = link;
    const { sessionId, message } = kept;
    link.send({ type: 'from_worker', workerId, sessionId, message });
    if (message.type === 'result' || message.type === 'checkpoint') continue;
    const ofWorker = sent.get(workerId) ?? new Set<Kept>();
    sent.set(workerId, ofWorker.add(kept));
  }
  for (const [workerId, done] of sent) state.outbox.remove(workerId, (kept) => done.has(kept));
};

type ToWorker = Extract<PeerMessage, { readonly type: 'to_worker' }>;

/** The run that a message for a worker is about; undefined for `drain`. */
const runOf = ({ message }: ToWorker): string | undefined => {
  if (message.type === 'offer') return message.offer.runId;
  return 'task' in message ? message.task.runId : undefined;
};

/** What was kept of a task and has its answer. */
const forgetAnswered = ({ outbox }: PeerState, { workerId, message }: ToWorker): void => {
  if (message.type === 'result_acknowledged' || message.type === 'revoke') {
    const key = taskKey(message.task);
    const isAnswered = ({ message: kept }: Kept): boolean =>
      message.type === 'result_acknowledged' || kept.type !== 'result';
    outbox.removeOf(workerId, key, isAnswered);
  }
  if (message.type === 'checkpoint_recorded') {
    const key = taskKey(message.task);
    outbox.removeOf(
      workerId,
      key,
      ({ message: kept }) => kept.type === 'checkpoint' && kept.index + kept.entries.length <= message.count,
    );
  }
};

const takeOffer = (
  state: PeerState,
  link: PeerLink,
  session: WorkerSession,
  { message }: ToWorker & { readonly message: { readonly type: 'offer' } },
): boolean => {
  const { engine, market } = state;
  const { runId, step, attempt, token, definition } = message.offer;
  // H3
  if (!market.use(link, session)) {
    const error = { code: 'resource_exhausted', message: 'the offer came without a granted slot' } as const;
    const outcome = { status: 'released', error } as const;
    const result = { runId, step, attempt, token, outcome, outputs: {}, durationMs: 0 };
    const { workerId, sessionId } = session;
    link.send({ type: 'from_worker', workerId, sessionId, message: { type: 'result', result } });
    return false;
  }
  const ref = { runId, step, attempt, token };
  const key = taskKey(ref);
  const taskClass = engine.classes.of(session.tenant, definition).name;
  session.foreign.set(key, { key, ref, started: false, finished: false, taskClass });
  session.offersSent += 1;
  session.offered += 1;
  engine.fleet.refresh(session);
  engine.dispatcher.pump();
  return true;
};

/** The offer without bytes that the worker was sent before, by whatever home (S5). What it lacks after all it asks for. */
const withoutKnownBytes = (
  session: WorkerSession,
  message: Extract<CoordinatorMessage, { readonly type: 'offer' }>,
): CoordinatorMessage => {
  const { snapshot } = message.offer;
  if (snapshot?.envelope === undefined) return message;
  const { digest } = snapshot;
  if (session.holdings.has(digest)) return { ...message, offer: { ...message.offer, snapshot: { digest } } };
  session.holdings.add(digest);
  return message;
};

/** A home says something to a worker whose stream ends here. */
export const takeToWorker = (state: PeerState, link: PeerLink, told: ToWorker): void => {
  const { engine } = state;
  const { message, workerId, sessionId } = told;
  const runId = runOf(told);
  if (runId !== undefined) {
    const shard = shardOf(runId);
    // H1
    if (isOurs(state, shard) || homeOf(state.streams, shard) !== link) {
      engine.deps.meter.count(metric.peerRefused);
      return;
    }
  }
  forgetAnswered(state, told);
  const session = engine.fleet.ofWorker(workerId);
  if (session === undefined || session.via !== undefined || session.link === undefined) return;
  if (message.type === 'result_acknowledged') {
    // Whatever stream the worker has now: the answer is to the task.
    session.foreign.delete(taskKey(message.task));
    session.send(message);
    return;
  }
  if (session.sessionId !== sessionId) return;
  if (message.type === 'offer' && !takeOffer(state, link, session, { ...told, message })) return;
  if (message.type === 'revoke') {
    const key = taskKey(message.task);
    session.foreign.delete(key);
    if (session.gaveUp !== undefined) {
      const { runId: ofRun, step, attempt, token } = message.task;
      session.gaveUp.set(key, { runId: ofRun, step, attempt, token });
      session.gaveUpChanged = true;
    }
  }
  session.send(message.type === 'offer' ? withoutKnownBytes(session, message) : message);
  if (message.type === 'drain' && !session.draining) {
    session.draining = true;
    if (session.info !== undefined) engine.fleet.markToDrain(session.tenant, session.info.incarnation);
    engine.fleet.refresh(session);
    announce(state, session, false);
  }
};
