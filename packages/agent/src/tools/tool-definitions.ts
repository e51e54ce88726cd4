import type { JsonSchema } from '@skein/domain';
import type { ToolDefinition } from '@skein/ports';

/** The tools that an agent's policy may allow; `load_skill` and `output` come with skills and with a schema. */
export const grantableTools = ['read', 'write', 'bash'] as const;

/** One of the tools that a policy may allow. */
export type GrantableTool = (typeof grantableTools)[number];

const text = (description: string): JsonSchema => ({ type: 'string', description });

const objectOf = (properties: JsonSchema): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

const definitions: { readonly [tool in GrantableTool]: ToolDefinition } = {
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
  bash: {
    name: 'bash',
    description: 'Runs a bash command in your private directory and returns its exit code and output.',
    inputSchema: objectOf({ command: text('The command.') }),
  },
};

/** What the model is offered, in a stable order. */
export const toolDefinitions = (
  allowed: (tool: GrantableTool) => boolean,
  skillNames: readonly string[],
  outputSchema: JsonSchema | undefined,
): readonly ToolDefinition[] => [
  ...grantableTools.filter(allowed).map((tool) => definitions[tool]),
  ...(skillNames.length === 0 ? [] : [loadSkill(skillNames)]),
  ...(outputSchema === undefined
    ? []
    : [{ name: 'output', description: 'Gives your answer and ends the step.', inputSchema: outputSchema }]),
];

const loadSkill = (names: readonly string[]): ToolDefinition => ({
  name: 'load_skill',
  description:
    'Returns the text of a skill and the paths of its files, which you can then use in your private directory.',
  inputSchema: objectOf({ name: { type: 'string', enum: [...names], description: 'Name of the skill.' } }),
});
