import {
  type AgentContent,
  type Digest,
  DomainError,
  type ModelContent,
  type SkillContent,
  type SoulContent,
  type ToolsContent,
} from '@skein/domain';
import type { AgentStores } from '@skein/ports';

/** Parts of one agent, by value; digests are `model:ID`, `soul:ID`, `skill:NAME` and `tools:AGENT`, its version is `sha256:AGENT`. */
export interface AgentParts {
  readonly agent?: Partial<AgentContent>;
  readonly model?: Partial<ModelContent>;
  readonly soul?: SoulContent;
  readonly skills?: readonly SkillContent[];
  readonly tools?: Partial<ToolsContent>;
  /** Of the first agent only. */
  readonly memory?: readonly { readonly scope: string; readonly revision: number; readonly text: string }[];
  /** Further agents of the snapshot; the first one may delegate to them, and each to its own. Each needs an `agent.agentId`. */
  readonly subAgents?: readonly AgentParts[];
}

/** Read-only stores with one agent `helper`, its parts and its sub-agents, as a snapshot would give them. */
export const agentStoresOf = (parts: AgentParts): AgentStores => {
  const held: HeldParts = { agents: new Map(), byDigest: new Map() };
  addAgent(held, parts);
  const found = <T>(digest: Digest): T => {
    if (!held.byDigest.has(digest)) throw new DomainError('not_found', `the snapshot holds no ${digest}`);
    return held.byDigest.get(digest) as T;
  };
  const refuse = (): never => {
    throw new DomainError('read_only', 'the stores of a snapshot are read-only');
  };
  return {
    digest: 'sha256:test',
    agent: (agentId) => {
      const agent = held.agents.get(agentId);
      if (agent === undefined) throw new DomainError('not_found', `the snapshot holds no agent ${agentId}`);
      return agent;
    },
    model: (digest) => found<ModelContent>(digest),
    soul: (digest) => found<SoulContent>(digest),
    skill: (digest) => found<SkillContent>(digest),
    tools: (digest) => found<ToolsContent>(digest),
    memory: () => parts.memory ?? [],
    writeAgent: refuse,
    writeModel: refuse,
    writeSoul: refuse,
    writeSkill: refuse,
    writeTools: refuse,
    writeMemory: refuse,
  };
};

interface HeldParts {
  readonly agents: Map<string, AgentContent>;
  readonly byDigest: Map<Digest, ModelContent | SoulContent | SkillContent | ToolsContent>;
}

const addAgent = (held: HeldParts, parts: AgentParts): string => {
  const agentId = parts.agent?.agentId ?? 'helper';
  const model: ModelContent = { id: 'default', provider: 'offline', model: 'rules-1', parameters: {}, ...parts.model };
  const skills = parts.skills ?? [];
  held.byDigest.set(`model:${model.id}`, model);
  if (parts.soul !== undefined) held.byDigest.set(`soul:${parts.soul.id}`, parts.soul);
  for (const skill of skills) held.byDigest.set(`skill:${skill.name}`, skill);
  held.byDigest.set(`tools:${agentId}`, { allow: [], bash: { allow: [], deny: [] }, servers: {}, ...parts.tools });
  const subAgents = (parts.subAgents ?? []).map((each) => addAgent(held, each));
  held.agents.set(agentId, {
    agentId,
    description: 'Helps.',
    instructions: 'Be brief.',
    model: `model:${model.id}`,
    ...(parts.soul === undefined ? {} : { soul: `soul:${parts.soul.id}` }),
    skills: Object.fromEntries(skills.map((skill) => [skill.name, `skill:${skill.name}`])),
    tools: `tools:${agentId}`,
    limits: {},
    subAgents: Object.fromEntries(subAgents.map((id) => [id, `sha256:${id}`])),
    ...parts.agent,
  });
  return agentId;
};
