import { DomainError } from '../errors/domain-error.ts';
import { err } from '../result/result.ts';
import type { CommandOf, Decision } from './decision.ts';
import type { RunFact } from './run-fact.ts';
import type { RunState } from './run-state.ts';

/** Begins a `wait` or `approval` step. */
export const decideWait = (_state: RunState, _command: CommandOf<'wait'>, _now: number): Decision =>
  err(new DomainError('unimplemented', 'waiting steps are not implemented yet'));

/** A person's word on an approval. */
export const decideAnswer = (_state: RunState, _command: CommandOf<'answer'>, _now: number): Decision =>
  err(new DomainError('unimplemented', 'waiting steps are not implemented yet'));

/** Another round of the steps from one before the approval on. */
export const decidePushBack = (_state: RunState, _command: CommandOf<'push_back'>, _now: number): Decision =>
  err(new DomainError('unimplemented', 'waiting steps are not implemented yet'));

/** Applies the beginning, the end, or the push-back of a waiting step. */
export const evolveWait = (
  _state: RunState,
  _fact: Extract<RunFact, { readonly type: 'step_waiting' | 'step_answered' | 'step_pushed_back' }>,
): void => undefined;

/** Waits whose time, message or timeout came. Facts to append, and the next instant (ms) at which one comes. */
export const planWaits = (
  _state: RunState,
  _now: number,
): { readonly facts: readonly RunFact[]; readonly dueAt?: number } => ({ facts: [] });
