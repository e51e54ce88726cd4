import type { WorkerGone } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import type { WorkerSession } from '../fleet/worker-session.ts';

interface Look {
  phase: 'reading' | 'unmoved';
  /** Epoch, or session id, for which one more period was given. */
  readonly mark: string;
}

/**
 * Before the leases of a silent worker lapse here, its place is read: if it opened a stream elsewhere since, its tasks live, and it gets one
 * more lease period for that to be heard of. While the store is away nothing lapses: nothing could be recorded either.
 */
export class WorkerPlaces {
  readonly #engine: Engine;
  readonly #looks = new WeakMap<WorkerSession, Look>();
  /** The last mark for which a worker got a period. */
  readonly #given = new WeakMap<WorkerSession, string>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** False: not now. */
  mayLapse(session: WorkerSession): boolean {
    const { places } = this.#engine.deps;
    if (places === undefined) return true;
    const mark = `${session.epoch} ${session.sessionId} ${session.lastHeardAt}`;
    const look = this.#looks.get(session);
    if (look?.mark === mark) return look.phase === 'unmoved';
    const own: Look = { phase: 'reading', mark };
    this.#looks.set(session, own);
    places.read(session.tenant, session.workerId).then(
      (place) => {
        if (this.#looks.get(session) !== own) return;
        const hasMoved =
          place !== undefined &&
          (session.epoch > 0 ? place.epoch > session.epoch : place.sessionId !== session.sessionId);
        const moved = `${place?.epoch ?? 0}`;
        if (!hasMoved || this.#given.get(session) === moved) {
          own.phase = 'unmoved';
          return;
        }
        this.#given.set(session, moved);
        this.#looks.delete(session);
        session.lastHeardAt = this.#engine.deps.clock.monotonicMs();
      },
      () => {
        if (this.#looks.get(session) === own) this.#looks.delete(session);
      },
    );
    return false;
  }

  /** Nobody holds the worker's stream any more. */
  release(session: WorkerSession, reason: WorkerGone): void {
    const { places, log } = this.#engine.deps;
    if (places === undefined || session.epoch === 0 || (reason !== 'exited' && reason !== 'drained')) return;
    const { tenant, workerId, epoch } = session;
    places.release(tenant, workerId, epoch).catch((thrown: unknown) => {
      log.warn('the place of a worker was not released', { workerId, error: thrown });
    });
  }
}
