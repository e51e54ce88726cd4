import {
  type AgentContent,
  type Digest,
  DomainError,
  type ModelContent,
  type SkillContent,
  type SoulContent,
} from '@skein/domain';
import type { AgentStores } from '@skein/ports';

/** Parts of one agent, by value; digests are `model:ID`, `soul:ID` and `skill:NAME`. */
export interface AgentParts {
  readonly agent?: Partial<AgentContent>;
  readonly model?: Partial<ModelContent>;
  readonly soul?: SoulContent;
  readonly skills?: readonly SkillContent[];
  readonly memory?: readonly { readonly scope: string; readonly revision: number; readonly text: string }[];
}

/** Read-only stores with one agent `helper` and its parts, as a snapshot would give them. */
export const agentStoresOf = (parts: AgentParts): AgentStores => {
  const model: ModelContent = { id: 'default', provider: 'offline', model: 'rules-1', parameters: {}, ...parts.model };
  const skills = parts.skills ?? [];
  const agent: AgentContent = {
    agentId: 'helper',
    description: 'Helps.',
    instructions: 'Be brief.',
    model: `model:${model.id}`,
    ...(parts.soul === undefined ? {} : { soul: `soul:${parts.soul.id}` }),
    skills: Object.fromEntries(skills.map((skill) => [skill.name, `skill:${skill.name}`])),
    tools: { allow: [], bash: { allow: [], deny: [] } },
    limits: {},
    subAgents: {},
    ...parts.agent,
  };
  const found = <T>(value: T | undefined, name: string): T => {
    if (value === undefined) throw new DomainError('not_found', `the snapshot holds no ${name}`);
    return value;
  };
  const refuse = (): never => {
    throw new DomainError('read_only', 'the stores of a snapshot are read-only');
  };
  return {
    digest: 'sha256:test',
    agent: (agentId) => found(agentId === agent.agentId ? agent : undefined, `agent ${agentId}`),
    model: (digest: Digest) => found(digest === `model:${model.id}` ? model : undefined, digest),
    soul: (digest) => found(digest === `soul:${parts.soul?.id}` ? parts.soul : undefined, digest),
    skill: (digest) =>
      found(
        skills.find((skill) => `skill:${skill.name}` === digest),
        digest,
      ),
    memory: () => parts.memory ?? [],
    writeAgent: refuse,
    writeModel: refuse,
    writeSoul: refuse,
    writeSkill: refuse,
    writeMemory: refuse,
  };
};
