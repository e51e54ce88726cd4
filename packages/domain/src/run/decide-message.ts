import { DomainError } from '../errors/domain-error.ts';
import { err } from '../result/result.ts';
import type { CommandOf, Decision } from './decision.ts';
import type { RunFact } from './run-fact.ts';
import type { RunState } from './run-state.ts';

/** Takes a message into the mailbox of a step execution, or says why not. */
export const decideSendMessage = (_state: RunState, _command: CommandOf<'send_message'>, _now: number): Decision =>
  err(new DomainError('unimplemented', 'messages are not implemented yet'));

/** Applies an accepted message, or the end of one that was not read. */
export const evolveMessage = (
  _state: RunState,
  _fact: Extract<RunFact, { readonly type: 'message_accepted' | 'message_ended' }>,
): void => undefined;

/** Messages that ended unread: expired, or their step is settled. Facts to append, and the next instant (ms) at which one expires. */
export const planMessages = (
  _state: RunState,
  _now: number,
): { readonly facts: readonly RunFact[]; readonly dueAt?: number } => ({ facts: [] });
