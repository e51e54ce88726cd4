import type { CallTargets, Dag, Digest, Problem, Result, SnapshotRequirements, TenantId } from '@skein/domain';
import { collectRequirements, dagDigest } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { IndexedDag } from '../project/dag-cache.ts';
import { callsDags } from '../run/call-steps.ts';

/** What a tree needs; with problems, what the part of it needs that is there. */
export interface TreeRequirements {
  readonly requirements: SnapshotRequirements | undefined;
  readonly problems: readonly Problem[];
}

const plain = new WeakMap<Dag, TreeRequirements>();
const digests = new WeakMap<Dag, Digest>();

const digestOf = (engine: Engine, dag: Dag): Digest => {
  const known = digests.get(dag);
  if (known !== undefined) return known;
  const digest = dagDigest(dag, engine.deps.hasher);
  digests.set(dag, digest);
  return digest;
};

type Named = ReadonlyMap<string, Dag | undefined>;

/** Walks the tree with the DAGs that are known; names that nobody asked for before are noted in `asked`. */
const walkTree = (
  engine: Engine,
  root: Dag,
  named: Named,
  asked: Set<string>,
): Result<SnapshotRequirements, readonly Problem[]> =>
  collectRequirements(root, {
    digestOf: (dag) => digestOf(engine, dag),
    resolveDag: (name) => {
      if (!named.has(name)) asked.add(name);
      return named.get(name);
    },
  });

/** A DAG without steps, in the place of one that does not exist. */
const standIn = (root: Dag, name: string): Dag => {
  const { handlers: _handlers, subDags: _subDags, outputs: _outputs, ...dag } = root;
  return { ...dag, name, steps: [] };
};

const collect = async (
  engine: Engine,
  root: Dag,
  resolve: (name: string) => Promise<Dag | undefined>,
): Promise<TreeRequirements> => {
  const named = new Map<string, Dag | undefined>();
  for (;;) {
    const asked = new Set<string>();
    const found = walkTree(engine, root, named, asked);
    if (asked.size > 0) {
      for (const name of asked) named.set(name, await resolve(name));
      continue;
    }
    if (found.ok) return { requirements: found.value, problems: [] };
    // Whoever mends this wants to know all of it: the agents of the DAGs that are there are looked at too.
    const complete = new Map([...named].map(([name, dag]) => [name, dag ?? standIn(root, name)]));
    const rest = walkTree(engine, root, complete, new Set());
    return { requirements: rest.ok ? rest.value : undefined, problems: found.error };
  }
};

/** What the tree of a DAG needs, by the project as it is now. Throws `unavailable`. */
export const requirementsOf = async (
  engine: Engine,
  tenant: TenantId,
  { dag }: IndexedDag,
): Promise<TreeRequirements> => {
  const known = plain.get(dag);
  if (known !== undefined) return known;
  // Not by the cache of names, which learns of a publication only after it has happened.
  const collected = await collect(engine, dag, async (name) => {
    const stored = await engine.deps.projects.findDag(tenant, name);
    return stored === undefined ? undefined : (await engine.dags.byDigest(tenant, stored.digest)).dag;
  });
  if (!callsDags(dag)) plain.set(dag, collected);
  return collected;
};

/** True when neither the project nor the past has a say in the run: no agent, and no other DAG. */
export const needsNothing = ({ dag }: IndexedDag): boolean => {
  const known = plain.get(dag);
  return known?.requirements?.agents.length === 0 && known.problems.length === 0;
};

/**
 * What a tree needs whose targets were fixed before: names mean what they meant then, whatever the project says now (R4).
 * Throws `internal` when a DAG is not stored, `unavailable`.
 */
export const requirementsAsBefore = async (
  engine: Engine,
  tenant: TenantId,
  { dag }: IndexedDag,
  calls: CallTargets,
): Promise<TreeRequirements> => {
  const targets = new Map<Digest, Dag>();
  for (const digest of new Set(Object.values(calls).flatMap((names) => Object.values(names)))) {
    targets.set(digest, (await engine.dags.byDigest(tenant, digest)).dag);
  }
  const inline = new Set(
    [dag, ...targets.values()].flatMap(({ subDags = {} }) =>
      Object.values(subDags).map((document) => digestOf(engine, document)),
    ),
  );
  const byName = new Map<string, Dag>();
  for (const names of Object.values(calls)) {
    for (const [name, digest] of Object.entries(names)) {
      const target = targets.get(digest);
      if (target !== undefined && (!inline.has(digest) || !byName.has(name))) byName.set(name, target);
    }
  }
  return collect(engine, dag, async (name) => byName.get(name));
};
