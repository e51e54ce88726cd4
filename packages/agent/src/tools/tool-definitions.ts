import type { JsonSchema } from '@skein/domain';
import type { ToolDefinition } from '@skein/ports';

/** The tools that an agent's policy may allow; `load_skill` and `output` come with skills and with a schema. */
export const grantableTools = ['read', 'write', 'patch', 'bash', 'http', 'think', 'remember', 'delegate'] as const;

/** One of the tools that a policy may allow. */
export type GrantableTool = (typeof grantableTools)[number];

const text = (description: string): JsonSchema => ({ type: 'string', description });

const objectOf = (properties: JsonSchema, required = Object.keys(properties)): JsonSchema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

type PlainTool = Exclude<GrantableTool, 'delegate'>;

const definitions: { readonly [tool in PlainTool]: ToolDefinition } = {
  read: {
    name: 'read',
    description: 'Reads a text file of your private directory.',
    inputSchema: objectOf({ path: text('Relative path of the file.') }),
  },
  write: {
    name: 'write',
    description:
      'Writes a text file in your private directory; it replaces the whole file. The directory is removed after the step.',
    inputSchema: objectOf({ path: text('Relative path of the file.'), content: text('The whole new content.') }),
  },
  patch: {
    name: 'patch',
    description:
      'Changes passages of a text file in your private directory. Each `find` must occur exactly once, word for word; if one does not, nothing is changed.',
    inputSchema: objectOf({
      path: text('Relative path of the file.'),
      edits: {
        type: 'array',
        minItems: 1,
        maxItems: 100,
        items: objectOf({ find: text('The passage as it is.'), replace: text('What stands there afterwards.') }),
      },
    }),
  },
  bash: {
    name: 'bash',
    description: 'Runs a bash command in your private directory and returns its exit code and output.',
    inputSchema: objectOf({ command: text('The command.') }),
  },
  http: {
    name: 'http',
    description: 'Asks for a public URL (GET, without credentials) and returns the status and the text of the answer.',
    inputSchema: objectOf({ url: text('An http or https URL.') }),
  },
  think: {
    name: 'think',
    description:
      'Writes down a thought. It changes nothing and finds out nothing; use it to plan or to check your work.',
    inputSchema: objectOf({ thought: text('The thought.') }),
  },
  remember: {
    name: 'remember',
    description:
      'Proposes a change of memory for later runs. It is a proposal, not a change: what you see as memory stays as it is in this step.',
    inputSchema: objectOf(
      {
        scope: {
          type: 'string',
          enum: ['agent', 'dag', 'global'],
          description: 'Whose memory: that of the agent of this step (default), of this DAG, or of all.',
        },
        op: { type: 'string', enum: ['append', 'replace', 'remove'], description: 'What to do.' },
        text: text('The new text; left out for remove.'),
        basis: text('For replace and remove: the passage as it stands in memory, word for word.'),
      },
      ['op'],
    ),
  },
};

/** What an agent may be offered. */
export interface OfferedTools {
  readonly allows: (tool: GrantableTool) => boolean;
  readonly mayPropose: boolean;
  readonly subAgents: readonly { readonly agentId: string; readonly description: string }[];
  readonly skillNames: readonly string[];
}

/** The built-in tools that the model is offered, in a stable order; `output` is the conversation's own. */
export const toolDefinitions = ({
  allows,
  mayPropose,
  subAgents,
  skillNames,
}: OfferedTools): readonly ToolDefinition[] => [
  ...grantableTools.flatMap((tool) => {
    if (!allows(tool) || (tool === 'remember' && !mayPropose)) return [];
    if (tool === 'delegate') return subAgents.length === 0 ? [] : [delegate(subAgents)];
    return [definitions[tool]];
  }),
  ...(skillNames.length === 0 ? [] : [loadSkill(skillNames)]),
];

const loadSkill = (names: readonly string[]): ToolDefinition => ({
  name: 'load_skill',
  description:
    'Returns the text of a skill and the paths of its files, which you can then use in your private directory.',
  inputSchema: objectOf({ name: { type: 'string', enum: [...names], description: 'Name of the skill.' } }),
});

const delegate = (subAgents: OfferedTools['subAgents']): ToolDefinition => ({
  name: 'delegate',
  description: [
    'Lets another agent do a task and returns its answer. It knows nothing but your prompt, works in your private directory, and uses up your limits.',
    ...subAgents.map(({ agentId, description }) => `- ${agentId}: ${description.replace(/[\s\p{Cc}]+/gu, ' ').trim()}`),
  ].join('\n'),
  inputSchema: objectOf({
    agent: { type: 'string', enum: subAgents.map(({ agentId }) => agentId), description: 'Which agent.' },
    prompt: text('The whole task, with all that the agent must know.'),
  }),
});
