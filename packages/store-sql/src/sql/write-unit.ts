import type { SqlRow, SqlValue } from '../thread/sql-thread-messages.ts';

/** SQL text with its parameters. */
export interface Bound {
  readonly sql: string;
  readonly params: readonly SqlValue[];
  /** Where many of its kind in one batch are cheaper as one: the same object for all of them. */
  readonly many?: ManyForm;
}

/**
 * A statement that does for many rows of different runs what its kind does for one. The parameters follow one another. It answers the columns
 * `tenant` and `run_id` of each row that it changed.
 */
export interface ManyForm {
  textOf(count: number): string;
  /** Where in the parameters of one of them its tenant and its run are. */
  readonly keyAt: readonly [tenant: number, run: number];
  /** How many parameters one of them has. */
  readonly width: number;
  /** Of a write: one text for both, which writes only for those runs of which `guard` changed a row, and answers as that. */
  behind?(guard: ManyForm, count: number): string;
}

/**
 * A statement that must change a row or find one, else the unit stops and `otherwise` is read instead. `hold`: as `exist`, of something
 * that no guard of any unit changes, so that a batch asks once for all units that ask the same. `run`: it only runs, between the guards.
 */
export interface Guard extends Bound {
  readonly must: 'change' | 'exist' | 'hold' | 'run';
  readonly otherwise?: Bound;
}

/** A statement of a unit that won; with `rows` it answers rows, else the number of rows it changed. */
export interface Write extends Bound {
  readonly answers?: 'rows';
}

/**
 * A name that a unit locks for the length of its transaction, where several processes write (PostgreSQL; SQLite has one writer and
 * needs none). What a unit reads in order to decide, and no unique key or guarded row protects, is protected by a lock: whoever changes it takes
 * it `exclusive`, whoever only relies on it `shared`.
 */
export interface UnitLock {
  /** For example `project/TENANT`. */
  readonly name: string;
  readonly mode: 'shared' | 'exclusive';
}

/**
 * Statements that take effect together or not at all, in a durable commit that they may share with other units.
 * A unit must be safe to repeat: it is sent again when the answer to its commit was lost.
 */
export interface WriteUnit {
  /** Units of a batch run in the order of their keys; equal keys keep the order of the calls. */
  readonly key: string;
  /** Taken before the guards, sorted by name with those of the batch. */
  readonly locks?: readonly UnitLock[];
  readonly guards: readonly Guard[];
  readonly writes: readonly Write[];
  /** Set when the results of the writes are wanted. */
  readonly wantsResults?: boolean;
}

/** How a unit ended. `results` has one entry per write. */
export type UnitOutcome =
  | { readonly status: 'done'; readonly results: readonly (readonly SqlRow[] | number)[] }
  | { readonly status: 'stopped'; readonly guard: number; readonly rows: readonly SqlRow[] };

/** Makes units durable. Rejects with `unavailable` when a unit could not be committed. */
export interface Committer {
  commit(unit: WriteUnit): Promise<UnitOutcome>;
}
