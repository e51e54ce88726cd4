/**
 * Work that several ask for at the same time and one does: a transfer, an opening.
 *
 * F1 At most one piece of work per key is under way.
 * F2 Its result is everybody's; its failure is only that of who did it, who may have been cancelled: the others ask again, one by one.
 * F3 Who is aborted waits no longer, neither for another's work nor for its own, which goes on for the others.
 */
export class Flights<K, V> {
  /** Settles when the work ends, and never rejects; undefined when it failed. */
  readonly #running = new Map<K, Promise<{ readonly value: V } | undefined>>();

  /** The result of the work under way for this key, or of `work` when there is none or it fails. Throws what `work` throws, and the signal's reason. */
  async share(key: K, work: () => Promise<V>, signal?: AbortSignal): Promise<V> {
    for (let running = this.#running.get(key); running !== undefined; running = this.#running.get(key)) {
      const done = await orAborted(running, signal);
      if (done !== undefined) return done.value;
    }
    signal?.throwIfAborted();
    const own = (async () => work())();
    // Gone before anyone who waits goes on, so that the next one finds the place free.
    const settled = own
      .finally(() => this.#running.delete(key))
      .then(
        (value) => ({ value }),
        () => undefined,
      );
    this.#running.set(key, settled);
    return orAborted(own, signal);
  }
}

/** What the promise comes to, or the signal's reason when it aborts before (F3). */
const orAborted = <T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
};
