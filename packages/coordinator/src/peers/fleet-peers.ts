import { DomainError, shardOf } from '@skein/domain';
import type { PeerMessage } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { takeExit } from '../gateway/take-exit.ts';
import { recheckTokens } from '../token/manage-tokens.ts';
import { announce, announceAll, gone } from './announce.ts';
import { giveTasksAway, onHoldings, onHomes, readyShards, sayHomes, takeOverHere } from './exchange-holdings.ts';
import { UnreachableHomes } from './fence-unreachable.ts';
import { forgetTask } from './forgotten-tasks.ts';
import { Outbox } from './outbox.ts';
import { passOn, routeOf, takeToWorker } from './pass-on.ts';
import type { PeerLink } from './peer-link.ts';
import type { PeerState } from './peer-state.ts';
import { homeOf, tellAll } from './peer-state.ts';
import { PeerStreams } from './peer-streams.ts';
import { onFromWorker, onPeerLost, onWorker, onWorkerGone, toWorker } from './peer-workers.ts';
import type { PeerCallHandler, Peers } from './peers.ts';
import { RunHints } from './run-hints.ts';
import { isSameSecret } from './same-secret.ts';
import { SlotMarket } from './slot-market.ts';
import { SlotSummaries } from './slot-summaries.ts';
import { SlotWishes } from './slot-wishes.ts';
import { WorkerPlaces } from './worker-places.ts';

/** How long the kept results of a worker that is gone wait for a home to judge them, in lease periods. */
const orphanLeases = 3;

/** How often it is looked whether tasks must be stopped, ms. */
const fenceMs = 250;

