import type { TaskOutcome, TaskResult, Usage } from '@skein/domain';
import type { TaskResult__Output, TaskResult as WireResult } from '../generated/skein/worker/v1/TaskResult.ts';
import type { Usage__Output } from '../generated/skein/worker/v1/Usage.ts';
import { amountField, bad, integerField, jsonField, nameField, objectText } from './fields.ts';
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
    outputsJson: objectText(result.outputs),
    durationMs: result.durationMs,
  };
  if ('error' in result.outcome && result.outcome.error !== undefined)
    wire.error = encodeErrorData(result.outcome.error);
  if (result.exitCode !== undefined) wire.exitCode = result.exitCode;
  if (result.stdout !== undefined) wire.stdoutJson = JSON.stringify(result.stdout);
  if (result.usage !== undefined) wire.usage = result.usage;
  if (result.continueOnOutput !== undefined) wire.continueOnOutput = result.continueOnOutput;
  return wire;
};

/** A result as a worker sent it. */
export const decodeTaskResult = (wire: TaskResult__Output): TaskResult => ({
  ...decodeTaskRef(wire.task, 'result.task'),
  outcome: decodeOutcome(wire),
  outputs: valueRefsField(wire.outputsJson, 'result.outputs_json'),
  durationMs: amountField(wire.durationMs, 'result.duration_ms'),
  ...(wire.exitCode === undefined ? {} : { exitCode: integerField(wire.exitCode, 'result.exit_code', -(2 ** 31)) }),
  ...(wire.stdoutJson === undefined
    ? {}
    : { stdout: valueRefField(jsonField(wire.stdoutJson, 'result.stdout_json'), 'result.stdout_json') }),
  ...(wire.usage ? { usage: decodeUsage(wire.usage) } : {}),
  ...(wire.continueOnOutput === undefined ? {} : { continueOnOutput: wire.continueOnOutput === true }),
});

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
});
