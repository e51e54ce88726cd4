// The thread that owns one libSQL connection: the writer (one per database) or a reader.
// It is JavaScript because a worker thread loads its file without a compiler, also when tests run on sources.
// It knows statements and units, nothing of runs.
//
// T1 A reply to a batch leaves only after COMMIT returned: synchronous=FULL has put it on disk.
// T2 A unit whose guard changes nothing leaves no trace; the others in its batch are not touched.
// T3 A batch that fails is undone and repeated unit by unit, so that one unit never costs another.
//    A database that another holds would let each of them wait anew: then they fail together.
// T4 The thread ends itself, between calls of libSQL: one that is ended from outside within such a call takes the process with it.
// T5 A failure of the disk ends a transaction, not the thread: when it cannot be undone, the connection is opened anew.
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'libsql';
import { prepareSafely } from './safe-statement.mjs';

/** @typedef {import('./sql-thread-messages.ts').ThreadRequest} ThreadRequest */
/** @typedef {import('./sql-thread-messages.ts').ThreadReply} ThreadReply */
/** @typedef {import('./sql-thread-messages.ts').EncodedUnit} EncodedUnit */
/** @typedef {import('./sql-thread-messages.ts').EncodedOutcome} EncodedOutcome */
/** @typedef {import('./sql-thread-messages.ts').SqlRow} SqlRow */

const idleCheckpointMs = 100;
const maxPrepared = 500;

/** @type {{ path: string, mode: 'writer' | 'reader', maxPages?: number, busyTimeoutMs?: number, ended: Int32Array }} */
const { path, mode, maxPages, busyTimeoutMs = 5_000, ended } = workerData;
const port = parentPort;
if (port === null) throw new Error('not a worker thread');

/** @type {any} */
let database;
/** @type {Map<number, string>} */
const texts = new Map();
/** @type {Map<string, any>} */
const prepared = new Map();
let written = false;
/** @type {NodeJS.Timeout | undefined} */
let idle;

const open = () => {
  database = new Database(path, { timeout: busyTimeoutMs });
  database.exec(`PRAGMA busy_timeout=${busyTimeoutMs}`);
  if (mode === 'reader') return;
  database.exec('PRAGMA journal_mode=WAL');
  database.exec('PRAGMA synchronous=FULL');
  database.exec('PRAGMA wal_autocheckpoint=0');
  database.exec('PRAGMA foreign_keys=ON');
  if (maxPages !== undefined) database.exec(`PRAGMA max_page_count=${maxPages}`);
};

/** @param {string} sql */
const prepare = (sql) => {
  let statement = prepared.get(sql);
  if (statement === undefined) {
    statement = prepareSafely(database, sql);
    if (prepared.size >= maxPrepared) prepared.delete(/** @type {string} */ (prepared.keys().next().value));
    prepared.set(sql, statement);
  }
  return statement;
};

/** @param {number} id */
const textOf = (id) => {
  const sql = texts.get(id);
  if (sql === undefined) throw new Error('unknown statement');
  return sql;
};

/** Rows as plain values; libSQL gives blobs as ArrayBuffer. @param {number} id @param {readonly unknown[]} params @returns {SqlRow[]} */
const rowsOf = (id, params) => prepare(textOf(id)).all(params);

/** @param {number} id @param {readonly unknown[]} params @returns {number} */
const changesOf = (id, params) => prepare(textOf(id)).run(params).changes;

/** @param {string} sql */
const control = (sql) => prepare(sql).run([]);

/**
 * @param {EncodedUnit[1][number]} guard @param {Map<string, boolean>} held answers of the batch that no guard changes
 * @returns {boolean}
 */
const holds = ([kind, id, params], held) => {
  if (kind === 'exists') return rowsOf(id, params).length > 0;
  if (kind !== 'holds') return changesOf(id, params) > 0 || kind === 'run';
  const key = `${id} ${JSON.stringify(params)}`;
  const known = held.get(key) ?? rowsOf(id, params).length > 0;
  held.set(key, known);
  return known;
};

/**
 * Runs the guards of a unit; answers what stopped it, or undefined.
 * @param {EncodedUnit} unit @param {Map<string, boolean>} held @returns {EncodedOutcome | undefined}
 */
