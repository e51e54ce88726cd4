import type { AgentContent, Digest, ExpandedAgent, SkillContent, TenantId } from '@skein/domain';
import { DomainError, defaultSnapshotLimits } from '@skein/domain';
import { decodePart } from '@skein/snapshot';
import type { Engine } from '../engine/engine.ts';

/** The bytes of a part, or undefined when there are none. */
export type PartReader = (digest: Digest) => Promise<Uint8Array | undefined>;

/** Parts of the project store. */
export const storedParts =
  (engine: Engine, tenant: TenantId): PartReader =>
  (digest) =>
    engine.deps.projects.readPart(tenant, digest);

const readPart = async <K extends 'model' | 'soul' | 'skill' | 'tools'>(kind: K, digest: Digest, read: PartReader) => {
  const bytes = await read(digest);
  if (bytes === undefined) throw new DomainError('not_found', `the ${kind} ${digest} is not stored`, { digest });
  return decodePart(kind, bytes, `${kind} ${digest}`, defaultSnapshotLimits);
};

/** An agent with what it refers to in place of the digests. Throws `not_found`, `snapshot_invalid`, `unavailable`. */
export const expandAgent = async (content: AgentContent, read: PartReader): Promise<ExpandedAgent> => {
  const skills: [string, SkillContent][] = [];
  for (const [name, digest] of Object.entries(content.skills))
    skills.push([name, await readPart('skill', digest, read)]);
  return {
    description: content.description,
    instructions: content.instructions,
    model: await readPart('model', content.model, read),
    ...(content.soul === undefined ? {} : { soul: await readPart('soul', content.soul, read) }),
    skills: Object.fromEntries(skills),
    tools: await readPart('tools', content.tools, read),
    ...(content.outputSchema === undefined ? {} : { outputSchema: content.outputSchema }),
    limits: content.limits,
    subAgents: content.subAgents,
  };
};
