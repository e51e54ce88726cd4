import type { Bound, Guard, UnitOutcome, WriteUnit } from '../sql/write-unit.ts';
import type { LockStatements } from './lock-statement.ts';
import { changedBy, type Member, type Together, takeTogether, wholeUnits } from './many-statements.ts';
import type { PgConnection } from './pg-connection.ts';
import type { PgStatement, StatementNames } from './pg-statement.ts';
import type { PgResult } from './pg-trip.ts';

/*
 * A batch as one transaction. What does not depend on an answer is sent with what is before it, so that a batch costs two or three round
 * trips however many units it has.
 *
 * B1 All guards first, in the order of the units, then the writes of the winners: a guard never sees a write of its own batch.
 * B2 Every statement sees what was committed before it began (READ COMMITTED). The locks are a statement by themselves, before all others, so
 *    that what the others see includes the work of whoever had them before.
 * B3 The guards of a unit are sent together. When one stops the unit, but another one of it changed something, the transaction is undone
 *    and repeated, with this unit done carefully: a guard at a time, behind a savepoint.
 * B4 `hold` guards are asked first, once for all units. A unit that one of them stops is done carefully too: a guard before it may have
 *    more to say, for instance that the unit was committed already. So are those of its key that follow it.
 * B5 Statements of one kind are sent as one: writes, and the first guards of units whose key no other unit of the batch has, so that nothing
 *    that they depend on comes before them.
 * B6 A batch of units that are nothing but a head that moves and its facts is one round trip: a statement does both, for many runs. Why
 *    some of them stopped is read afterwards.
 */

/** Units to be committed together; `careful` ones a guard at a time. */
export interface Batch {
  readonly units: readonly WriteUnit[];
  readonly careful: ReadonlySet<WriteUnit>;
}

/** B3: the units that must be done carefully. */
export class DirtyStop extends Error {
  readonly units: readonly WriteUnit[];

  constructor(units: readonly WriteUnit[]) {
    super('a unit stopped after it had changed something');
    this.units = units;
  }
}

/** What a transaction works with. */
export interface TransactionDeps {
  readonly connection: PgConnection;
  readonly names: StatementNames;
  readonly locks: LockStatements;
}

/** How a unit came out of its guards: undefined when all of them hold. */
type Stop = { readonly guard: number; readonly rows?: UnitOutcome & { readonly status: 'stopped' } };

const control = (sql: string): PgStatement => ({ sql, params: [] });
const begin: PgStatement = { name: 'begin', sql: 'begin isolation level read committed', params: [] };
const commit: PgStatement = { name: 'commit', sql: 'commit', params: [] };

const holds = ({ must }: Guard, { count }: PgResult): boolean => must === 'run' || count > 0;

const keyOf = ({ sql, params }: Bound): string => `${sql} ${JSON.stringify(params)}`;

/**
 * Commits the batch; one outcome per unit. Throws `DirtyStop`, `ConnectionLost`, and what the driver throws; then nothing is committed, but
 * with `ConnectionLost` it may be.
 */
export const runTransaction = async (deps: TransactionDeps, batch: Batch): Promise<readonly UnitOutcome[]> => {
  const { connection, names, locks } = deps;
  const { units } = batch;
  const lock = locks.statementOf(units.flatMap((unit) => unit.locks ?? []));
  const opening = lock === undefined ? [begin] : [begin, names.named(lock)];
  const whole = batch.careful.size === 0 ? wholeUnits(units, names) : undefined;
  if (whole !== undefined) return runWhole(deps, opening, units, whole);
  if (units.every(({ guards }) => guards.length === 0)) {
    const { statements, places } = finish(units, new Map(), names);
    const results = await connection.trip([...opening, ...statements, commit]);
    return units.map((unit, index) => outcomeOf(unit, undefined, results, opening.length + (places[index] as number)));
  }
  const held = await askHeld(deps, opening, units);
  const careful = carefulOf(batch, held);
  const stops = new Map<WriteUnit, Stop>();
  await guardTogether(deps, held === undefined ? opening : [], units, careful, stops);
  for (const unit of units) {
    if (!careful.has(unit)) continue;
    const stop = await guardCarefully(deps, unit);
    if (stop !== undefined) stops.set(unit, stop);
  }
  const { statements, places } = finish(units, stops, names);
  const results = await connection.trip([...statements, commit]);
  return units.map((unit, index) => outcomeOf(unit, stops.get(unit), results, places[index] as number));
};

