import {
  type Digest,
  DomainError,
  type Manifest,
  type SnapshotLimits,
  type SnapshotRequirements,
  type TenantId,
  type VersionId,
} from '@skein/domain';
import type { Hasher, ProjectStore } from '@skein/ports';
import { checkSize } from './build-limits.ts';
import { gatherAgents } from './gather-agents.ts';
import { gatherMemory } from './gather-memory.ts';
import { GatheredParts } from './gathered-parts.ts';
import { makeManifest, manifestBytes, maxAttachedPartBytes, parseManifest } from './manifest.ts';
import type { Pause } from './slices.ts';
import { SnapshotContents } from './snapshot-contents.ts';

/** What a build reads from: whichever stores the requirements need. One that is needed and not there is a problem that names it. */
export interface BuildDeps {
  readonly projects: Partial<Pick<ProjectStore, 'findVersion' | 'readPart' | 'readMemory'>>;
  readonly hasher: Hasher;
  readonly limits: SnapshotLimits;
  /** Taken after every few milliseconds of work on large parts; without it the work is done at once. */
  readonly pause?: Pause;
}

/** What to build: the requirements of the DAG and the versions that the run records. */
export interface BuildRequest {
  readonly tenant: TenantId;
  readonly requirements: SnapshotRequirements;
  /** The version of each required agent, from the run's routing decisions. */
  readonly versions: { readonly [agentId: string]: VersionId };
}

/** A sealed snapshot with the raw bytes of all its parts. The bytes belong to the caller. */
export interface BuiltSnapshot {
  readonly digest: Digest;
  readonly manifest: Manifest;
  readonly parts: ReadonlyMap<Digest, Uint8Array>;
  /** Revision of each memory scope that it holds. */
  readonly memory: { readonly [scope: string]: number };
}

/**
 * Gathers exactly the parts that the required agents need, sub-agents included, and the memory that was opted in to.
 * What it answers passes the same checks as on a worker. Throws `not_found` with one problem for each missing agent, model, soul, skill, tools
 * part or sub-agent that says who asked for it; `too_large` with the largest parts; `invalid_argument` when no agent is required, since then
 * there is no snapshot; `digest_mismatch` and `snapshot_invalid` for a store that holds other bytes than it says.
 */
export const buildSnapshot = async (deps: BuildDeps, request: BuildRequest): Promise<BuiltSnapshot> => {
  if (request.requirements.agents.length === 0) {
    throw new DomainError('invalid_argument', 'there is no snapshot of a DAG without agent steps');
  }
  const gathered = new GatheredParts(deps.hasher, request.requirements.askers ?? []);
  await gatherAgents(deps, request, gathered);
  const memory = await gatherMemory(deps.projects, request.tenant, request.requirements.memory, gathered);
  if (gathered.problems.length > 0) {
    const message = gathered.problems.map((problem) => problem.message).join('; ');
    throw new DomainError('not_found', message, { problems: gathered.problems });
  }
  const manifest = makeManifest(gathered.entries());
  await checkSize(manifest, gathered.bytes, deps.limits, deps.pause);
  const bytes = manifestBytes(manifest);
  const digest = deps.hasher.digest(bytes);
  parseManifest(bytes, deps.limits);
  const contents = new SnapshotContents(deps.limits);
  for (const part of manifest.parts) {
    contents.take(part, gathered.bytes.get(part.digest) as Uint8Array);
    if (part.size > maxAttachedPartBytes) await deps.pause?.();
  }
  contents.closed();
  return { digest, manifest, parts: gathered.bytes, memory };
};
