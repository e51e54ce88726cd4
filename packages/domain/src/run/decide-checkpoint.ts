import { DomainError } from '../errors/domain-error.ts';
import { err } from '../result/result.ts';
import type { CommandOf, Decision } from './decision.ts';
import type { RunFact } from './run-fact.ts';
import type { RunState } from './run-state.ts';

/** Facts that are durable points of an agent's conversation. */
export type CheckpointFact = Extract<
  RunFact,
  { readonly type: 'turn_planned' | 'tool_done' | 'agent_restarted' | 'message_replied' }
>;

/** Records durable points of an agent attempt, by the holder of the lease only. */
export const decideCheckpoint = (_state: RunState, _command: CommandOf<'checkpoint'>, _now: number): Decision =>
  err(new DomainError('unimplemented', 'checkpoints are not implemented yet'));

/** Applies one durable point: the progress of its step, and the messages that it consumed or answered. */
export const evolveCheckpoint = (_state: RunState, _fact: CheckpointFact): void => undefined;
