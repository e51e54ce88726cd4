import type { JsonObject, JsonValue } from '@skein/domain';
import { classifyItems } from './classify-items.ts';
import type { DeclaredTask } from './declared-task.ts';
import { extractFields } from './extract-fields.ts';
import { judgeOutput } from './judge-output.ts';
import { rankSentences } from './rank-sentences.ts';
import { selectValues, textOf } from './select-values.ts';
import { summariseItems } from './summarise-items.ts';

/** The object for the `output` tool; undefined when the task lacks what its kind needs. */
export const answerTask = (
  task: DeclaredTask,
  called: JsonValue | undefined,
  schema: JsonObject,
): JsonObject | undefined => {
  switch (task.kind) {
    case 'classify':
      return { [into(task, schema, 'array', 'items')]: classifyItems(itemsOf(task), task.settings) };
    case 'extract':
      return extractFields(sourceText(task), task.settings);
    case 'summarise':
      return { [into(task, schema, 'string', 'summary')]: summarise(task) };
    case 'call':
      return { [into(task, schema, undefined, 'result')]: called ?? null };
    case 'judge':
      return judgeOutput(task.settings, task.data as JsonObject, task.rubric);
    case undefined:
      return undefined;
  }
};

/** The same answer as text, for an agent without an output schema. */
export const answerText = (task: DeclaredTask, called: JsonValue | undefined): string => {
  if (task.kind === 'summarise') return summarise(task);
  if (task.kind === 'call') return textOf(called ?? null);
  const answer = answerTask(task, called, {});
  return JSON.stringify(answer ?? null, undefined, 2);
};

const summarise = (task: DeclaredTask): string => {
  if (task.settings['items'] !== undefined)
    return summariseItems(itemsOf(task), task.settings, task.data as JsonObject);
  const count = task.settings['sentences'];
  return rankSentences(sourceText(task), typeof count === 'number' ? count : 3).join(' ');
};

const itemsOf = (task: DeclaredTask): readonly JsonValue[] => {
  const items = task.settings['items'];
  if (Array.isArray(items)) return items;
  if (typeof items !== 'string') return [];
  const found = selectValues(task.data as JsonObject, items);
  // A path that ends at a list means its elements.
  return found.length === 1 && Array.isArray(found[0]) ? found[0] : found;
};

const sourceText = (task: DeclaredTask): string => {
  const { source } = task.settings;
  const path = typeof source === 'string' ? source : Object.keys(task.data)[0];
  return path === undefined
    ? ''
    : selectValues(task.data as JsonObject, path)
        .map(textOf)
        .join('\n');
};

/** The name of the answer's property: `into`, else the first property of that type in the schema. */
const into = (task: DeclaredTask, schema: JsonObject, type: string | undefined, otherwise: string): string => {
  const named = task.settings['into'];
  if (typeof named === 'string') return named;
  const properties = Object.entries((schema['properties'] ?? {}) as JsonObject);
  const fitting = properties.find(([, value]) => type === undefined || (value as JsonObject | null)?.['type'] === type);
  return fitting?.[0] ?? otherwise;
};
