import type { ToolsContent } from '@skein/domain';
import { list } from '../shape/collections.ts';
import { isPattern } from '../shape/is-pattern.ts';
import { record } from '../shape/record.ts';
import { quoted, text, word } from '../shape/scalars.ts';
import { byKind, mapped, type Shape } from '../shape/shape.ts';
import { toolEffectsShape } from './tool-effects-shape.ts';

/** `load_skill` comes with skills and `output` with a schema; naming them is allowed and changes nothing. */
const tools = [
  'read',
  'write',
  'patch',
  'bash',
  'http',
  'think',
  'load_skill',
  'remember',
  'delegate',
  'output',
] as const;
const laterTools = ['ask'] as const;

const rule: Shape<string> = {
  expected: 'a regular expression',
  schema: { type: 'string', format: 'regex' },
  read: (node, source) => {
    const value = text('a regular expression').read(node, source);
    if (value === undefined) return undefined;
    if (value !== '' && isPattern(value)) return value;
    source.report(node, { message: `${quoted(value)} is not a regular expression`, expected: 'a pattern' });
    return undefined;
  },
};

const names = list(word(tools, laterTools), 'a list of tools');
/** What agent.yaml says under `tools`; the servers stand beside it. */
export type ToolPolicy = Omit<ToolsContent, 'servers'>;

/** No tools at all. */
export const noTools: ToolPolicy = { allow: [], bash: { allow: [], deny: [] } };

const bashRules = record({
  noun: 'bash',
  fields: {
    allow: { shape: list(rule), about: 'Patterns; one must match the whole command.' },
    deny: { shape: list(rule), about: 'Patterns; one that matches anywhere refuses the command.' },
  },
});

const policyMap = record({
  noun: 'tools',
  fields: {
    allow: { shape: names, about: 'Tools that the agent may use.' },
    bash: { shape: bashRules, about: 'Rules for the commands of the bash tool.' },
    effects: { shape: toolEffectsShape, about: 'What a repetition of a tool would do: bash, or SERVER__TOOL.' },
  },
  later: ['deny', 'network', 'isolation', 'functions'],
});

/** Tools of an agent: a list of names, or a map with allow and bash rules. None unless it says so. */
export const toolPolicyShape: Shape<ToolPolicy> = mapped(
  byKind<ToolPolicy>('a list of tools, or a map with allow and bash', {
    list: mapped(names, (allow) => ({ ...noTools, allow })),
    map: mapped(policyMap, ({ values }) => ({
      allow: values.allow ?? [],
      bash: { allow: values.bash?.values.allow ?? [], deny: values.bash?.values.deny ?? [] },
      ...(values.effects === undefined || Object.keys(values.effects).length === 0 ? {} : { effects: values.effects }),
    })),
  }),
  (policy, node, source) => {
    if (policy.allow.includes('bash') && policy.bash.allow.length === 0) {
      source.warn(node, {
        message: 'bash is allowed, but no command may run',
        expected: "tools: { allow: [bash], bash: { allow: ['…'] } }",
      });
    }
    return { ...policy, allow: [...new Set(policy.allow)].toSorted() };
  },
);
