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

type Kind = 'model' | 'soul' | 'skill' | 'tools';

const readPart = async <K extends Kind>(kind: K, digest: Digest, read: PartReader) => {
  const bytes = await read(digest);
  if (bytes === undefined) throw new DomainError('not_found', `the ${kind} ${digest} is not stored`, { digest });
  return decodePart(kind, bytes, `${kind} ${digest}`, defaultSnapshotLimits);
};

/** Puts what an agent refers to in place of the digests. Throws `not_found`, `snapshot_invalid`, `unavailable`. */
export type Expand = (content: AgentContent) => Promise<ExpandedAgent>;

/** Each part is read and decoded once, and is one value in all agents that share it. */
export const createExpand = (read: PartReader): Expand => {
  const known = new Map<string, Promise<unknown>>();
  const part = <K extends Kind>(kind: K, digest: Digest): ReturnType<typeof readPart<K>> => {
    const key = `${kind} ${digest}`;
    const found = known.get(key) ?? readPart(kind, digest, read);
    known.set(key, found);
    return found as ReturnType<typeof readPart<K>>;
  };
  return async (content) => {
    const skills: [string, SkillContent][] = [];
    for (const [name, digest] of Object.entries(content.skills)) skills.push([name, await part('skill', digest)]);
    return {
      description: content.description,
      instructions: content.instructions,
      model: await part('model', content.model),
      ...(content.soul === undefined ? {} : { soul: await part('soul', content.soul) }),
      skills: Object.fromEntries(skills),
      tools: await part('tools', content.tools),
      ...(content.outputSchema === undefined ? {} : { outputSchema: content.outputSchema }),
      limits: content.limits,
      subAgents: content.subAgents,
    };
  };
};
