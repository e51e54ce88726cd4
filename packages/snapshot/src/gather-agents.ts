import type { AgentContent, Digest, PartKind, VersionId } from '@skein/domain';
import type { BuildDeps, BuildRequest } from './build-snapshot.ts';
import type { GatheredParts } from './gathered-parts.ts';
import { decodePart, encodePart } from './part-codec.ts';
import { nameOfPart, partOfVersion } from './part-content.ts';

/** An agent to be included, and who asked, in words. */
interface Wanted {
  readonly agentId: string;
  readonly versionId: VersionId;
  readonly asker: () => string;
}

/** A part that an agent refers to. */
interface Reference {
  readonly kind: PartKind;
  readonly digest: Digest;
  /** How messages call it. */
  readonly called: string;
}

/** Adds the required agents in the versions that the run records, their sub-agents, and all parts that these refer to. */
export const gatherAgents = async (deps: BuildDeps, request: BuildRequest, gathered: GatheredParts): Promise<void> => {
  const open = requiredVersions(request, gathered);
  const first = open[0];
  if (first !== undefined && deps.projects.findVersion === undefined) {
    gathered.problems.push({
      message: `${first.asker()} asks for the agent "${first.agentId}", but there is no agent store`,
    });
    return;
  }
  const seen = new Set<string>();
  const brought = new Map<Digest, readonly Digest[]>();
  // The list grows while it is walked.
  for (const wanted of open) {
    const name = `${wanted.agentId}@${wanted.versionId}`;
    if (seen.has(name)) continue;
    seen.add(name);
    const content = await findAgent(deps, request, wanted, gathered);
    if (content === undefined) continue;
    const subAgents = Object.values(content.subAgents).map(partOfVersion);
    brought.set(partOfVersion(wanted.versionId), [...referencesOf(content).map(({ digest }) => digest), ...subAgents]);
    gathered.add('agent', name, encodePart('agent', content), wanted.versionId);
    const asker = (): string => `agent "${wanted.agentId}" (of ${wanted.asker()})`;
    await gatherReferences(deps, request, content, asker, gathered);
    for (const [agentId, versionId] of Object.entries(content.subAgents)) open.push({ agentId, versionId, asker });
  }
  for (const { agentId, steps } of request.requirements.agents) {
    const versionId = versionOf(request, agentId);
    if (versionId !== undefined) askForAll(partOfVersion(versionId), steps, brought, gathered);
  }
};

const versionOf = ({ versions }: BuildRequest, agentId: string): VersionId | undefined =>
  Object.hasOwn(versions, agentId) ? versions[agentId] : undefined;

/** The recorded version of each required agent; a problem for each that has none. */
const requiredVersions = (request: BuildRequest, gathered: GatheredParts): Wanted[] => {
  const wanted: Wanted[] = [];
  for (const { agentId, askedBy } of request.requirements.agents) {
    const versionId = versionOf(request, agentId);
    if (versionId !== undefined) wanted.push({ agentId, versionId, asker: () => askedBy });
    else
      gathered.problems.push({
        message: `${askedBy} asks for the agent "${agentId}", which has no active version (make one active: skein apply --activate, or skein versions activate)`,
      });
  }
  return wanted;
};

const findAgent = async (
  { projects }: BuildDeps,
  { tenant }: BuildRequest,
  { agentId, versionId, asker }: Wanted,
  gathered: GatheredParts,
): Promise<AgentContent | undefined> => {
  const version = await projects.findVersion?.(tenant, agentId, versionId);
  if (version !== undefined) return version.content;
  const message = `${asker()} asks for the agent "${agentId}" in version ${versionId}, which does not exist`;
  gathered.problems.push({ message });
  return undefined;
};

const referencesOf = (content: AgentContent): readonly Reference[] => [
  { kind: 'model', digest: content.model, called: 'the model' },
  { kind: 'tools', digest: content.tools, called: 'the tools' },
  ...(content.soul === undefined ? [] : [{ kind: 'soul' as const, digest: content.soul, called: 'the soul' }]),
  ...Object.entries(content.skills).map(([name, digest]) => ({
    kind: 'skill' as const,
    digest,
    called: `the skill "${name}"`,
  })),
];

const gatherReferences = async (
  { projects, limits }: BuildDeps,
  { tenant }: BuildRequest,
  content: AgentContent,
  asker: () => string,
  gathered: GatheredParts,
): Promise<void> => {
  for (const { kind, digest, called } of referencesOf(content)) {
    if (gathered.bytes.has(digest)) continue;
    if (projects.readPart === undefined) {
      gathered.problems.push({ message: `${asker()} needs ${called} ${digest}, but there is no part store` });
      return;
    }
    const bytes = (await projects.readPart(tenant, digest))?.slice();
    if (bytes === undefined) {
      gathered.problems.push({ message: `${asker()} needs ${called} ${digest}, which does not exist` });
      continue;
    }
    const part = decodePart(kind, bytes, `${kind} ${digest}`, limits);
    gathered.add(kind, nameOfPart(kind, part, digest), bytes, digest);
  }
};

/** Notes the steps as askers of an agent version and of all that it brings. */
const askForAll = (
  root: Digest,
  steps: readonly string[],
  brought: ReadonlyMap<Digest, readonly Digest[]>,
  gathered: GatheredParts,
): void => {
  const reached = new Set<Digest>([root]);
  // The set grows while it is walked.
  for (const digest of reached) {
    gathered.ask(digest, steps);
    for (const next of brought.get(digest) ?? []) reached.add(next);
  }
};
