import type { Bound, ManyForm, WriteUnit } from '../sql/write-unit.ts';
import type { PgStatement, StatementNames } from './pg-statement.ts';
import type { PgResult } from './pg-trip.ts';

/** In one statement; each number of rows that is used is a text that the server keeps. */
const sizes = [64, 32, 16, 8, 4, 2];

/** A statement of a unit that has a form for many. */
export interface Member {
  readonly unit: WriteUnit;
  readonly statement: Bound;
}

/** Statements of one kind as one. */
export interface Together {
  readonly statement: PgStatement;
  readonly members: readonly Member[];
}

const keyOf = (tenant: unknown, run: unknown): string => `${String(tenant)}\u0000${String(run)}`;

/** Makes of statements of one kind as few as it can; one that is alone in its kind is left out. */
export const takeTogether = (members: readonly Member[], names: StatementNames): readonly Together[] => {
  const kinds = new Map<ManyForm, Member[]>();
  for (const member of members) {
    const { many } = member.statement;
    if (many === undefined) continue;
    const kind = kinds.get(many);
    if (kind === undefined) kinds.set(many, [member]);
    else kind.push(member);
  }
  return [...kinds].flatMap(([form, all]) => {
    const parts: Together[] = [];
    for (let at = 0; all.length - at > 1; ) {
      const size = sizes.find((count) => count <= all.length - at) as number;
      const part = all.slice(at, at + size);
      const params = part.flatMap(({ statement }) => statement.params);
      parts.push({ statement: names.named({ sql: form.textOf(size), params }, true), members: part });
      at += size;
    }
    return parts;
  });
};

/**
 * Units that are nothing but one guard and one write, each with a form for many, as statements that do both: undefined when one of them is
 * more than that, or when two have one key, so that the second depends on the first.
 */
export const wholeUnits = (units: readonly WriteUnit[], names: StatementNames): readonly Together[] | undefined => {
  const kinds = new Map<ManyForm, Map<ManyForm, WriteUnit[]>>();
  const keys = new Set<string>();
  for (const unit of units) {
    const [guard, ...guards] = unit.guards;
    const [write, ...writes] = unit.writes;
    const plain = guards.length + writes.length === 0 && unit.wantsResults !== true && guard?.must === 'change';
    if (!plain || guard.many === undefined || write?.many?.behind === undefined || keys.has(unit.key)) return undefined;
    keys.add(unit.key);
    const kind = kinds.get(guard.many) ?? new Map<ManyForm, WriteUnit[]>();
    kinds.set(guard.many, kind.set(write.many, [...(kind.get(write.many) ?? []), unit]));
  }
  const parts: Together[] = [];
  for (const [guardForm, kind] of kinds) {
    for (const [writeForm, all] of kind) {
      for (let at = 0; at < all.length; ) {
        const size = sizes.find((count) => count <= all.length - at) ?? 1;
        const part = all.slice(at, at + size);
        const members = part.map((unit) => ({ unit, statement: unit.guards[0] as Bound }));
        const params = [...members, ...part.map((unit) => ({ statement: unit.writes[0] as Bound }))];
        const sql = writeForm.behind?.(guardForm, size) ?? '';
        const statement = names.named({ sql, params: params.flatMap((member) => member.statement.params) }, true);
        parts.push({ statement, members });
        at += size;
      }
    }
  }
  return parts;
};

/** Which of the units changed a row. */
export const changedBy = ({ members }: Together, { rows }: PgResult): ReadonlySet<WriteUnit> => {
  const changed = new Set(rows.map((row) => keyOf(row['tenant'], row['run_id'])));
  return new Set(
    members.flatMap(({ unit, statement: { params, many } }) => {
      const [tenant, run] = many?.keyAt ?? [0, 0];
      return changed.has(keyOf(params[tenant], params[run])) ? [unit] : [];
    }),
  );
};
