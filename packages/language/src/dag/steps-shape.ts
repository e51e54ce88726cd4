import type { JsonSchema } from '@skein/domain';
import type { SourceText } from '../problem/source-text.ts';
import { text } from '../shape/scalars.ts';
import { byKind, isNothing, notSupportedYet, type Shape, wrongValue } from '../shape/shape.ts';
import type { YamlMap, YamlNode } from '../yaml/yaml-node.ts';
import { type StepFields, stepRecord } from './step-fields.ts';

/** A step as it was read, before ids, defaults and dependencies are filled in. */
export interface RawStep extends StepFields {
  /** Its key, when the steps are a map. */
  readonly key?: string;
}

const expected = 'a map with the fields of a step, or a command';

/** `- echo hello` is short for `- command: echo hello`. */
const shorthand = (node: YamlNode, source: SourceText): StepFields | undefined => {
  const command = text(expected).read(node, source);
  if (command === undefined) return undefined;
  const { start, end, path } = node;
  const map: YamlMap = { kind: 'map', start, end, path, entries: [] };
  return { node: map, values: { command: [command] }, nodes: { command: node }, keys: {}, suspected: new Set() };
};

/** A step, or a command, for editors. */
export const stepOrCommandSchema: JsonSchema = { anyOf: [{ type: 'string' }, { $ref: '#/$defs/step' }] };

/** One step: a map, or a command. */
export const readStep = (node: YamlNode, source: SourceText): RawStep | undefined => {
  if (node.kind === 'map') return stepRecord.read(node, source);
  if (node.kind === 'scalar') return shorthand(node, source);
  notSupportedYet(node, 'a list of steps in place of a step', source);
  return undefined;
};

const nonEmpty = (steps: readonly RawStep[], node: YamlNode, count: number, source: SourceText): readonly RawStep[] => {
  if (count === 0) source.report(node, { message: 'a DAG needs at least one step', expected: 'steps' });
  return steps;
};

/** The steps of a DAG, in the author's order. */
export const stepsShape: Shape<readonly RawStep[]> = byKind<readonly RawStep[]>('a list of steps, or a map by id', {
  list: {
    expected: 'a list of steps',
    schema: { type: 'array', minItems: 1, items: stepOrCommandSchema },
    read: (node, source) => {
      if (node.kind !== 'list') return undefined;
      const steps = node.items.flatMap((item) => {
        if (isNothing(item)) return wrongValue(item, source, expected) ?? [];
        return readStep(item, source) ?? [];
      });
      return nonEmpty(steps, node, node.items.length, source);
    },
  },
  map: {
    expected: 'a map of steps',
    schema: {
      type: 'object',
      minProperties: 1,
      additionalProperties: stepOrCommandSchema,
    },
    read: (node, source) => {
      if (node.kind !== 'map') return undefined;
      const steps = node.entries.flatMap((entry): readonly RawStep[] => {
        const step = isNothing(entry.value) ? wrongValue(entry.value, source, expected) : readStep(entry.value, source);
        return step === undefined ? [] : [{ ...step, key: entry.key }];
      });
      return nonEmpty(steps, node, node.entries.length, source);
    },
  },
});
