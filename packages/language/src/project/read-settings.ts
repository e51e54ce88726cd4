import type { SourceText } from '../problem/source-text.ts';
import { record } from '../shape/record.ts';
import { text } from '../shape/scalars.ts';
import { mapped } from '../shape/shape.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import type { NamedUse } from './read-agent.ts';

const settingsRecord = record({
  noun: 'skein.yaml',
  fields: {
    name: { shape: text(), about: 'Name of the project.' },
    default_model: {
      shape: mapped(text('the id of a model'), (name, spot): NamedUse => ({ name, spot })),
      about: 'Model of agents that name none.',
    },
  },
  later: ['defaults', 'workers', 'memory', 'secrets'],
});

/** What skein.yaml sets. */
export interface Settings {
  readonly defaultModel?: NamedUse;
}

/** Reads skein.yaml. */
export const readSettings = (node: YamlNode, source: SourceText): Settings => {
  const fields = settingsRecord.read(node, source);
  const defaultModel = fields?.values.default_model;
  return defaultModel === undefined ? {} : { defaultModel };
};
