import { shardOf } from '@skein/domain';
import { loseTask } from '../fleet/lose-task.ts';
import { neverArrived } from '../fleet/never-arrived.ts';
import type { HeldTask, WorkerSession } from '../fleet/worker-session.ts';
import type { PeerState } from './peer-state.ts';
import { isOurs } from './peer-state.ts';

/** Wait before a place that could not be read is read again (ms). */
const againMs = 100;

const lose = ({ engine }: PeerState, session: WorkerSession, held: HeldTask): void => {
  delete held.unconfirmed;
  // Whoever holds the stream would know of it, had it passed.
  const isUnseen = held.started === 'no' || held.started === 'unknown';
  if (isUnseen && neverArrived(engine, session, { ...held, started: 'unknown' })) held.started = 'never';
  loseTask(engine, session, held, 'worker_forgot');
};

/**
 * The holder of a worker's stream, this coordinator or a peer, does not name a task: it is lost, unless the worker has a later stream
 * elsewhere, of which nothing was heard here yet. Then the holder of that one says what the worker has.
 */
export const forgetTask = (state: PeerState, session: WorkerSession, held: HeldTask): void => {
  const { places, clock, log } = state.engine.deps;
  const { epoch, link, tenant, workerId } = session;
  if (places === undefined || epoch === 0) {
    lose(state, session, held);
    return;
  }
  held.unconfirmed = Number.POSITIVE_INFINITY;
  /** Nothing was heard of the worker or its task meanwhile. */
  const isSame = (): boolean =>
    session.tasks.get(held.key) === held &&
    held.unconfirmed === Number.POSITIVE_INFINITY &&
    session.epoch === epoch &&
    session.link === link &&
    isOurs(state, shardOf(held.ref.runId));
  places.read(tenant, workerId).then(
    (place) => {
      if (isSame() && (place === undefined || place.epoch <= epoch)) lose(state, session, held);
    },
    (thrown: unknown) => {
      log.debug('the place of a worker cannot be read now', { workerId, error: thrown });
      clock.after(againMs, () => {
        if (isSame()) forgetTask(state, session, held);
      });
    },
  );
};
