// Statements whose rows may hold damaged texts.
//
// libSQL ends the whole process at a text that is not UTF-8, which one flipped bit of the file is enough for. So what a SELECT finds
// leaves SQLite as bytes: all values of a row that are no blobs as one JSON array, which costs about as much as many small values.
// Statements with RETURNING cannot be read so: theirs must not return texts.
import { isUtf8 } from 'node:buffer';

/** @typedef {import('./sql-thread-messages.ts').SqlRow} SqlRow */
/** @typedef {import('./sql-thread-messages.ts').OnDamage} OnDamage */

/** A text that is damaged, as libSQL's own errors look. */
const damage = () => Object.assign(new Error('a text is not UTF-8'), { code: 'SQLITE_CORRUPT' });

/** Bytes where a text belongs: the statement makes SQLite refuse them, as no JSON. @param {unknown} error */
const isForeignValue = (error) => /** @type {{ message?: unknown }} */ (error)?.message === 'malformed JSON';

/**
 * A statement to run, or to read rows from. With `replace` a damaged text comes with U+FFFD in it, else the read fails.
 * @param {any} database @param {string} sql
 * @returns {{ reader: boolean, run(params: readonly unknown[]): any, all(params: readonly unknown[], onDamage?: OnDamage): SqlRow[] }}
 */
export const prepareSafely = (database, sql) => {
  const statement = database.prepare(sql);
  if (!statement.reader || !/^\s*(?:select|with)\b/i.test(sql)) return statement;
  /** @type {{ name: string, type: string | null }[]} */
  const columns = statement.columns();
  const names = columns.map((_, at) => `c${at}`);
  // An expression has no declared type: it may be either.
  const blobs = names.filter((_, at) => /^(?:blob)?$/i.test(columns[at]?.type ?? ''));
  const inJson = names.map((name) => {
    const other = blobs.includes(name) ? 'null' : `json('{' || hex(${name}))`;
    return `case typeof(${name}) when 'blob' then ${other} else ${name} end`;
  });
  const bytes = blobs.map((name) => `case when typeof(${name}) = 'blob' then ${name} end`);
  const safe = database
    .prepare(
      `with safe(${names.join()}) as (${sql}) select ${[`cast(json_array(${inJson.join()}) as blob)`, ...bytes].join()} from safe`,
    )
    .raw();
  return {
    reader: true,
    run: (params) => statement.run(params),
    all: (params, onDamage = 'refuse') => {
      /** @type {ArrayBuffer[][]} */
      let rows;
      try {
        rows = safe.all(params);
      } catch (error) {
        throw isForeignValue(error) ? damage() : error;
      }
      return rows.map(([json, ...found]) => {
        const text = Buffer.from(/** @type {ArrayBuffer} */ (json));
        if (onDamage === 'refuse' && !isUtf8(text)) throw damage();
        const values = JSON.parse(text.toString());
        for (const [at, name] of blobs.entries()) values[names.indexOf(name)] ??= found[at];
        return Object.fromEntries(columns.map(({ name }, at) => [name, values[at]]));
      });
    },
  };
};
