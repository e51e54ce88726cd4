import type { ErrorData, TaskOutcome, TaskRef, TaskResult, Usage } from '@skein/domain';
import { isDomainError, toErrorData } from '@skein/domain';
import type { TaskResult__Output, TaskResult as WireResult } from '../generated/skein/worker/v1/TaskResult.ts';
import type { Usage__Output } from '../generated/skein/worker/v1/Usage.ts';
import { amountField, bad, integerField, jsonObjectField, nameField } from './fields.ts';
import { decodeProposals, encodeProposal } from './memory-proposal.ts';
import {
  decodeErrorData,
  decodeTaskRef,
  encodeErrorData,
  encodeTaskRef,
  valueRefField,
  valueRefsField,
} from './shared-values.ts';

/** The wire form of a result. */
export const encodeTaskResult = (result: TaskResult): WireResult => {
  const wire: WireResult = {
    task: encodeTaskRef(result),
    status: result.outcome.status,
    valuesJson: valuesText(result),
    durationMs: result.durationMs,
  };
  if ('error' in result.outcome && result.outcome.error !== undefined)
    wire.error = encodeErrorData(result.outcome.error);
  if (result.exitCode !== undefined) wire.exitCode = result.exitCode;
  if (result.usage !== undefined) wire.usage = result.usage;
  if (result.continueOnOutput !== undefined) wire.continueOnOutput = result.continueOnOutput;
  if (result.proposals !== undefined) wire.proposals = result.proposals.map(encodeProposal);
  return wire;
};

const valuesText = ({ outputs, stdout }: TaskResult): string => {
  if (stdout !== undefined) return JSON.stringify({ outputs, stdout });
  for (const _ in outputs) return JSON.stringify({ outputs });
  return '';
};

/**
 * A result as a worker sent it. One that names its task but cannot be read otherwise is that task's failure: refusing the stream
 * would bring the same result back on the next one. Throws `invalid_argument` when not even the task is named.
 */
export const decodeTaskResult = (wire: TaskResult__Output): TaskResult => {
  const task = decodeTaskRef(wire.task, 'result.task');
  try {
    return decodeBody(wire, task);
  } catch (thrown) {
    if (!isDomainError(thrown)) throw thrown;
    return failedResult(task, toErrorData(thrown));
  }
};

/** The result of a task whose own result cannot be told. */
export const failedResult = ({ runId, step, attempt, token }: TaskRef, error: ErrorData): TaskResult => ({
  runId,
  step,
  attempt,
  token,
  outcome: { status: 'failed', error },
  outputs: {},
  durationMs: 0,
});

const decodeBody = (wire: TaskResult__Output, { runId, step, attempt, token }: TaskRef): TaskResult => {
  const { outputs, stdout } = jsonObjectField(wire.valuesJson, 'result.values_json');
  const result: Writable<TaskResult> = {
    runId,
    step,
    attempt,
    token,
    outcome: decodeOutcome(wire),
    outputs: outputs === undefined ? {} : valueRefsField(outputs, 'result.values_json.outputs'),
    durationMs: amountField(wire.durationMs, 'result.duration_ms'),
  };
  if (stdout !== undefined) result.stdout = valueRefField(stdout, 'result.values_json.stdout');
  if (wire.exitCode !== undefined) result.exitCode = integerField(wire.exitCode, 'result.exit_code', -(2 ** 31));
  if (wire.usage) result.usage = decodeUsage(wire.usage);
  if (wire.continueOnOutput !== undefined) result.continueOnOutput = wire.continueOnOutput === true;
  if (wire.proposals.length > 0) result.proposals = decodeProposals(wire.proposals);
  return result;
};

type Writable<T> = { -readonly [key in keyof T]: T[key] };

const decodeOutcome = (wire: TaskResult__Output): TaskOutcome => {
  const status = wire.status;
  switch (status) {
    case 'failed':
      return { status, error: decodeErrorData(wire.error, 'result.error') };
    case 'released':
      return wire.error ? { status, error: decodeErrorData(wire.error, 'result.error') } : { status };
    case 'succeeded':
    case 'skipped':
    case 'cancelled':
      return { status };
    default:
      throw bad('result.status', 'an outcome');
  }
};

const decodeUsage = (usage: Usage__Output): Usage => ({
  turns: integerField(usage.turns, 'result.usage.turns'),
  toolCalls: integerField(usage.toolCalls, 'result.usage.tool_calls'),
  inputTokens: integerField(usage.inputTokens, 'result.usage.input_tokens'),
  outputTokens: integerField(usage.outputTokens, 'result.usage.output_tokens'),
  schemaRepairs: integerField(usage.schemaRepairs, 'result.usage.schema_repairs'),
  ...(usage.costUsd === undefined ? {} : { costUsd: amountField(usage.costUsd, 'result.usage.cost_usd') }),
  ...(usage.model === undefined ? {} : { model: nameField(usage.model, 'result.usage.model', true) }),
  ...(usage.toolErrors === undefined ? {} : { toolErrors: integerField(usage.toolErrors, 'result.usage.tool_errors') }),
  ...(usage.divergedCalls === undefined
    ? {}
    : { divergedCalls: integerField(usage.divergedCalls, 'result.usage.diverged_calls') }),
});
