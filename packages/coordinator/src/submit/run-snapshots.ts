import type { AgentDecision, Digest, SnapshotRequirements, TenantId } from '@skein/domain';
import { defaultSnapshotLimits } from '@skein/domain';
import { buildSnapshot } from '@skein/snapshot';
import type { Engine } from '../engine/engine.ts';
import { pauseOf } from '../engine/pause-of.ts';
import { recentValues } from '../engine/recent-values.ts';
import { memoryOfArms } from '../memory/rollout-memory.ts';
import type { Routes } from './agent-routes.ts';

type Agents = { readonly [agentId: string]: AgentDecision };

/** A snapshot that is stored, as a run is recorded with it. */
export interface StoredSnapshot {
  readonly digest: Digest;
  readonly memory: { readonly [scope: string]: number };
}

/** Builds the snapshot of these versions and stores it. Throws what `buildSnapshot` throws, `unavailable`. */
export const storeSnapshot = async (
  engine: Engine,
  tenant: TenantId,
  requirements: SnapshotRequirements,
  agents: Agents,
  routes: Routes,
): Promise<StoredSnapshot> => {
  const { hasher, clock, projects, snapshots } = engine.deps;
  const versions = Object.fromEntries(Object.entries(agents).map(([id, { versionId }]) => [id, versionId]));
  const isApart = routes.rollouts.size > 0 || Object.values(agents).some(({ memory }) => memory !== undefined);
  const reading = isApart ? memoryOfArms(engine, routes, agents) : projects;
  const built = await buildSnapshot(
    { projects: reading, hasher, limits: defaultSnapshotLimits, pause: pauseOf(clock) },
    { tenant, requirements, versions },
  );
  await snapshots.save(tenant, built.digest, built.manifest, built.parts, clock.now());
  engine.sealed.keep(built);
  return { digest: built.digest, memory: built.memory };
};

/** Names what a snapshot of one DAG and revision is made of: versions, and copies of memory. */
const keyOf = (dagDigest: Digest, agents: Agents): string =>
  JSON.stringify([
    dagDigest,
    ...Object.keys(agents)
      .toSorted()
      .map((id) => [id, agents[id]?.versionId, agents[id]?.memory ?? '']),
  ]);

/** Snapshots of one tenant at one revision that are remembered; others are built again, and are the same. */
const maxSnapshots = 256;

/** Stored snapshots by DAG and chosen versions; those who need the same one at the same time share one build. */
export class RunSnapshots {
  readonly #stored = recentValues<string, Promise<StoredSnapshot>>(maxSnapshots);

  get(dagDigest: Digest, agents: Agents, build: () => Promise<StoredSnapshot>): Promise<StoredSnapshot> {
    const key = keyOf(dagDigest, agents);
    const known = this.#stored.get(key);
    if (known !== undefined) return known;
    const building = build();
    this.#stored.set(key, building);
    building.catch(() => {
      if (this.#stored.peek(key) === building) this.#stored.delete(key);
    });
    return building;
  }
}
