import { type Compilable, type RawBuilder, sql } from 'kysely';
import type { SqlValue } from '../thread/sql-thread-messages.ts';
import type { ManyFormOf } from './many-form.ts';
import type { Bound } from './write-unit.ts';

/** Stands for a parameter that is given later. */
class Placeholder {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** A named parameter of a prepared query. */
export const param = <T>(name: string): RawBuilder<T> => sql<T>`${new Placeholder(name)}`;

/** A query that was compiled once; called with the values of its parameters. */
export type Prepared<Values extends { readonly [name: string]: SqlValue }> = (values: Values) => Bound;

/** Compiles the query now, so that the hot path only fills in values. */
export const prepare = <Values extends { readonly [name: string]: SqlValue }>(
  query: Compilable,
  manyOf?: ManyFormOf,
): Prepared<Values> => {
  const { sql: text, parameters } = query.compile();
  const names = parameters.map((parameter) => (parameter instanceof Placeholder ? parameter.name : undefined));
  const many = manyOf?.(text, names);
  return (values) => ({
    ...(many === undefined ? {} : { many }),
    sql: text,
    params: parameters.map((parameter) => {
      if (!(parameter instanceof Placeholder)) return parameter as SqlValue;
      const value = values[parameter.name];
      if (value === undefined) throw new Error(`no value for the parameter ${parameter.name}`);
      return value;
    }),
  });
};

/** A query that is compiled for one use. */
export const bound = (query: Compilable): Bound => {
  const { sql: text, parameters } = query.compile();
  return { sql: text, params: parameters as readonly SqlValue[] };
};
