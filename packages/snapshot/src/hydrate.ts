import {
  type AgentContent,
  type Digest,
  DomainError,
  type ManifestPart,
  type ModelContent,
  type PartKind,
  type SkillContent,
  type SnapshotLimits,
  type SoulContent,
  type VersionId,
} from '@skein/domain';
import type { AgentStores } from '@skein/ports';
import { decodePart, partBudget } from './part-codec.ts';
import { type MemoryContent, type PartContents, partLabel } from './part-content.ts';
import { snapshotInvalid } from './snapshot-error.ts';
import type { VerifiedSnapshot } from './verify-snapshot.ts';

/**
 * Read-only stores over a verified snapshot (S6). All parts are read, checked and frozen here, so that a bad one is found before the step begins.
 * Throws what `decodePart` throws; `snapshot_invalid` with `bad_part` for a part that is not what the manifest calls it,
 * and with `missing_part` for an agent that refers to a part outside.
 */
export const hydrate = (snapshot: VerifiedSnapshot, limits: SnapshotLimits): AgentStores => {
  const contents = readParts(snapshot, limits);
  for (const [versionId, agent] of contents.agent) checkClosed(contents, versionId, agent);
  return new SnapshotStores(snapshot.digest, contents);
};

/** Contents by kind and digest; an agent's digest is its version id. */
type Contents = { readonly [K in PartKind]: Map<string, PartContents[K]> };

const readParts = (snapshot: VerifiedSnapshot, limits: SnapshotLimits): Contents => {
  const contents: Contents = {
    agent: new Map(),
    model: new Map(),
    soul: new Map(),
    skill: new Map(),
    tools: new Map(),
    memory: new Map(),
  };
  const budget = partBudget(limits);
  const readPart = <K extends PartKind>(kind: K, part: ManifestPart, bytes: Uint8Array): void => {
    const content = decodePart(kind, bytes, partLabel(part), limits, budget);
    const name = nameOfPart(kind, content, part);
    if (name !== part.name)
      throw snapshotInvalid('bad_part', `the part calls itself ${JSON.stringify(name)}`, partLabel(part));
    (contents[kind] as Map<string, PartContents[K]>).set(part.digest, content);
  };
  for (const part of snapshot.manifest.parts) {
    const bytes = snapshot.parts.get(part.digest);
    if (bytes === undefined) throw snapshotInvalid('missing_part', 'its bytes are not there', partLabel(part));
    readPart(part.kind, part, bytes);
  }
  return contents;
};

/** The name under which a manifest lists a part with this content. Tool parts carry no name of their own. */
export const nameOfPart = (
  kind: PartKind,
  content: PartContents[PartKind],
  part: { readonly name: string; readonly digest: Digest },
): string => {
  switch (kind) {
    case 'agent':
      return `${(content as AgentContent).agentId}@${part.digest}`;
    case 'model':
      return (content as ModelContent).id;
    case 'soul':
      return (content as SoulContent).id;
    case 'skill':
      return (content as SkillContent).name;
    case 'memory':
      return (content as MemoryContent).scope;
    case 'tools':
      return part.name;
  }
};

const checkClosed = (contents: Contents, versionId: string, agent: AgentContent): void => {
  const missing = (what: string): Error =>
    snapshotInvalid(
      'missing_part',
      `it refers to ${what}, which the snapshot lacks`,
      `agent ${agent.agentId}@${versionId}`,
    );
  if (!contents.model.has(agent.model)) throw missing(`the model ${agent.model}`);
  if (agent.soul !== undefined && !contents.soul.has(agent.soul)) throw missing(`the soul ${agent.soul}`);
  for (const [name, digest] of Object.entries(agent.skills)) {
    if (!contents.skill.has(digest)) throw missing(`the skill "${name}" ${digest}`);
  }
  for (const [name, version] of Object.entries(agent.subAgents)) {
    if (!contents.agent.has(version)) throw missing(`the agent "${name}" ${version}`);
  }
};

class SnapshotStores implements AgentStores {
  readonly digest: Digest;
  readonly #contents: Contents;
  readonly #memory: readonly MemoryContent[];

  constructor(digest: Digest, contents: Contents) {
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