/** The other coordinators of a fleet. Everything of a peer begins anew with each stream (P1). */
export const createFleetPeers = (engine: Engine): Peers => {
  const { deps, config, fleet } = engine;
  const places = new WorkerPlaces(engine);
  let handler: PeerCallHandler = ({ method }) =>
    Promise.reject(new DomainError('unimplemented', 'peers may not call this', { method }));

  const onUp = (link: PeerLink): void => {
    deps.meter.gauge(metric.peers, streams.links.length);
    sayHomes(state, link, true);
    announceAll(state, link);
    summaries.changed();
    state.wishes.changed();
    hints.watchedChanged();
  };
  const onDown = (link: PeerLink): void => {
    deps.meter.gauge(metric.peers, streams.links.length);
    state.market.leave(link);
    unreachable.lost(link);
    hints.leave(link);
    onPeerLost(state, link);
    state.wishes.changed();
    hints.watchedChanged();
  };
  const onMessage = (link: PeerLink, message: PeerMessage): void => {
    switch (message.type) {
      case 'peer_hello':
      case 'alive':
        return;
      case 'homes':
        onHomes(state, link, message.shards);
        state.look();
        hints.watchedChanged();
        return;
      case 'slots':
        link.free = message.free;
        return state.wishes.changed();
      case 'wish':
        return state.market.take(link, message.wishes);
      case 'grant':
        return state.wishes.take(link, message);
      case 'give_back': {
        const session = fleet.ofWorker(message.workerId);
        if (session?.via === undefined && session?.sessionId === message.sessionId)
          state.market.giveBack(link, session, message.count);
        return;
      }
      case 'worker':
        return onWorker(state, link, message.worker);
      case 'worker_gone':
        return onWorkerGone(state, link, message);
      case 'holdings':
        return onHoldings(state, link, message);
      case 'from_worker':
        return onFromWorker(state, link, message);
      case 'to_worker':
        return takeToWorker(state, link, message);
      case 'exited':
        takeExit(engine, message.tenant, message.report);
        return;
      case 'wake':
        return hints.onWake(message);
      case 'appended':
        return hints.onAppended(message);
      case 'watching':
        return hints.onWatching(link, message);
      case 'changed':
        engine.members.invalidate(message.tenant, message.what);
        if (message.what === 'tokens') {
          engine.tokens.forget();
          recheckTokens(engine).catch((thrown: unknown) => deps.log.warn('tokens were not checked', { error: thrown }));
        }
        return;
      case 'leaving':
        link.leaving = true;
        engine.members.lookNow();
        return;
      default:
        // Of a later version: what it says is not for this one.
        deps.meter.count(metric.peerUnknown);
    }
  };

  const streams = new PeerStreams(engine, { onUp, onMessage, onDown });

  /** Homes or members may have changed. */
  const look = (): void => {
    const before = state.ready;
    giveTasksAway(state);
    const ready = readyShards(state);
    state.ready = ready;
    const taken = new Set([...ready].flatMap(([shard, epoch]) => (before.get(shard) === epoch ? [] : [shard])));
    if (taken.size > 0) takeOverHere(state, taken);
    for (const link of streams.links) sayHomes(state, link);
  };

  const state: PeerState = {
    engine,
    streams,
    outbox: new Outbox(),
    market: new SlotMarket(engine),
    wishes: new SlotWishes(engine, () => streams),
    ready: new Map(),
    look,
    askAgain: (link) => sayHomes(state, link, true),
    gone: (session, reason) => gone(state, session, reason),
    releasePlace: (session, reason) => places.release(session, reason),
  };
  const hints = new RunHints(state);
  const summaries = new SlotSummaries(engine, () => streams);
  const unreachable = new UnreachableHomes(state);
  let stops: (() => void)[] = [];

  /** What is kept of workers that are gone is not kept for ever. */
  const forgetOrphans = (): void => {
    const since = new Map<string, number>();
    let cancel: () => void = () => undefined;
    const check = (): void => {
      cancel = deps.clock.after(config.leaseMs, check);
      const now = deps.clock.monotonicMs();
      for (const workerId of state.outbox.workers()) {
        const session = fleet.ofWorker(workerId);
        if (session?.via === undefined && session?.link !== undefined) since.delete(workerId);
        else if (!since.has(workerId)) since.set(workerId, now);
        else if (now - (since.get(workerId) ?? now) >= orphanLeases * config.leaseMs) {
          since.delete(workerId);
          const given = state.outbox.remove(workerId, () => true);
          const results = given.filter(({ message }) => message.type === 'result').length;
          if (results > 0) deps.log.warn('results of a worker that is gone found no home', { workerId, results });
        }
      }
    };
    check();
    stops.push(() => cancel());
  };

  const fence = (): void => {
    let cancel: () => void = () => undefined;
    const check = (): void => {
      cancel = deps.clock.after(fenceMs, check);
      unreachable.check();
    };
    check();
    stops.push(() => cancel());
  };

  return {
    isActive: true,
    get connected() {
      return streams.links.map(({ coordinatorId }) => coordinatorId);
    },
    gateway: {
      openPeerStream: streams.accept,
      callPeer: async (credentials, call, signal) => {
        if (!isSameSecret(deps.hasher, config.fleet?.peerSecret, credentials.secret))
          throw new DomainError('permission_denied', 'this is not the secret of the fleet');
        if (engine.phase !== 'running') throw new DomainError('unavailable', 'the coordinator is not ready');
        return handler(call, signal);
      },
    },
    start: () => {
      fleet.hasVia = true;
      fleet.onFree = summaries.changed;
      engine.dispatcher.onWaiting = state.wishes.changed;
      engine.watchers.onNotify = hints.notified;
      engine.watchers.onWatched = hints.watchedChanged;
      stops = [
        engine.members.onChange(() => {
          streams.sync();
          look();
          hints.watchedChanged();
        }),
        engine.members.onChanged((tenant, what) => tellAll(state, { type: 'changed', tenant, what })),
      ];
      streams.start();
      forgetOrphans();
      fence();
      look();
    },
    stop: () => {
      for (const stop of stops.splice(0)) stop();
      fleet.onFree = undefined;
      engine.dispatcher.onWaiting = undefined;
      streams.stop();
    },
    call: async (coordinatorId, call, signal) => {
      const connection = streams.connection(coordinatorId);
      if (connection === undefined)
        throw new DomainError('unavailable', 'the coordinator is not known here', { coordinatorId });
      return connection.peer.callPeer({ secret: config.fleet?.peerSecret ?? '' }, call, signal);
    },
    serve: (given) => {
      handler = given;
    },
    routeOf: (runId) => routeOf(state, runId),
    workersOf: (runId) => {
      const link = homeOf(streams, shardOf(runId));
      return link === undefined ? undefined : streams.connection(link.coordinatorId)?.workers;
    },
    passOn: (session, message) => passOn(state, session, message),
    announce: (session, isNew) => announce(state, session, isNew),
    gone: (session, reason) => gone(state, session, reason),
    exited: (tenant, report) => tellAll(state, { type: 'exited', tenant, report }),
    toWorker: (session, message) => toWorker(state, session, message),
    heardAt: (coordinatorId) => streams.link(coordinatorId)?.heardAt,
    mayLapse: (session) => places.mayLapse(session),
    confirmLeases: (actor) => {
      const via = new Set<PeerLink>();
      for (const session of fleet.sessions) {
        const link = session.via === undefined ? undefined : streams.link(session.via);
        if (session.via === undefined && session.link !== undefined) {
          for (const held of session.tasks.values())
            if (held.ref.runId === actor.runId && held.unconfirmed === Number.POSITIVE_INFINITY)
              forgetTask(state, session, held);
        }
        if (link === undefined) continue;
        for (const held of session.tasks.values()) {
          if (held.ref.runId !== actor.runId || held.unconfirmed !== Number.POSITIVE_INFINITY) continue;
          held.unconfirmed = link.homesSent + 1;
          via.add(link);
        }
      }
      // Shards that are not read yet are said when they are.
      if (state.ready.has(actor.shard)) for (const link of via) sayHomes(state, link, true);
    },
    slotsChanged: () => {
      summaries.changed();
      state.wishes.changed();
    },
    wake: (tenant, runId) => hints.wake(tenant, runId),
  };
};
