import type { CheckpointEntry, RecordedResult, RunFact, StepPath, ToolEntry, TurnEntry } from '@skein/domain';

/** The first whole attempt of an agent step, as its run's log tells it. */
export interface ReadAttempt {
  /** Absent while it goes on, or when the worker was lost for good. */
  readonly result?: RecordedResult;
  /** Since its transcript began. */
  readonly entries: readonly (TurnEntry | ToolEntry)[];
  /** Time that its tools took, those of sub-agents too (ms). */
  readonly toolMs: number;
}

/** Reads the attempt that ended first; a worker loss ends none. What a push-back or a retry added later is another attempt. */
export const readAttempt = (facts: readonly RunFact[], step: StepPath): ReadAttempt => {
  let entries: (TurnEntry | ToolEntry)[] = [];
  let result: RecordedResult | undefined;
  for (const fact of facts) {
    if (!('step' in fact) || fact.step !== step) continue;
    if (fact.type === 'turn_planned' || fact.type === 'tool_done') entries.push(fact.entry);
    if (fact.type === 'agent_restarted') entries = [];
    if (fact.type !== 'step_finished') continue;
    const { status } = fact.result.outcome;
    if (status === 'released' || status === 'skipped') continue;
    result = fact.result;
    break;
  }
  const toolMs = entries.reduce((sum, entry) => sum + (isOwnTool(entry) ? entry.durationMs : 0), 0);
  return { entries, toolMs, ...(result === undefined ? {} : { result }) };
};

/** The time of a sub-agent is that of its own turns and tools. */
const isOwnTool = (entry: CheckpointEntry): entry is ToolEntry => entry.type === 'tool' && entry.tool !== 'delegate';

/** Raw values of one attempt. A cost that is not known is absent. */
export interface AttemptValues {
  /** 1: it failed. */
  readonly error: number;
  readonly tokens?: number;
  /** Without the time of its tools, which a playback answers at once (ms). */
  readonly latency: number;
  readonly costUsd?: number;
}

/** What an attempt that ended measured. */
export const valuesOfAttempt = ({ result, toolMs }: ReadAttempt): AttemptValues | undefined => {
  if (result === undefined || result.outcome.status === 'cancelled') return undefined;
  const { usage } = result;
  return {
    error: result.outcome.status === 'failed' ? 1 : 0,
    ...(usage === undefined ? {} : { tokens: usage.inputTokens + usage.outputTokens }),
    latency: Math.max(0, result.durationMs - toolMs),
    ...(usage?.costUsd === undefined ? {} : { costUsd: usage.costUsd }),
  };
};