/** B6 */
const runWhole = async (
  { connection, names }: TransactionDeps,
  opening: readonly PgStatement[],
  units: readonly WriteUnit[],
  whole: readonly Together[],
): Promise<readonly UnitOutcome[]> => {
  const results = await connection.trip([...opening, ...whole.map(({ statement }) => statement), commit]);
  const changed = new Set(
    whole.flatMap((part, index) => [...changedBy(part, results[opening.length + index] as PgResult)]),
  );
  const stops = new Map(units.flatMap((unit) => (changed.has(unit) ? [] : [[unit, { guard: 0 }] as const])));
  if (stops.size === 0) return units.map(() => ({ status: 'done', results: [] }));
  const stopped = [...stops.keys()];
  const { statements, places } = finish(stopped, stops, names);
  const read = await connection.trip(statements);
  const placeOf = new Map(stopped.map((unit, index) => [unit, places[index] as number]));
  return units.map((unit) => outcomeOf(unit, stops.get(unit), read, placeOf.get(unit) ?? 0));
};

/** What is read for those that stopped, the writes of the winners, and where the results of each unit begin. */
const finish = (
  units: readonly WriteUnit[],
  stops: ReadonlyMap<WriteUnit, Stop>,
  names: StatementNames,
): { readonly statements: readonly PgStatement[]; readonly places: readonly number[] } => {
  const winners = units.filter((unit) => !stops.has(unit) && unit.wantsResults !== true);
  const together = takeTogether(
    winners.flatMap((unit) => unit.writes.map((statement) => ({ unit, statement }))),
    names,
  );
  const done = new Set(together.flatMap(({ members }) => members.map(({ statement }) => statement)));
  const statements = together.map(({ statement }) => statement);
  const places = units.map((unit) => {
    const stop = stops.get(unit);
    const place = statements.length;
    if (stop === undefined) {
      const writes = unit.writes.filter((write) => !done.has(write));
      statements.push(...writes.map((write) => names.named(write, write.answers === 'rows')));
    } else {
      const otherwise = stop.rows === undefined ? unit.guards[stop.guard]?.otherwise : undefined;
      if (otherwise !== undefined) statements.push(names.named(otherwise, true));
    }
    return place;
  });
  return { statements, places };
};

const outcomeOf = (
  { guards, writes, wantsResults = false }: WriteUnit,
  stop: Stop | undefined,
  results: readonly PgResult[],
  place: number,
): UnitOutcome => {
  if (stop !== undefined) {
    if (stop.rows !== undefined) return stop.rows;
    const read = guards[stop.guard]?.otherwise !== undefined;
    return { status: 'stopped', guard: stop.guard, rows: read ? (results[place]?.rows ?? []) : [] };
  }
  if (!wantsResults) return { status: 'done', results: [] };
  return {
    status: 'done',
    results: writes.map(({ answers }, index) => {
      const result = results[place + index] as PgResult;
      return answers === 'rows' ? result.rows : result.count;
    }),
  };
};

/** B4. The answers by statement; undefined when nothing is asked, and nothing was sent. */
const askHeld = async (
  { connection, names }: TransactionDeps,
  opening: readonly PgStatement[],
  units: readonly WriteUnit[],
): Promise<ReadonlyMap<string, boolean> | undefined> => {
  const asked = new Map<string, PgStatement>();
  for (const { guards } of units) {
    for (const guard of guards) if (guard.must === 'hold') asked.set(keyOf(guard), names.named(guard));
  }
  if (asked.size === 0) return undefined;
  const results = await connection.trip([...opening, ...asked.values()]);
  return new Map([...asked.keys()].map((key, index) => [key, (results[opening.length + index] as PgResult).count > 0]));
};

