import {
  type AgentContent,
  type AgentLimits,
  type Digest,
  DomainError,
  defaultAgentLimits,
  type JsonSchema,
  type ModelContent,
  type SkillContent,
  type StepAction,
  type ToolsContent,
  type VersionId,
} from '@skein/domain';
import type { AgentStores, ExecutionContext, TextPatterns } from '@skein/ports';
import { type CompiledPolicy, compilePolicy } from '../tools/tool-policy.ts';
import { type AnswerSchema, compileAnswerSchema } from '../turn/answer-schema.ts';

/** A skill as the snapshot holds it. */
export interface HeldSkill {
  readonly digest: Digest;
  readonly content: SkillContent;
}

/** One agent version with its parts, compiled: all that it needs to work. */
export interface Session {
  readonly stores: AgentStores;
  readonly agent: AgentContent;
  readonly versionId: VersionId;
  readonly model: ModelContent;
  readonly limits: AgentLimits;
  readonly skills: ReadonlyMap<string, HeldSkill>;
  readonly tools: ToolsContent;
  readonly policy: CompiledPolicy;
  readonly answer?: AnswerSchema;
}

/** What an agent step says. */
export type AgentAction = Extract<StepAction, { kind: 'agent' }>;

/** The step's agent in the version that the run pinned, from the snapshot and from nowhere else. */
export const openStepSession = (
  { offer, stores }: ExecutionContext,
  action: AgentAction,
  patterns: TextPatterns,
): Session => {
  if (stores === undefined) {
    throw new DomainError('snapshot_invalid', 'an agent step needs a snapshot', { reason: 'missing_snapshot' });
  }
  const versionId = Object.hasOwn(offer.agents, action.agent) ? offer.agents[action.agent] : undefined;
  if (versionId === undefined) throw new DomainError('not_found', `the run has no version of agent ${action.agent}`);
  return openSession(stores, action.agent, versionId, patterns, action);
};

/** An agent of the snapshot. What the step says wins over what the agent says. Throws `not_found`, and `invalid_argument` for rules. */
export const openSession = (
  stores: AgentStores,
  agentId: string,
  versionId: VersionId,
  patterns: TextPatterns,
  said: { readonly limits?: Partial<AgentLimits>; readonly outputSchema?: JsonSchema } = {},
): Session => {
  const agent = stores.agent(agentId, versionId);
  const names = Object.keys(agent.skills).toSorted();
  const skills = names.map((name) => {
    const digest = agent.skills[name] as Digest;
    return [name, { digest, content: stores.skill(digest) }] as const;
  });
  const schema = said.outputSchema ?? agent.outputSchema;
  const tools = stores.tools(agent.tools);
  return {
    stores,
    agent,
    versionId,
    model: stores.model(agent.model),
    limits: { ...defaultAgentLimits, ...agent.limits, ...said.limits },
    skills: new Map(skills),
    tools,
    policy: compilePolicy(tools, patterns),
    ...(schema === undefined ? {} : { answer: compileAnswerSchema(schema, patterns) }),
  };
};
