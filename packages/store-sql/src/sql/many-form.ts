import type { ManyForm } from './write-unit.ts';

/** How to make the form of a statement for many at once from its text and the names of its parameters, in their order. */
export type ManyFormOf = (text: string, names: readonly (string | undefined)[]) => ManyForm;

const cached = (textOf: (count: number) => string): ((count: number) => string) => {
  const texts = new Map<number, string>();
  return (count) => {
    const known = texts.get(count) ?? textOf(count);
    texts.set(count, known);
    return known;
  };
};

const keyAt = (names: readonly (string | undefined)[]): ManyForm['keyAt'] => [
  names.indexOf('tenant'),
  names.indexOf('runId'),
];

/** `($1, $2), ($3, $4)`; numbers begin after `before`. */
const tuples = (count: number, width: number, typeOf: (index: number) => string = () => '', before = 0): string =>
  Array.from({ length: count }, (_, row) => {
    const values = Array.from({ length: width }, (_, column) => {
      const type = row === 0 ? typeOf(column) : '';
      return `$${before + row * width + column + 1}${type === '' ? '' : `::${type}`}`;
    });
    return `(${values.join()})`;
  }).join();

/** Of `insert into … (…) values (…) …` on PostgreSQL, for a table of runs. `types` are those of parameters that are no texts. */
export const manyInserts =
  (types: { readonly [name: string]: string } = {}): ManyFormOf =>
  (text, names) => {
    const [, before = '', columns = '', after = ''] =
      /^(insert into \S+ \(([^)]*)\)) values \([^)]*\)(.*)$/s.exec(text) ?? [];
    const width = names.length;
    const typeOf = (index: number): string => types[names[index] ?? ''] ?? 'text';
    const behind = new Map<ManyForm, (count: number) => string>();
    // `is true` makes it a table of hashes: the planner expects one row, and would compare each with each.
    const behindGuard = (guard: ManyForm) =>
      cached(
        (count) => `with changed as (${guard.textOf(count)}),
          written as (${before} select given.* from (values ${tuples(count, width, typeOf, count * guard.width)}) as given(${columns})
            where ((given.tenant, given.run_id) in (select tenant, run_id from changed)) is true${after})
          select tenant, run_id from changed`,
      );
    return {
      textOf: cached((count) => `${before} values ${tuples(count, width)}${after} returning tenant, run_id`),
      keyAt: keyAt(names),
      width,
      behind: (guard, count) => {
        const textOf = behind.get(guard) ?? behindGuard(guard);
        behind.set(guard, textOf);
        return textOf(count);
      },
    };
  };

/**
 * Of `update … set … where tenant, run_id and seq are …` on PostgreSQL. `columns` says which column, and of which type, each parameter is for;
 * `expected` is the sequence number that the row must have.
 */
export const manyUpdates =
  (table: string, columns: { readonly [name: string]: readonly [column: string, type: string] }): ManyFormOf =>
  (_text, names) => {
    const given = names.map((name = '') => ({ name, column: columns[name]?.[0], type: columns[name]?.[1] ?? 'text' }));
    const sets = given.flatMap(({ name, column }) => (column === undefined ? [] : [`${column} = given."${name}"`]));
    const rows = (count: number) => tuples(count, given.length, (index) => given[index]?.type ?? 'text');
    return {
      textOf: cached(
        (count) => `update ${table} as stored set ${sets.join()}
          from (values ${rows(count)}) as given(${given.map(({ name }) => `"${name}"`).join()})
          where stored.tenant = given.tenant and stored.run_id = given."runId" and stored.seq = given.expected::bigint
          returning stored.tenant, stored.run_id`,
      ),
      keyAt: keyAt(names),
      width: names.length,
    };
  };
