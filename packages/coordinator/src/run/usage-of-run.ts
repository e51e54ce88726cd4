import type { RunState, StepState, Usage } from '@skein/domain';

const sumOf = (a: Usage, b: Usage): Usage => {
  const sum = {
    turns: a.turns + b.turns,
    toolCalls: a.toolCalls + b.toolCalls,
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    schemaRepairs: a.schemaRepairs + b.schemaRepairs,
  };
  const toolErrors =
    a.toolErrors === undefined && b.toolErrors === undefined
      ? {}
      : { toolErrors: (a.toolErrors ?? 0) + (b.toolErrors ?? 0) };
  return {
    ...sum,
    ...toolErrors,
    ...(a.costUsd === undefined && b.costUsd === undefined ? {} : { costUsd: (a.costUsd ?? 0) + (b.costUsd ?? 0) }),
    ...(a.model === undefined || a.model !== b.model ? {} : { model: a.model }),
  };
};

/**
 * What the last attempts of a run's steps, items and handlers used, those of the runs that they called included; undefined when none
 * used anything. `model` only if all used the same.
 */
export const usageOfRun = ({ steps }: RunState): Usage | undefined => {
  let total: Usage | undefined;
  const add = ({ result }: StepState): void => {
    if (result?.usage !== undefined) total = total === undefined ? result.usage : sumOf(total, result.usage);
  };
  for (const step of steps.values()) {
    (step.fanout?.states ?? [step]).forEach(add);
  }
  return total;
};
