import { createHash } from 'node:crypto';
import type { Bound, UnitLock } from '../sql/write-unit.ts';

const maxKnown = 10_000;

/**
 * Compiles the locks of a batch. All writers take theirs in the same order, that of the numbers, so that none waits in a ring; a name
 * that is wanted in both ways is taken `exclusive`. Names of different schemas do not meet.
 */
export class LockStatements {
  readonly #schema: string;
  readonly #numbers = new Map<string, bigint>();

  constructor(schema: string) {
    this.#schema = schema;
  }

  /** Undefined when there is nothing to lock. The locks end with the transaction. */
  statementOf(locks: Iterable<UnitLock>): Bound | undefined {
    const modes = new Map<bigint, UnitLock['mode']>();
    for (const { name, mode } of locks) {
      const number = this.numberOf(name);
      if (modes.get(number) !== 'exclusive') modes.set(number, mode);
    }
    if (modes.size === 0) return undefined;
    const sorted = [...modes].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return {
      sql: `select case when lock.alone then pg_advisory_xact_lock(lock.number)::text else pg_advisory_xact_lock_shared(lock.number)::text end
        from unnest($1::text::bigint[], $2::text::boolean[]) as lock(number, alone)`,
      params: [
        `{${sorted.map(([number]) => number).join()}}`,
        `{${sorted.map(([, mode]) => (mode === 'exclusive' ? 't' : 'f')).join()}}`,
      ],
    };
  }

  /** The 64 bits by which PostgreSQL knows a lock. */
  numberOf(name: string): bigint {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = createHash('sha256').update(`skein/${this.#schema}/${name}`).digest().readBigInt64BE();
    if (this.#numbers.size >= maxKnown) this.#numbers.clear();
    this.#numbers.set(name, number);
    return number;
  }
}
