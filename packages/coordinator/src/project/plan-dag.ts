import type { Dag, JsonValue } from '@skein/domain';
import { canonicalJson } from '@skein/domain';
import type { StoredDag } from '@skein/ports';
import type { PlannedDag } from './apply-plan.ts';

/** What a publication makes of a DAG whose name means `before` now. Pure. */
export const planDag = ({ name, digest, dag }: StoredDag, before: StoredDag | undefined): PlannedDag => {
  const change = before === undefined ? 'created' : before.digest === digest ? 'unchanged' : 'updated';
  return {
    name,
    change,
    ...(before === undefined ? {} : { before: before.digest }),
    digest,
    steps: diffFields(stepsOf(before?.dag), stepsOf(dag)),
    fields: change === 'updated' ? fieldsThatDiffer(before?.dag, dag) : [],
  };
};

const stepsOf = (dag: Dag | undefined): ReadonlyMap<string, string> =>
  new Map(
    dag === undefined
      ? []
      : [...dag.steps, ...Object.values(dag.handlers ?? {})].map((step) => [
          step.id,
          canonicalJson(step as unknown as JsonValue),
        ]),
  );

const diffFields = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): PlannedDag['steps'] => ({
  added: [...after.keys()].filter((key) => !before.has(key)),
  removed: [...before.keys()].filter((key) => !after.has(key)),
  changed: [...after.keys()].filter((key) => before.has(key) && before.get(key) !== after.get(key)),
});

const fieldsThatDiffer = (before: Dag | undefined, after: Dag): readonly string[] => {
  const fields = (dag: Dag | undefined) =>
    new Map(
      Object.entries(dag ?? {})
        .filter(([name]) => name !== 'steps' && name !== 'handlers')
        .map(([name, value]) => [name, canonicalJson(value as JsonValue)]),
    );
  const { added, removed, changed } = diffFields(fields(before), fields(after));
  const differ = [...added, ...removed, ...changed].toSorted();
  const order = (dag: Dag | undefined): string => (dag?.steps ?? []).map(({ id }) => id).join(' ');
  const { added: more, removed: less } = diffFields(stepsOf(before), stepsOf(after));
  // Steps that only changed places have the same content each.
  return more.length + less.length === 0 && order(before) !== order(after) ? [...differ, 'step order'] : differ;
};
