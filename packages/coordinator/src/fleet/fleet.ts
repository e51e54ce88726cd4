import type { SessionId, TaskRef, TenantId, WorkerId } from '@skein/domain';
import type { HeldTask, WorkerSession } from './worker-session.ts';
import { taskKey } from './worker-session.ts';

/** How many past incarnations are remembered as dead, or to be drained. */
const maxExited = 4_096;

/** Remembers one more, and forgets the oldest of too many. */
const note = (known: Set<string>, name: string): void => {
  known.add(name);
  for (const oldest of known) {
    if (known.size <= maxExited) break;
    known.delete(oldest);
  }
};

/** All workers that this coordinator knows, by their names; and those with a free slot. */
export class Fleet {
  readonly #byWorker = new Map<WorkerId, WorkerSession>();
  readonly #bySession = new Map<SessionId, WorkerSession>();
  readonly #byIncarnation = new Map<string, WorkerSession>();
  /** Under which names a session is registered. */
  readonly #names = new Map<WorkerSession, { readonly sessions: SessionId[]; incarnation: string | undefined }>();
  readonly #available = new Set<WorkerSession>();
  readonly #exited = new Set<string>();
  readonly #toDrain = new Set<string>();
  #slots = 0;
  /** Monotonic ms at which the sessions were judged last. */
  checkedAt = Number.POSITIVE_INFINITY;
  /** Bumped with every change of who could take a task. */
  version = 0;

  /** Slots of all workers with a stream. */
  get slots(): number {
    return this.#slots;
  }

  get sessions(): readonly WorkerSession[] {
    return [...this.#byWorker.values()];
  }

  /** Workers that could take a task now. */
  get available(): readonly WorkerSession[] {
    return [...this.#available];
  }

  /** Some worker's stream may end at a peer. */
  hasVia = false;
  /** Set where others want to know that free slots may have changed. */
  onFree: (() => void) | undefined;

  get hasAvailable(): boolean {
    return this.#available.size > 0;
  }

  ofWorker(workerId: WorkerId): WorkerSession | undefined {
    return this.#byWorker.get(workerId);
  }

  ofSession(sessionId: SessionId): WorkerSession | undefined {
    return this.#bySession.get(sessionId);
  }

  ofIncarnation(incarnation: string): WorkerSession | undefined {
    return this.#byIncarnation.get(incarnation);
  }

  held(session: WorkerSession, ref: Pick<TaskRef, 'runId' | 'step' | 'token'>): HeldTask | undefined {
    return session.tasks.get(taskKey(ref));
  }

  /**
   * Adds a session, or its new session id and incarnation. A call of the session before a reconnect may still be under way, so that
   * one id keeps its meaning; older ones, and earlier incarnations, do not.
   */
  register(session: WorkerSession): void {
    this.#byWorker.set(session.workerId, session);
    const names = this.#names.get(session) ?? { sessions: [], incarnation: undefined };
    this.#names.set(session, names);
    if (names.sessions.at(-1) !== session.sessionId) names.sessions.push(session.sessionId);
    this.#bySession.set(session.sessionId, session);
    for (const old of names.sessions.splice(0, names.sessions.length - 2)) this.#bySession.delete(old);
    const incarnation = session.info?.incarnation;
    if (incarnation !== names.incarnation) this.#forgetIncarnation(session, names.incarnation);
    names.incarnation = incarnation;
    if (incarnation !== undefined) this.#byIncarnation.set(incarnation, session);
    this.refresh(session);
  }

  forget(session: WorkerSession): void {
    if (this.#byWorker.get(session.workerId) === session) this.#byWorker.delete(session.workerId);
    const names = this.#names.get(session);
    for (const id of names?.sessions ?? []) this.#bySession.delete(id);
    this.#forgetIncarnation(session, names?.incarnation);
    this.#names.delete(session);
    this.#available.delete(session);
    this.#countSlots();
  }

  /** A launcher said that this process is gone. */
  markExited(incarnation: string): void {
    note(this.#exited, incarnation);
  }

  /** Somebody asked this process to drain: it is told again on each new stream, because what was under way may be lost. */
  markToDrain(tenant: TenantId, incarnation: string): void {
    note(this.#toDrain, `${tenant} ${incarnation}`);
  }

  mustDrain(tenant: TenantId, incarnation: string): boolean {
    return this.#toDrain.has(`${tenant} ${incarnation}`);
  }

  hasExited(incarnation: string): boolean {
    return this.#exited.has(incarnation);
  }

  /** To be called after every change of a session's stream, credits or state. */
  refresh(session: WorkerSession): void {
    if (session.accepting && session.free > 0) this.#available.add(session);
    else this.#available.delete(session);
    this.onFree?.();
  }

  /** To be called when a stream comes or goes. */
  connectionsChanged(): void {
    this.version += 1;
    this.#countSlots();
  }

  #forgetIncarnation(session: WorkerSession, incarnation: string | undefined): void {
    if (incarnation !== undefined && this.#byIncarnation.get(incarnation) === session)
      this.#byIncarnation.delete(incarnation);
  }

  #countSlots(): void {
    this.#slots = 0;
    for (const session of this.#byWorker.values()) if (session.link !== undefined) this.#slots += session.slots;
  }
}
