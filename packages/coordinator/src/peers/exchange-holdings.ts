import { shardOf } from '@skein/domain';
import type { PeerMessage, HeldTask as ToldTask, WorkerHoldings } from '@skein/ports';
import { redeliver } from '../delivery/deliver-messages.ts';
import type { HeldTask, WorkerSession } from '../fleet/worker-session.ts';
import { taskKey } from '../fleet/worker-session.ts';
import { keepTasks } from '../gateway/keep-tasks.ts';
import { onWorkerMessage } from '../gateway/on-worker-message.ts';
import { announceGaveUp } from './announce.ts';
import { forgetTask } from './forgotten-tasks.ts';
import { passOnKept } from './pass-on.ts';
import type { PeerLink } from './peer-link.ts';
import type { PeerState } from './peer-state.ts';
import { homeOf, isOurs, isReady } from './peer-state.ts';

/*
 * Homes say which shards are theirs, and holders answer what their workers hold of them.
 *  X1 each `homes` is answered by one `holdings`, in order; it judges the leases that were known when the `homes` was sent, no later one
 *  X2 a lease that is not confirmed, of a worker that is connected, is lost: its worker does not know the task. Only the word of whoever
 *     holds the worker's latest stream counts (forgotten-tasks.ts)
 *  X3 what a worker runs and does not hold a lease for is revoked
 *  X5 what a worker held when it opened its stream says nothing of leases that were given on that stream: of those its holder is asked
 *  X4 of a shard that is being given away, or read, nothing is judged: its runs are not in memory, and its next home asks
 */

/** The shards that are at home here and read, with their epochs. */
export const readyShards = (state: Pick<PeerState, 'engine' | 'streams'>): ReadonlyMap<number, number> => {
  const { runs } = state.engine;
  const ready = new Map<number, number>();
  for (const shard of runs.shards)
    if (!runs.unread.has(shard) && isOurs(state, shard)) ready.set(shard, runs.epochs.get(shard) ?? 0);
  return ready;
};

/** Tells a peer which shards are at home here, when it does not know; with `again`, to have it answer once more. */
export const sayHomes = (state: PeerState, link: PeerLink, again = false): void => {
  const shards = [...state.ready].map(([shard, epoch]) => ({ shard, epoch }));
  const text = shards.map(({ shard, epoch }) => `${shard}:${epoch}`).join(' ');
  if (!again && link.homesSent > 0 && text === link.told.homes) return;
  link.told.homes = text;
  link.homesSent += 1;
  link.send({ type: 'homes', shards });
};

const holdingsOf = (session: WorkerSession, shards: ReadonlySet<number>): WorkerHoldings | undefined => {
  const running: ToldTask[] = [];
  const unacknowledged = [];
  for (const { ref, started, finished } of session.foreign.values()) {
    if (!shards.has(shardOf(ref.runId))) continue;
    if (finished) unacknowledged.push(ref);
    else running.push({ ...ref, started });
  }
  if (running.length === 0 && unacknowledged.length === 0) return undefined;
  return { workerId: session.workerId, sessionId: session.sessionId, running, unacknowledged };
};

/** Tasks of runs that are no longer at home here become others'. */
export const giveTasksAway = (state: PeerState): void => {
  for (const session of state.engine.fleet.sessions) {
    for (const held of session.tasks.values()) {
      if (isOurs(state, shardOf(held.ref.runId))) continue;
      session.tasks.delete(held.key);
      session.suspected.delete(held.key);
      // What waits to be lost is not held by anybody.
      if (session.via !== undefined || session.link === undefined || held.unconfirmed !== undefined) continue;
      const { key, ref } = held;
      const started = held.started === 'yes' || held.started === 'unknown';
      if (!session.foreign.has(key))
        session.foreign.set(key, { key, ref, started, finished: false, taskClass: undefined });
    }
  }
};

/** A peer says which shards are at home there: it is answered what our workers hold of them, and gets what was kept for it. */
export const onHomes = (
  state: PeerState,
  link: PeerLink,
  shards: Extract<PeerMessage, { readonly type: 'homes' }>['shards'],
): void => {
  const { engine } = state;
  const before = link.homes;
  link.homes = new Map(shards.map(({ shard, epoch }) => [shard, epoch]));
  engine.members.heardHomes(link.coordinatorId, shards);
  giveTasksAway(state);
  announceGaveUp(state, link);
  const named = new Set(shards.map(({ shard }) => shard));
  const workers: WorkerHoldings[] = [];
  for (const session of engine.fleet.sessions) {
    if (session.via !== undefined || session.link === undefined) continue;
    const holdings = holdingsOf(session, named);
    if (holdings !== undefined) workers.push(holdings);
  }
  link.send({ type: 'holdings', shards: [...named], workers });
  passOnKept(state, link, new Set(shards.flatMap(({ shard, epoch }) => (before.get(shard) === epoch ? [] : [shard]))));
};