/** The units that are done carefully, with those of their keys that follow. */
const carefulOf = (
  { units, careful }: Batch,
  held: ReadonlyMap<string, boolean> | undefined,
): ReadonlySet<WriteUnit> => {
  const all = new Set<WriteUnit>();
  const keys = new Set<string>();
  for (const unit of units) {
    const refused = unit.guards.some((guard) => guard.must === 'hold' && held?.get(keyOf(guard)) !== true);
    if (!refused && !careful.has(unit) && !keys.has(unit.key)) continue;
    all.add(unit);
    keys.add(unit.key);
  }
  return all;
};

/** B3, B5 */
const guardTogether = async (
  { connection, names }: TransactionDeps,
  opening: readonly PgStatement[],
  units: readonly WriteUnit[],
  careful: ReadonlySet<WriteUnit>,
  stops: Map<WriteUnit, Stop>,
): Promise<void> => {
  const together = takeTogether(firstGuards(units, careful), names);
  const done = new Set<Bound>(together.flatMap(({ members }) => members.map(({ statement }) => statement)));
  const statements = [...opening, ...together.map(({ statement }) => statement)];
  const places: { readonly unit: WriteUnit; readonly guard: number; readonly place: number }[] = [];
  for (const unit of units) {
    if (careful.has(unit)) continue;
    for (const [guard, statement] of unit.guards.entries()) {
      if (statement.must === 'hold' || done.has(statement)) continue;
      places.push({ unit, guard, place: statements.push(names.named(statement)) - 1 });
    }
  }
  const results = await connection.trip(statements);
  const changed = new Set<WriteUnit>();
  for (const [index, part] of together.entries()) {
    const changers = changedBy(part, results[opening.length + index] as PgResult);
    for (const { unit, statement } of part.members) {
      if (changers.has(unit)) changed.add(unit);
      else stops.set(unit, { guard: unit.guards.indexOf(statement as Guard) });
    }
  }
  for (const { unit, guard, place } of places) {
    const statement = unit.guards[guard] as Guard;
    const result = results[place] as PgResult;
    if (!holds(statement, result)) {
      if (!stops.has(unit)) stops.set(unit, { guard });
    } else if (statement.must !== 'exist' && result.count > 0) changed.add(unit);
  }
  const dirty = [...stops.keys()].filter((unit) => changed.has(unit));
  if (dirty.length > 0) throw new DirtyStop(dirty);
};

/** B5: the guards that may come before all others. */
const firstGuards = (units: readonly WriteUnit[], careful: ReadonlySet<WriteUnit>): readonly Member[] => {
  const keys = new Map<string, number>();
  for (const { key } of units) keys.set(key, (keys.get(key) ?? 0) + 1);
  return units.flatMap((unit) => {
    const statement = unit.guards.find(({ must }) => must !== 'hold');
    return statement?.must === 'change' && !careful.has(unit) && keys.get(unit.key) === 1 ? [{ unit, statement }] : [];
  });
};

const guardCarefully = async (
  { connection, names }: TransactionDeps,
  { guards }: WriteUnit,
): Promise<Stop | undefined> => {
  const undoable = guards.length > 1;
  for (const [index, guard] of guards.entries()) {
    const before = undoable && index === 0 ? [control('savepoint unit')] : [];
    const results = await connection.trip([...before, names.named(guard)]);
    if (holds(guard, results[before.length] as PgResult)) continue;
    const undo = undoable ? [control('rollback to unit'), control('release unit')] : [];
    const read = guard.otherwise === undefined ? [] : [names.named(guard.otherwise, true)];
    const undone = await connection.trip([...undo, ...read]);
    const rows = read.length > 0 ? (undone[undo.length]?.rows ?? []) : [];
    return { guard: index, rows: { status: 'stopped', guard: index, rows } };
  }
  if (undoable) await connection.query(control('release unit'));
  return undefined;
};
