import type { Usage } from '../task/task-result.ts';

const sumKnown = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined ? other : one + (other ?? 0);

/** What two attempts used together. A number that one of them did not tell is what the other told; absent when neither did. */
export const addUsage = (one: Usage | undefined, other: Usage | undefined): Usage | undefined => {
  if (one === undefined || other === undefined) return one ?? other;
  const toolErrors = sumKnown(one.toolErrors, other.toolErrors);
  const costUsd = sumKnown(one.costUsd, other.costUsd);
  return {
    turns: one.turns + other.turns,
    toolCalls: one.toolCalls + other.toolCalls,
    inputTokens: one.inputTokens + other.inputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    schemaRepairs: one.schemaRepairs + other.schemaRepairs,
    ...(toolErrors === undefined ? {} : { toolErrors }),
    ...(costUsd === undefined ? {} : { costUsd }),
  };
};
