import {
  type AgentContent,
  type Digest,
  DomainError,
  type ModelContent,
  type SkillContent,
  type SnapshotLimits,
  type SoulContent,
  type ToolsContent,
  type VersionId,
} from '@skein/domain';
import type { AgentStores } from '@skein/ports';
import type { MemoryContent } from './part-content.ts';
import { partLabel } from './part-content.ts';
import { type ContentsByKind, SnapshotContents } from './snapshot-contents.ts';
import { snapshotInvalid } from './snapshot-error.ts';
import type { VerifiedSnapshot } from './verify-snapshot.ts';

/**
 * Read-only stores over a verified snapshot (S6). All parts are read, checked and frozen here, so that a bad one is found before the step
 * begins; they are copied, so that the caller keeps its bytes. Throws what `SnapshotContents` throws.
 */
export const hydrate = (snapshot: VerifiedSnapshot, limits: SnapshotLimits): AgentStores => {
  const contents = new SnapshotContents(limits);
  for (const part of snapshot.manifest.parts) {
    const bytes = snapshot.parts.get(part.digest);
    if (bytes === undefined) throw snapshotInvalid('missing_part', 'its bytes are not there', partLabel(part));
    contents.take(part, bytes.slice());
  }
  return storesOf(snapshot.digest, contents.closed());
};

/** Read-only stores of these contents. */
export const storesOf = (digest: Digest, contents: ContentsByKind): AgentStores => new SnapshotStores(digest, contents);

class SnapshotStores implements AgentStores {
  readonly digest: Digest;
  readonly #contents: ContentsByKind;
  readonly #memory: readonly MemoryContent[];

  constructor(digest: Digest, contents: ContentsByKind) {
    this.digest = digest;
    this.#contents = contents;
    this.#memory = Object.freeze([...contents.memory.values()]);
  }

  agent(agentId: string, versionId: VersionId): AgentContent {
    const content = this.#contents.agent.get(versionId);
    if (content === undefined || content.agentId !== agentId) throw notFound(`the agent "${agentId}" ${versionId}`);
    return content;
  }

  model(digest: Digest): ModelContent {
    return found(this.#contents.model, digest, 'model');
  }

  soul(digest: Digest): SoulContent {
    return found(this.#contents.soul, digest, 'soul');
  }

  skill(digest: Digest): SkillContent {
    return found(this.#contents.skill, digest, 'skill');
  }

  tools(digest: Digest): ToolsContent {
    return found(this.#contents.tools, digest, 'tools');
  }

  memory(): readonly MemoryContent[] {
    return this.#memory;
  }

  writeAgent(agentId: string): never {
    throw readOnly(`agent ${agentId}`);
  }

  writeModel(id: string): never {
    throw readOnly(`model ${id}`);
  }

  writeSoul(id: string): never {
    throw readOnly(`soul ${id}`);
  }

  writeSkill(name: string): never {
    throw readOnly(`skill ${name}`);
  }

  writeTools(name: string): never {
    throw readOnly(`tools ${name}`);
  }

  writeMemory(scope: string): never {
    throw readOnly(`memory ${scope}`);
  }
}

const found = <T>(contents: ReadonlyMap<string, T>, digest: Digest, kind: string): T => {
  const content = contents.get(digest);
  if (content === undefined) throw notFound(`the ${kind} ${digest}`);
  return content;
};

const notFound = (what: string): Error => new DomainError('not_found', `the snapshot does not hold ${what}`);

const readOnly = (what: string): Error =>
  new DomainError('read_only', `${what} cannot be written: the stores of a run are a read-only snapshot`, { what });
