import { shardOf } from '@skein/domain';
import type { ForeignTask, WorkerSession } from '../fleet/worker-session.ts';
import { hasHome } from './exchange-holdings.ts';
import type { PeerLink } from './peer-link.ts';
import type { PeerState } from './peer-state.ts';

/** A home that lives and cannot be reached from here, and since when (monotonic ms) at the latest it has heard nothing of our workers. */
interface Lost {
  readonly coordinatorId: string;
  readonly since: number;
}

/**
 * A home that lives and cannot be reached from here lets the leases of our workers lapse; before it does, its tasks are stopped here, as a
 * worker stops that hears from nobody (rule 4). The tasks of a home that is gone go on: nobody leases them again before a new home has
 * asked what our workers hold, or has waited for a lease period because it cannot be reached either.
 */
export class UnreachableHomes {
  readonly #state: PeerState;
  readonly #lost = new Map<number, Lost>();

  constructor(state: PeerState) {
    this.#state = state;
  }

  /** The stream to a peer ended. */
  lost(link: PeerLink): void {
    for (const shard of link.homes.keys())
      this.#lost.set(shard, { coordinatorId: link.coordinatorId, since: link.heardAt });
  }

  /** Stops the tasks whose time is over. To be called often. */
  check(): void {
    const { engine } = this.#state;
    const { leaseMs, heartbeatMs } = engine.config;
    const now = engine.deps.clock.monotonicMs();
    const live = new Set(engine.members.live.map(({ coordinatorId }) => coordinatorId));
    for (const shard of this.#lost.keys()) if (hasHome(this.#state, shard)) this.#lost.delete(shard);
    const looked = new Map<number, Lost | undefined>();
    for (const session of engine.fleet.sessions) {
      if (session.via !== undefined) continue;
      for (const task of session.foreign.values()) {
        if (task.finished) continue;
        const shard = shardOf(task.ref.runId);
        if (!looked.has(shard)) looked.set(shard, this.#look(shard, live, now));
        const lost = looked.get(shard);
        // A worker that came since has its place here, so that the home gives it one period from then on.
        if (lost !== undefined && now - Math.max(lost.since, session.joinedAt) >= leaseMs - heartbeatMs)
          this.#fence(session, task, lost.coordinatorId);
      }
    }
  }

  /** The home of a shard, when it lives and is out of reach; one that is met so anew counts from now on, because its leases do. */
  #look(shard: number, live: ReadonlySet<string>, now: number): Lost | undefined {
    const { engine, streams } = this.#state;
    if (hasHome(this.#state, shard)) return undefined;
    const known = this.#lost.get(shard);
    const home = engine.members.homeOf(shard);
    const coordinatorId = home === undefined || home === 'here' ? known?.coordinatorId : home.coordinatorId;
    // One that is heard asks before it judges.
    if (coordinatorId === undefined || !live.has(coordinatorId) || streams.link(coordinatorId) !== undefined)
      return undefined;
    if (known?.coordinatorId === coordinatorId) return known;
    const lost = { coordinatorId, since: now };
    this.#lost.set(shard, lost);
    return lost;
  }

  #fence(session: WorkerSession, { key, ref }: ForeignTask, coordinatorId: string): void {
    const { runId, step, token } = ref;
    this.#state.engine.deps.log.warn('a task is stopped because its home cannot be reached', {
      runId,
      stepId: step,
      fencingToken: token,
      workerId: session.workerId,
      peer: coordinatorId,
    });
    session.foreign.delete(key);
    session.gaveUp?.set(key, ref);
    session.gaveUpChanged = true;
    session.send({ type: 'revoke', task: ref });
  }
}
