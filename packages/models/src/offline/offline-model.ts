import { DomainError, type JsonObject, type JsonValue } from '@skein/domain';
import type { Clock, Model, ToolCall, Turn, TurnRequest } from '@skein/ports';
import { answerTask, answerText } from './answer-task.ts';
import { type DeclaredTask, readTask } from './declared-task.ts';
import { fillSchema } from './fill-schema.ts';
import { rankSentences } from './rank-sentences.ts';

/** Name of the rule-based model. */
export const offlineModelName = 'offline/rules-1';

const notice = `${offlineModelName}: I am a rule-based program, not a language model.`;

/**
 * The model that needs no network and no key: a pure function of the messages, so equal requests give equal turns.
 * It follows the ```task block of its prompt (docs/offline-model.md); each turn makes the next call of its plan
 * (skills, declared calls) and the last one answers. `parameters.delay_ms` makes each turn take that long.
 */
export const createOfflineModel = (deps: { readonly clock: Clock }): Model => ({
  turn: async (request, onText, signal) => {
    const delayMs = request.model.parameters['delay_ms'];
    if (typeof delayMs === 'number' && delayMs > 0 && !signal.aborted) {
      await deps.clock.sleep(delayMs, signal).catch(() => {});
    }
    if (signal.aborted) {
      throw signal.reason instanceof DomainError
        ? signal.reason
        : new DomainError('cancelled', 'the turn was cancelled');
    }
    const { text, toolCalls } = nextTurn(request);
    if (text !== '') onText(text);
    return {
      text,
      toolCalls,
      finishReason: toolCalls.length > 0 ? 'tool_calls' : 'stop',
      usage: {
        inputTokens: estimateTokens(request.system, request.messages, request.tools),
        outputTokens: estimateTokens(text, toolCalls),
      },
    };
  },
});

/** About four characters make a token; deterministic, and only an estimate. */
const estimateTokens = (...parts: readonly unknown[]): number =>
  Math.ceil(parts.reduce<number>((sum, part) => sum + JSON.stringify(part).length, 0) / 4);

const nextTurn = (request: TurnRequest): Pick<Turn, 'text' | 'toolCalls'> => {
  const prompt = request.messages.find((message) => message.role === 'user')?.text ?? '';
  const results = request.messages.flatMap((message) => (message.role === 'tool' ? message.results : []));
  const task = readTask(request.system, prompt, results);
  const plan = task.calls.filter((call) => request.tools.some((tool) => tool.name === call.tool));
  const made = results.filter((result) => /^offline_[0-9]+$/.test(result.callId)).length;
  const next = plan[made];
  if (next !== undefined) {
    const call: ToolCall = { callId: `offline_${made}`, tool: next.tool, input: next.input };
    return { text: made === 0 ? `${notice} ${describe(task)}\n` : '', toolCalls: [call] };
  }
  const called = results.filter((result) => result.callId.startsWith('offline_')).at(-1)?.output;
  const answer = request.tools.find((tool) => tool.name === 'output');
  if (answer === undefined) return { text: `${finalText(task, prompt, called)}\n\n(${notice})`, toolCalls: [] };
  const attempts = results.filter((result) => result.tool === 'output').length;
  const input = finalObject(task, prompt, called, answer.inputSchema);
  const spoken = plan.length === 0 && attempts === 0 ? `${notice} ${describe(task)}\n` : '';
  const repeated = attempts > 0 ? 'My rules give the same answer again; I cannot repair it.\n' : '';
  return { text: spoken + repeated, toolCalls: [{ callId: `output_${attempts}`, tool: 'output', input }] };
};

const describe = (task: DeclaredTask): string => {
  if (task.problem !== undefined) return `The declared task cannot be read (${task.problem}); I guess from the schema.`;
  if (task.kind === undefined) return 'The prompt declares no task that I know; I guess from the schema.';
  return `I follow the declared task: ${task.kind}.`;
};

const finalObject = (
  task: DeclaredTask,
  prompt: string,
  called: JsonValue | undefined,
  schema: JsonObject,
): JsonObject => {
  const answer = task.kind === undefined ? undefined : answerTask(task, called, schema);
  if (answer !== undefined) return answer;
  const filled = fillSchema(schema, { text: prompt, data: task.data });
  return isObject(filled) ? filled : { result: filled };
};

const finalText = (task: DeclaredTask, prompt: string, called: JsonValue | undefined): string => {
  if (task.kind !== undefined) return answerText(task, called);
  if (called !== undefined) return typeof called === 'string' ? called : JSON.stringify(called);
  return rankSentences(prompt, 3).join(' ');
};

const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
