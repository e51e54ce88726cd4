import { dagOf, stepOf } from '@skein/testkit';
import type {
  AgentMessage,
  CheckpointEntry,
  Dag,
  JsonValue,
  PlannedCall,
  RunCommand,
  Step,
  ToolEntry,
  TurnEntry,
} from '../src/index.ts';
import { findTarget } from '../src/index.ts';
import { start } from './driven-run.ts';

/** A step of an agent. */
export const agentStep = (id: string, fields: Partial<Step> = {}): Step =>
  stepOf(id, {
    action: { kind: 'agent', agent: 'triager', prompt: 'go', limits: {}, memory: { read: false, propose: false } },
    ...fields,
  });

/** A turn of the step's own agent, with these calls. */
export const turnOf = (
  turn: number,
  calls: readonly PlannedCall[] = [],
  fields: Partial<TurnEntry> = {},
): TurnEntry => ({
  type: 'turn',
  thread: '',
  turn,
  delta: { inline: { said: [], text: `turn ${turn}`, toolCalls: [] } },
  finishReason: calls.length === 0 ? 'stop' : 'tool_calls',
  calls,
  usage: { inputTokens: 10, outputTokens: 2, costUsd: 0.25 },
  model: 'offline/rules',
  ...fields,
});

/** A call that may have an effect. */
export const effectCall = (index: number, tool = 'bash'): PlannedCall => ({
  index,
  callId: `c${index}`,
  tool,
  class: 'effect',
});

/** The result of a call. */
export const resultOf = (turn: number, index: number, fields: Partial<ToolEntry> = {}): ToolEntry => ({
  type: 'tool',
  thread: '',
  turn,
  index,
  callId: `c${index}`,
  tool: 'bash',
  result: { inline: 'done' as JsonValue },
  isError: false,
  durationMs: 3,
  ...fields,
});

/** A message as it is sent. */
export const messageOf = (
  messageId: string,
  fields: Partial<AgentMessage> = {},
): Omit<AgentMessage, 'number' | 'at' | 'expiresAt'> => ({
  messageId,
  sender: 'ann',
  mode: 'next_turn',
  text: `text of ${messageId}`,
  ...fields,
});

/** A run of one agent step `a`, unless told otherwise, with what its worker and those who write to it do. */
export const startAgent = (dag: Dag = dagOf([agentStep('a')])) => {
  const run = start(dag);
  const target = (step: string) => {
    const found = findTarget(run.state, step)?.target;
    if (found === undefined) throw new Error(`no step ${step}`);
    return found;
  };
  const checkpointCommand = (step: string, entries: readonly CheckpointEntry[], index?: number): RunCommand => ({
    type: 'checkpoint',
    step,
    token: target(step).lease?.token ?? -1,
    workerId: 'wrk_1',
    index: index ?? target(step).progress?.seqs.length ?? 0,
    entries,
  });
  const record = (step: string, entries: readonly CheckpointEntry[], now = 1_000, index?: number) =>
    run.act(checkpointCommand(step, entries, index), now);
  const send = (step: string, messageId: string, fields: Partial<AgentMessage> = {}, now = 1_000, ttlMs?: number) =>
    run.act(
      {
        type: 'send_message',
        step,
        message: messageOf(messageId, fields),
        ...(ttlMs === undefined ? {} : { ttlMs }),
      },
      now,
    );
  const lose = (step: string, fields: Partial<Extract<RunCommand, { readonly type: 'lose' }>> = {}, now = 1_000) =>
    run.act(
      {
        type: 'lose',
        step,
        token: target(step).lease?.token ?? -1,
        reason: 'worker_exited',
        started: true,
        ...fields,
      },
      now,
    );
  const states = (step: string) => (target(step).mailbox?.messages ?? []).map(({ state }) => state);
  return { ...run, target, checkpointCommand, record, send, lose, states };
};
