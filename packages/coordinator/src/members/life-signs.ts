import type { MemberRow } from '@skein/ports';

/** What was last seen of one member. */
interface Sign {
  readonly incarnation: string;
  renewal: number;
  /** Ms for which the row stayed the same while looks went through. */
  silentMs: number;
  /** Monotonic ms of the first sight of this process, and one before which its latest renewal was not. */
  readonly metAt: number;
  renewedAt: number;
}

/**
 * Who of the others is alive. A row that stays the same for a whole lease, by the own monotonic clock, is that of a dead member; that of a
 * suspect, whose stream ended, for `suspectMs`. Of the time between two looks no more counts than `gapMs`: while the own looks do not go
 * through, or this process is stopped, nobody can be judged.
 */
export class LifeSigns {
  readonly #leaseMs: number;
  readonly #gapMs: number;
  readonly #steadyMs: number;
  readonly #suspectMs: number;
  /** Suspects, with the renewal that the first look saw that began after they were suspected; before, how far that look is. */
  readonly #suspects = new Map<string, number | 'new' | 'asked'>();
  readonly #signs = new Map<string, Sign>();
  #lookedAt: number | undefined;

  /** `steadyMs`: for so long a newcomer renews before it is taken for one that stays. */
  constructor(times: {
    readonly leaseMs: number;
    readonly gapMs: number;
    readonly steadyMs: number;
    readonly suspectMs: number;
  }) {
    this.#leaseMs = times.leaseMs;
    this.#gapMs = times.gapMs;
    this.#steadyMs = times.steadyMs;
    this.#suspectMs = times.suspectMs;
  }

  /** Takes in what a look that ended at `now` (monotonic ms) saw; gives the members that are dead. */
  look(others: readonly MemberRow[], now: number): readonly MemberRow[] {
    const before = this.#lookedAt ?? now;
    const gapMs = Math.min(this.#gapMs, now - before);
    this.#lookedAt = now;
    const names = new Set(others.map(({ coordinatorId }) => coordinatorId));
    for (const id of this.#signs.keys()) if (!names.has(id)) this.#signs.delete(id);
    this.#hearSuspects(others);
    return others.filter(({ coordinatorId, incarnation, renewal }) => {
      const known = this.#signs.get(coordinatorId);
      if (known === undefined || known.incarnation !== incarnation) {
        this.#signs.set(coordinatorId, { incarnation, renewal, silentMs: 0, metAt: now, renewedAt: now });
        return false;
      }
      if (known.renewal !== renewal) {
        known.renewal = renewal;
        known.silentMs = 0;
        known.renewedAt = before;
        return false;
      }
      known.silentMs += gapMs;
      return known.silentMs >= this.#leaseOf(coordinatorId);
    });
  }

  /** It has renewed for long enough to be given shards of somebody who lives. */
  isSteady(coordinatorId: string): boolean {
    const sign = this.#signs.get(coordinatorId);
    return sign !== undefined && sign.renewedAt - sign.metAt >= this.#steadyMs;
  }

  /** Its stream ended. It is suspect until it renews later than the next look that begins. */
  suspect(coordinatorId: string): void {
    this.#suspects.set(coordinatorId, 'new');
  }

  /** A look begins: what it will see was written by now. */
  beginLook(): void {
    for (const [id, seen] of this.#suspects) if (seen === 'new') this.#suspects.set(id, 'asked');
  }

  get hasSuspects(): boolean {
    return this.#suspects.size > 0;
  }

  forget(coordinatorId: string): void {
    this.#signs.delete(coordinatorId);
    this.#suspects.delete(coordinatorId);
  }

  /** Ms from the last look after which the first of the silent ones is dead, if it stays silent. */
  get nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [id, { silentMs }] of this.#signs) next = Math.min(next, this.#leaseOf(id) - silentMs);
    return Math.max(0, next);
  }

  #leaseOf(coordinatorId: string): number {
    return typeof this.#suspects.get(coordinatorId) === 'number' ? this.#suspectMs : this.#leaseMs;
  }

  #hearSuspects(others: readonly MemberRow[]): void {
    for (const [id, seen] of this.#suspects) {
      if (seen === 'new') continue;
      const row = others.find(({ coordinatorId }) => coordinatorId === id);
      if (row === undefined || (seen !== 'asked' && row.renewal !== seen)) this.#suspects.delete(id);
      else this.#suspects.set(id, row.renewal);
    }
  }
}
