import type { AgentContent, ModelContent, ToolsContent } from '@skein/domain';
import type { AutoModel } from '@skein/ports';
import { limitsShape, memoryShape, outputSchemaShape } from '../dag/agent-fields.ts';
import type { SourceText, Spot } from '../problem/source-text.ts';
import { oneOrMore } from '../shape/collections.ts';
import { record } from '../shape/record.ts';
import { text } from '../shape/scalars.ts';
import { byKind, mapped, type Shape } from '../shape/shape.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import { mcpShape } from './mcp-shape.ts';
import { readModel } from './read-model.ts';
import { type ScorerUse, scorersShape } from './scorers-shape.ts';
import { type SubAgentUse, subAgentsShape } from './sub-agents-shape.ts';
import { checkEffectServers } from './tool-effects-shape.ts';
import { noTools, toolPolicyShape } from './tool-policy-shape.ts';

/** A name that a file gives, and where. */
export interface NamedUse {
  readonly name: string;
  readonly spot: Spot;
}

/** An agent as its own files say it; names are not looked up yet. */
export interface AgentReading {
  readonly agentId: string;
  readonly source: SourceText;
  readonly model: { readonly inline: ModelContent } | { readonly use: NamedUse } | undefined;
  readonly soul: NamedUse | undefined;
  readonly skills: readonly NamedUse[];
  readonly tools: ToolsContent;
  readonly subAgents: readonly SubAgentUse[];
  /** No part of a version. */
  readonly scorers: readonly ScorerUse[];
  readonly content: Pick<AgentContent, 'agentId' | 'description' | 'outputSchema' | 'limits'>;
}

/** A node that is read later, with what is known by then. */
const anyMap: Shape<YamlNode> = { expected: 'a map', schema: { type: 'object' }, read: (node) => node };
const use = (expected: string): Shape<NamedUse> => mapped(text(expected), (name, spot) => ({ name, spot }));

const agentRecord = record({
  noun: 'an agent',
  fields: {
    description: { shape: text(), about: 'What the agent is for.' },
    model: {
      shape: byKind<NamedUse | YamlNode>('the id of a model, or a map with provider and model', {
        scalar: use('the id of a model'),
        map: anyMap,
      }),
      about: 'Id of a model, or a model.',
    },
    soul: { shape: use('the id of a soul'), about: 'Id of a soul.' },
    skills: { shape: skillList(), about: 'Ids of skills.' },
    tools: { shape: toolPolicyShape, about: 'Tools that the agent may use.' },
    mcp: { shape: mcpShape, about: 'MCP servers by name; their tools are offered as SERVER__TOOL.' },
    sub_agents: { shape: subAgentsShape, about: 'Ids of agents that this one may delegate to.' },
    limits: { shape: limitsShape, about: 'Limits; those of a step win.' },
    output_schema: { shape: outputSchemaShape, about: 'JSON Schema of what the agent gives.' },
    scorers: { shape: scorersShape, about: 'What judges its outputs; no part of a version.' },
    memory: { shape: memoryShape, about: 'Memory is opted into by the step.' },
  },
  later: ['environment', 'name', 'instructions'],
});

function skillList(): Shape<readonly NamedUse[]> {
  return oneOrMore(use('the id of a skill'), 'a list of skills');
}

/** Reads agent.yaml. `inlineId` names a model that is written inside it. */
export const readAgent = (
  agentId: string,
  node: YamlNode,
  source: SourceText,
  auto: AutoModel,
): AgentReading | undefined => {
  const fields = agentRecord.read(node, source);
  if (fields === undefined) return undefined;
  const { values, nodes } = fields;
  if (nodes.memory !== undefined) {
    source.warn(nodes.memory, {
      message: 'memory of an agent has no effect',
      expected: 'memory on the step of the DAG',
    });
  }
  warnAboutDelegation(fields, source);
  checkEffectServers(
    values.tools?.effects,
    Object.keys(values.mcp ?? {}),
    nodes.mcp === undefined || values.mcp !== undefined ? nodes.tools : undefined,
    source,
  );
  return {
    agentId,
    source,
    model: modelOf(agentId, values.model, source, auto),
    soul: values.soul,
    skills: values.skills ?? [],
    tools: { ...(values.tools ?? noTools), servers: values.mcp ?? {} },
    subAgents: values.sub_agents ?? [],
    scorers: values.scorers ?? [],
    content: {
      agentId,
      description: values.description ?? '',
      ...(values.output_schema === undefined ? {} : { outputSchema: values.output_schema }),
      limits: values.limits ?? {},
    },
  };
};

type AgentFields = NonNullable<ReturnType<typeof agentRecord.read>>;

/** The tool and its targets make sense only together. */
const warnAboutDelegation = ({ values, nodes }: AgentFields, source: SourceText): void => {
  const mayDelegate = values.tools?.allow.includes('delegate') === true;
  const hasTargets = (values.sub_agents?.length ?? 0) > 0;
  if (mayDelegate && !hasTargets && nodes.tools !== undefined) {
    source.warn(nodes.tools, {
      message: 'delegate is allowed, but there is no agent to delegate to',
      expected: 'sub_agents',
    });
  }
  if (hasTargets && !mayDelegate && nodes.sub_agents !== undefined) {
    source.warn(nodes.sub_agents, { message: 'sub_agents has no effect', expected: 'delegate in tools' });
  }
};

const modelOf = (
  agentId: string,
  given: NamedUse | YamlNode | undefined,
  source: SourceText,
  auto: AutoModel,
): AgentReading['model'] => {
  if (given === undefined) return undefined;
  if ('name' in given) return { use: given };
  const inline = readModel(`${agentId}.inline`, given, source, auto);
  return inline === undefined ? undefined : { inline };
};
