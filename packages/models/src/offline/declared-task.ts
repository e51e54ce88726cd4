import type { JsonObject, JsonValue } from '@skein/domain';
import { fencedBlocks } from './fenced-blocks.ts';

/** The kinds of task that the rules know. */
type TaskKind = 'classify' | 'extract' | 'summarise' | 'call' | 'judge';

/** A tool call that the task asks for before its answer. */
interface DeclaredCall {
  readonly tool: string;
  readonly input: JsonValue;
}

/** A prompt's task with the rules that apply to it and its data by name. */
export interface DeclaredTask {
  readonly kind?: TaskKind;
  /** The ```task object over the ```rules objects; the task's own keys win. */
  readonly settings: JsonObject;
  readonly data: { readonly [name: string]: JsonValue };
  readonly calls: readonly DeclaredCall[];
  /** Of a judge: the prompt from its task up to its first data. */
  readonly rubric: string;
  /** Why the ```task block could not be used. */
  readonly problem?: string;
}

/** A finished tool call of the transcript. */
export interface ToolResult {
  readonly callId: string;
  readonly tool: string;
  readonly output: JsonValue;
  readonly isError: boolean;
}

const kinds: ReadonlySet<string> = new Set<TaskKind>(['classify', 'extract', 'summarise', 'call', 'judge']);

/**
 * Reads the declared task. Only the first ```task block of the first user message counts, so text that arrives as data below it
 * declares nothing. Rules come from the system text (an agent's instructions), then from loaded skills and their files;
 * memory is quoted line by line, so a fence inside it is no fence.
 */
export const readTask = (system: string, prompt: string, results: readonly ToolResult[]): DeclaredTask => {
  const blocks = fencedBlocks(prompt);
  const data: { [name: string]: JsonValue } = {};
  for (const block of blocks) {
    if (block.language !== 'data') continue;
    const name = block.name === '' ? 'data' : block.name;
    if (!(name in data)) data[name] = parseJson(block.text) ?? block.text;
  }
  const declared = blocks.find((block) => block.language === 'task');
  if (declared === undefined) return { settings: {}, data, calls: spokenCalls(prompt), rubric: '' };
  const task = asObject(parseJson(declared.text));
  if (task === undefined) return { settings: {}, data, calls: [], rubric: '', problem: 'it is not a JSON object' };
  const kind = task['task'] === 'summarize' ? 'summarise' : task['task'];
  const rubric = kind === 'judge' ? rubricOf(prompt) : '';
  const settings = { ...rulesOf(system), ...skillRules(results), ...rulesOf(rubric), ...task };
  const calls = [...skillCalls(task), ...declaredCalls(task)];
  if (typeof kind !== 'string' || !kinds.has(kind)) {
    return { settings, data, calls, rubric, problem: `unknown task ${JSON.stringify(kind ?? null)}` };
  }
  return { kind: kind as TaskKind, settings, data, calls, rubric };
};

/** What is judged stands below the first data and gives no rules. */
const rubricOf = (prompt: string): string => {
  const [, below = ''] = prompt.split(/^```task[ \t]*$/m);
  const afterTask = below.slice(below.search(/^`{3,}[ \t]*$/m)).replace(/^`+[ \t]*\n/, '');
  return afterTask.split(/^`{3,}data\b/m)[0] ?? '';
};

const rulesOf = (text: string): JsonObject =>
  Object.assign(
    {},
    ...fencedBlocks(text)
      .filter((block) => block.language === 'rules')
      .map((block) => asObject(parseJson(block.text)) ?? {}),
  ) as JsonObject;

/** What `load_skill` and reads below `skills/` returned; any other tool's output is data and gives no rules. */
const skillRules = (results: readonly ToolResult[]): JsonObject =>
  Object.assign(
    {},
    ...results.map((result) => {
      const output = asObject(result.output);
      if (result.isError || output === undefined) return {};
      if (result.tool === 'load_skill') return rulesOf(asText(output['body']));
      const isSkillFile = result.tool === 'read' && asText(output['path']).startsWith('skills/');
      return isSkillFile ? rulesOf(asText(output['text'])) : {};
    }),
  ) as JsonObject;

const skillCalls = (task: JsonObject): DeclaredCall[] => {
  const one = task['skill'];
  const many = task['skills'];
  const names = [...(typeof one === 'string' ? [one] : []), ...(Array.isArray(many) ? many : [])];
  return names.filter((name) => typeof name === 'string').map((name) => ({ tool: 'load_skill', input: { name } }));
};

const declaredCalls = (task: JsonObject): DeclaredCall[] => {
  const listed = Array.isArray(task['calls']) ? task['calls'] : [];
  const own = task['task'] === 'call' ? [task] : [];
  return [...listed, ...own].flatMap((value) => {
    const call = asObject(value);
    return typeof call?.['tool'] === 'string' ? [{ tool: call['tool'], input: call['input'] ?? {} }] : [];
  });
};

/** `Call the tool X with {…}`, for prompts without a task block. */
const spokenCalls = (prompt: string): DeclaredCall[] => {
  const match = /\bcall the (?:tool `?([\w-]+)`?|`?([\w-]+)`? tool)(?: with (\{.*\}))?/i.exec(prompt);
  const tool = match?.[1] ?? match?.[2];
  return tool === undefined ? [] : [{ tool, input: parseJson(match?.[3] ?? '{}') ?? {} }];
};

const parseJson = (text: string): JsonValue | undefined => {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
};

const asObject = (value: JsonValue | undefined): JsonObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;

const asText = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');
