import type { SourceText, Spot } from '../problem/source-text.ts';
import { list } from '../shape/collections.ts';
import { record } from '../shape/record.ts';
import { flag, text } from '../shape/scalars.ts';
import { byKind, mapped, notSupportedYet, type Shape } from '../shape/shape.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';

/** An agent that another may delegate to, and where its file says so. */
export interface SubAgentUse {
  readonly name: string;
  readonly spot: Spot;
}

const expected = 'the id of an agent';

const toUse = (word: string, node: YamlNode, source: SourceText): SubAgentUse | undefined => {
  const [name = ''] = word.split('@');
  if (name === word) return { name, spot: node };
  notSupportedYet(node, 'a version of a sub-agent', source);
  return undefined;
};

const subAgentRecord = record({
  noun: 'a sub-agent',
  fields: {
    agent: { shape: mapped(text(expected), toUse), about: 'Id of the agent.', required: true },
    floating: { shape: flag, about: 'Not supported yet.' },
  },
});

/** Sub-agents: ids, each frozen to the version that the project has now. */
export const subAgentsShape: Shape<readonly SubAgentUse[]> = mapped(
  list(
    byKind<SubAgentUse>(expected, {
      scalar: mapped(text(expected), toUse),
      map: mapped(subAgentRecord, ({ values, keys, node }, _node, source) => {
        if (values.floating === true) notSupportedYet(keys.floating ?? node, 'a floating sub-agent', source);
        return values.agent;
      }),
    }),
    'a list of ids of agents',
  ),
  (uses, _node, source) => {
    const seen = new Set<string>();
    for (const { name, spot } of uses) {
      if (seen.has(name)) source.report(spot, { message: `${name} is given twice`, expected: 'each agent once' });
      seen.add(name);
    }
    return uses;
  },
);
