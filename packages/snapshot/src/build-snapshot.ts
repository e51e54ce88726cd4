import {
  type AgentContent,
  type Digest,
  DomainError,
  type Manifest,
  type ManifestPart,
  type PartKind,
  type Problem,
  type SnapshotLimits,
  type SnapshotRequirements,
  type TenantId,
  type VersionId,
} from '@skein/domain';
import type { Hasher, ProjectStore } from '@skein/ports';
import { checkSize } from './build-limits.ts';
import { hydrate, nameOfPart } from './hydrate.ts';
import { makeManifest, manifestBytes, parseManifest } from './manifest.ts';
import { memoryParts } from './memory-parts.ts';
import { decodePart, encodePart } from './part-codec.ts';

/** What a build reads from. */
export interface BuildDeps {
  readonly projects: Pick<ProjectStore, 'findVersion' | 'readPart' | 'readMemory'>;
  readonly hasher: Hasher;
  readonly limits: SnapshotLimits;
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
}

/**
 * Gathers exactly the parts that the required agents need, sub-agents included, and the memory that was opted in to.
 * What it answers passes the same checks as on a worker. Throws `not_found` with one problem for each missing agent, model, soul or skill that says
 * who asked for it; `too_large` with the largest parts; `digest_mismatch` and `snapshot_invalid` for a store that holds other bytes than it says.
 */
export const buildSnapshot = async (deps: BuildDeps, request: BuildRequest): Promise<BuiltSnapshot> => {
  const gathered = new Gathered(deps);
  await gatherAgents(deps, request, gathered);
  if (gathered.problems.length > 0) {
    const message = gathered.problems.map((problem) => problem.message).join('; ');
    throw new DomainError('not_found', message, { problems: gathered.problems });
  }
  const views = await memoryParts(deps.projects, request.tenant, request.requirements.memory);
  for (const view of views) gathered.add('memory', view.scope, encodePart('memory', view));
  const manifest = makeManifest(gathered.entries);
  checkSize(manifest, gathered.parts, deps.limits);
  const bytes = manifestBytes(manifest);
  const digest = deps.hasher.digest(bytes);
  parseManifest(bytes, deps.limits);
  hydrate({ digest, manifest, manifestBytes: bytes, parts: gathered.parts }, deps.limits);
  return { digest, manifest, parts: gathered.parts };
};

/** Parts found so far, and what was not found. */
class Gathered {
  readonly entries: ManifestPart[] = [];
  readonly parts = new Map<Digest, Uint8Array>();
  readonly problems: Problem[] = [];
  readonly #deps: BuildDeps;

  constructor(deps: BuildDeps) {
    this.#deps = deps;
  }

  add(kind: PartKind, name: string, bytes: Uint8Array, expected?: string): void {
    const digest = this.#deps.hasher.digest(bytes);
    if (expected !== undefined && digest !== expected) {
      const what = `${kind} ${name}`;
      throw new DomainError('digest_mismatch', `${what} is stored as ${expected}, but its bytes are ${digest}`, {
        what,
      });
    }
    this.entries.push({ kind, name, size: bytes.length, digest });
    this.parts.set(digest, bytes);
  }
}

/** An agent to be included, and who asked. */
interface Wanted {
  readonly agentId: string;
  readonly versionId: VersionId;
  readonly askedBy: string;
}

const gatherAgents = async (deps: BuildDeps, request: BuildRequest, gathered: Gathered): Promise<void> => {
  const open: Wanted[] = [];
  for (const { agentId, askedBy } of request.requirements.agents) {
    const versionId = Object.hasOwn(request.versions, agentId) ? request.versions[agentId] : undefined;
    if (versionId !== undefined) open.push({ agentId, versionId, askedBy });
    else
      gathered.problems.push({
        message: `${askedBy} asks for the agent "${agentId}", which has no active version (make one active: skein apply --activate, or skein versions activate)`,
      });
  }
  const seen = new Set<string>();
  for (let wanted = open.shift(); wanted !== undefined; wanted = open.shift()) {
    const { agentId, versionId, askedBy } = wanted;
    if (seen.has(`${agentId}@${versionId}`)) continue;
    seen.add(`${agentId}@${versionId}`);
    const version = await deps.projects.findVersion(request.tenant, agentId, versionId);
    if (version === undefined) {
      gathered.problems.push({
        message: `${askedBy} asks for the agent "${agentId}" in version ${versionId}, which does not exist`,
      });
      continue;
    }
    const { content } = version;
    gathered.add('agent', `${content.agentId}@${versionId}`, encodePart('agent', content), versionId);
    const asking = `agent "${agentId}" (of ${askedBy})`;
    await gatherReferences(deps, request.tenant, content, asking, gathered);
    for (const [id, sub] of Object.entries(content.subAgents))
      open.push({ agentId: id, versionId: sub, askedBy: asking });
  }
};

const gatherReferences = async (
  deps: BuildDeps,
  tenant: TenantId,
  content: AgentContent,
  asking: string,
  gathered: Gathered,
): Promise<void> => {
  const references: { readonly kind: 'model' | 'soul' | 'skill'; readonly digest: Digest; readonly called: string }[] =
    [
      { kind: 'model', digest: content.model, called: 'the model' },
      ...(content.soul === undefined ? [] : [{ kind: 'soul' as const, digest: content.soul, called: 'the soul' }]),
      ...Object.entries(content.skills).map(([name, digest]) => ({
        kind: 'skill' as const,
        digest,
        called: `the skill "${name}"`,
      })),
    ];
  for (const { kind, digest, called } of references) {
    if (gathered.parts.has(digest)) continue;
    const bytes = (await deps.projects.readPart(tenant, digest))?.slice();
    if (bytes === undefined) {
      gathered.problems.push({ message: `${asking} needs ${called} ${digest}, which does not exist` });
      continue;
    }
    const part = decodePart(kind, bytes, `${kind} ${digest}`, deps.limits);
    gathered.add(kind, nameOfPart(kind, part, { name: '', digest }), bytes, digest);
  }
};