/** Brings the leases of a worker together with what it holds: those of which `isJudged` is true. */
export const settleHoldings = (
  state: PeerState,
  session: WorkerSession,
  holds: {
    readonly running: readonly ToldTask[];
    readonly unacknowledged: readonly { readonly runId: string; readonly step: string; readonly token: number }[];
  },
  isJudged: (held: HeldTask) => boolean,
): void => {
  const { engine } = state;
  const unacknowledged = new Set(holds.unacknowledged.map(taskKey));
  // X4
  const running = holds.running.filter(
    ({ runId }) => isReady(state, shardOf(runId)) && !engine.runs.isUndrivable(runId),
  );
  const kept = keepTasks(engine, session, running);
  const accounted = new Set(kept.map(taskKey));
  for (const task of running) {
    // X3
    if (!accounted.has(taskKey(task))) {
      const { runId, step, attempt, token } = task;
      session.send({ type: 'revoke', task: { runId, step, attempt, token } });
    }
  }
  for (const held of session.tasks.values()) {
    const shard = shardOf(held.ref.runId);
    if (!isJudged(held) || !isOurs(state, shard)) continue;
    if (!isReady(state, shard)) {
      // Its runs are being read: judged by the answer to the `homes` that names it.
      const link = session.via === undefined ? undefined : state.streams.link(session.via);
      held.unconfirmed = (link?.homesSent ?? 0) + 1;
      continue;
    }
    delete held.unconfirmed;
    if (accounted.has(held.key)) {
      if (held.cancelReason !== undefined) session.send({ type: 'cancel', task: held.ref, reason: held.cancelReason });
      continue;
    }
    if (unacknowledged.has(held.key)) continue;
    // X2
    forgetTask(state, session, held);
  }
  for (const { runId, step } of kept) {
    const actor = engine.runs.find(runId);
    if (actor !== undefined) redeliver(engine, actor, step);
  }
};

/** A peer answers what its workers hold. */
export const onHoldings = (
  state: PeerState,
  link: PeerLink,
  { shards, workers }: Extract<PeerMessage, { readonly type: 'holdings' }>,
): void => {
  link.holdingsSeen += 1;
  const named = new Set(shards);
  const byWorker = new Map(workers.map((holdings) => [holdings.workerId, holdings]));
  for (const session of state.engine.fleet.sessions) {
    if (session.via !== link.coordinatorId || session.link === undefined) continue;
    const told = byWorker.get(session.workerId);
    // Of an older stream of the worker: what holds for the newer one was said with it.
    if (told !== undefined && told.sessionId !== session.sessionId) continue;
    settleHoldings(
      state,
      session,
      told ?? { running: [], unacknowledged: [] },
      // X1
      ({ unconfirmed, ref }) =>
        unconfirmed !== undefined && unconfirmed <= link.holdingsSeen && named.has(shardOf(ref.runId)),
    );
  }
};

/** Shards that are at home here as of now: what workers of ours hold and said of them is this coordinator's to judge. */
export const takeOverHere = (state: PeerState, shards: ReadonlySet<number>): void => {
  const { engine, outbox } = state;
  for (const session of engine.fleet.sessions) {
    if (session.via !== undefined) continue;
    for (const { key, ref, started, finished } of session.foreign.values()) {
      if (!shards.has(shardOf(ref.runId)) || engine.runs.isUndrivable(ref.runId)) continue;
      session.foreign.delete(key);
      if (session.tasks.has(key)) continue;
      // It may have joined while the runs were being read.
      const kept = keepTasks(engine, session, [{ ...ref, started }]);
      if (!finished && kept.length === 0) session.send({ type: 'revoke', task: ref });
    }
  }
  for (const workerId of outbox.workers()) {
    const session = engine.fleet.ofWorker(workerId);
    for (const { message } of outbox.remove(workerId, ({ shard }) => shards.has(shard)))
      if (session !== undefined) onWorkerMessage(engine, session, message);
  }
};

/** Whether anybody is known to be home to the shard. */
export const hasHome = (state: PeerState, shard: number): boolean =>
  isOurs(state, shard) || homeOf(state.streams, shard) !== undefined;
