import type { FencingToken } from '../identity/ids.ts';
import type { AgentProgress, ToolEntry, TurnEntry } from './checkpoint-entry.ts';

/** Nothing recorded yet. */
export const createProgress = (): AgentProgress => ({
  seqs: [],
  turns: 0,
  toolCalls: 0,
  inputTokens: 0,
  outputTokens: 0,
  open: [],
});

/** The place of a call in a transcript, as `AgentProgress.open` has it. */
export const callPlace = (thread: string, turn: number, index: number): string => `${thread} ${turn} ${index}`;

/** Counts a turn; its calls that are not read-only are open from now on. */
export const addTurn = (progress: AgentProgress, { thread, turn, calls, usage }: TurnEntry): void => {
  progress.turns += 1;
  progress.inputTokens += usage.inputTokens;
  progress.outputTokens += usage.outputTokens;
  if (usage.costUsd !== undefined) progress.costUsd = (progress.costUsd ?? 0) + usage.costUsd;
  for (const call of calls) {
    if (call.class !== 'read_only') progress.open.push(callPlace(thread, turn, call.index));
  }
};

/** Counts a call that has its result. */
export const addToolResult = (progress: AgentProgress, { thread, turn, index }: ToolEntry): void => {
  progress.toolCalls += 1;
  const place = progress.open.indexOf(callPlace(thread, turn, index));
  if (place !== -1) progress.open.splice(place, 1);
};

/** What is left of it after a restart: nothing but how far the agent once came. */
export const restartProgress = (progress: AgentProgress | undefined, token: FencingToken): AgentProgress => ({
  ...createProgress(),
  ...(progress?.lostAt === undefined ? {} : { lostAt: progress.lostAt }),
  restartedBy: token,
});

/** The step is settled: nobody goes on from here. The counts stay, for views. */
export const closeProgress = (progress: AgentProgress | undefined): void => {
  if (progress === undefined) return;
  progress.seqs = [];
  progress.open = [];
};