const stopOf = (unit, held) => {
  const guards = unit[1];
  if (guards.length === 0) return undefined;
  const undoable = guards.length > 1;
  if (undoable) control('SAVEPOINT unit');
  for (let at = 0; at < guards.length; at += 1) {
    const guard = /** @type {EncodedUnit[1][number]} */ (guards[at]);
    if (holds(guard, held)) continue;
    const [, , , otherwiseId, otherwiseParams] = guard;
    if (undoable) {
      control('ROLLBACK TO unit');
      control('RELEASE unit');
    }
    return { stopped: at, rows: otherwiseId === undefined ? [] : rowsOf(otherwiseId, otherwiseParams ?? []) };
  }
  if (undoable) control('RELEASE unit');
  return undefined;
};

/** @param {EncodedUnit} unit @returns {EncodedOutcome} */
const write = ([wanted, , writes]) => {
  if (!wanted) {
    for (const [, id, params] of writes) changesOf(id, params);
    return 0;
  }
  return writes.map(([kind, id, params]) => (kind === 'rows' ? rowsOf(id, params) : changesOf(id, params)));
};

/** Undoes the transaction that failed, whatever the disk says to that. */
const undo = () => {
  if (!database.inTransaction) return;
  try {
    database.exec('ROLLBACK');
  } catch {
    prepared.clear();
    database.close();
    open(); // T5
  }
};

/** All guards first, then the writes of the winners. @param {readonly EncodedUnit[]} units @returns {EncodedOutcome[]} */
const transaction = (units) => {
  control('BEGIN IMMEDIATE');
  try {
    /** @type {Map<string, boolean>} */
    const held = new Map();
    const stops = units.map((unit) => stopOf(unit, held));
    const outcomes = units.map((unit, index) => stops[index] ?? write(unit));
    control('COMMIT'); // T1
    return outcomes;
  } catch (error) {
    undo();
    throw error;
  }
};

/** @param {unknown} error */
const failureOf = (error) => {
  const { code, message } = /** @type {{ code?: unknown, message?: unknown }} */ (error ?? {});
  return { code: typeof code === 'string' ? code : 'UNKNOWN', message: String(message ?? error) };
};

/** @param {string} code */
const isLock = (code) => code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');

/** @param {readonly EncodedUnit[]} units @returns {EncodedOutcome[]} */
const commit = (units) => {
  written = true;
  try {
    return transaction(units);
  } catch (error) {
    const failed = failureOf(error);
    if (units.length === 1 || isLock(failed.code)) return units.map(() => ({ failed }));
  }
  return units.map((unit) => {
    try {
      return /** @type {EncodedOutcome} */ (transaction([unit])[0]); // T3
    } catch (error) {
      return { failed: failureOf(error) };
    }
  });
};

const checkpoint = () => {
  const [result] = database.prepare('PRAGMA wal_checkpoint(PASSIVE)').all();
  return result?.log === result?.checkpointed;
};

const whenIdle = () => {
  try {
    if (written) written = !checkpoint();
  } catch (error) {
    port.postMessage({ id: 0, failed: failureOf(error) }); // T5
  }
};

/** @param {Extract<ThreadRequest, { type: 'commit' }>} request @returns {EncodedUnit[]} */
const unpack = ({ units, bytes }) =>
  JSON.parse(
    units,
    bytes.length === 0
      ? undefined
      : (_, value) => (typeof value?.b === 'number' ? Buffer.from(/** @type {Uint8Array} */ (bytes[value.b])) : value),
  );

/** @param {ThreadRequest} request @returns {unknown} */
const answer = (request) => {
  switch (request.type) {
    case 'open':
      open();
      return undefined;
    case 'commit':
      for (const [id, sql] of request.define) texts.set(id, sql);
      return commit(unpack(request));
    case 'query': {
      const statement = prepare(request.sql);
      return statement.reader
        ? { rows: statement.all(request.params, request.onDamage) }
        : { rows: [], changes: statement.run(request.params).changes };
    }
    case 'checkpoint':
      return checkpoint();
    case 'end':
      return undefined;
    case 'close':
      clearTimeout(idle);
      prepared.clear();
      database?.close();
      return undefined;
  }
};

/** T4: an answer that is not sent yet is lost, as it would be with a crash. */
const endIfTold = () => {
  if (Atomics.load(ended, 0) === 1) process.exit(1);
};

port.on('message', (/** @type {ThreadRequest} */ request) => {
  endIfTold();
  /** @type {ThreadReply} */
  let reply;
  try {
    reply = { id: request.id, value: answer(request) };
  } catch (error) {
    reply = { id: request.id, failed: failureOf(error) };
  }
  endIfTold();
  port.postMessage(reply);
  if (request.type === 'close') port.close();
  else if (mode === 'writer' && request.type === 'commit') {
    if (idle === undefined) idle = setTimeout(whenIdle, idleCheckpointMs);
    else idle.refresh();
  }
});
