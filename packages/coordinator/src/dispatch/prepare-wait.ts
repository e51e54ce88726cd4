import type { RunCommand, Step, StepPath } from '@skein/domain';
import { cleanText, DomainError, expectedInstant, parseInstant, utf8Length } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { boundError } from '../run/bound-error.ts';
import type { RunActor } from '../run/run-actor.ts';
import { missing } from './known-values.ts';
import type { Prepared } from './preparation.ts';
import { prepare } from './preparation.ts';
import { isMet, scopeOf } from './prepare-call.ts';
import { renderPlain, renderWith } from './render-values.ts';

/** Largest rendered question, as JSON in bytes of UTF-8: it becomes part of a fact. */
const maxPromptBytes = 32 * 1024;

/** What a waiting step waits for, with its references resolved. A duration begins with the turn that records it. */
export type PreparedWait =
  | { readonly for: 'time'; readonly until: number }
  | { readonly for: 'time'; readonly durationMs: number }
  | { readonly for: 'message' }
  | { readonly for: 'approval'; readonly prompt: string };

/** A step that waits. */
type WaitingStep = Step & { readonly action: Extract<Step['action'], { readonly kind: 'wait' | 'approval' }> };

/** True for a step that waits for time, a message or a person. */
export const isWaiting = (step: Step): step is WaitingStep =>
  step.action.kind === 'wait' || step.action.kind === 'approval';

const instantOf = (text: string): number => {
  const at = parseInstant(text.trim());
  if (at !== undefined) return at;
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  throw new DomainError('invalid_argument', `the step cannot wait until "${shown}": that is no instant`, {
    problems: [{ field: 'until', message: 'no instant', expected: expectedInstant }],
  });
};

const bounded = (prompt: string): string => {
  const text = cleanText(prompt);
  const actual = utf8Length(JSON.stringify(text));
  if (actual <= maxPromptBytes) return text;
  throw new DomainError('too_large', 'the prompt of the approval is too large', { limit: maxPromptBytes, actual });
};

/**
 * Decides a wait that may begin: its preconditions, then what it waits for. A failure is the step's: an instant that is none, a prompt
 * that is too large, a reference that names nothing.
 */
export const prepareWait = (
  engine: Engine,
  actor: RunActor,
  path: StepPath,
  step: WaitingStep,
): Prepared<PreparedWait | 'not_met'> =>
  prepare(engine, actor, path, (known) => {
    const { action } = step;
    const scope = scopeOf(actor.state, path, known);
    if (scope === missing) return missing;
    const met = renderWith(scope, known, (lookup) => step.preconditions.every((one) => isMet(one, lookup)));
    if (met === missing || !met) return met === missing ? missing : 'not_met';
    if (action.kind === 'wait') {
      if (action.message === true) return { for: 'message' };
      if (action.durationMs !== undefined) return { for: 'time', durationMs: action.durationMs };
    }
    const written = action.kind === 'approval' ? action.prompt : (action.until ?? '');
    const text = renderWith(scope, known, (lookup) => renderPlain(written, lookup));
    if (text === missing) return missing;
    return action.kind === 'approval'
      ? { for: 'approval', prompt: bounded(text) }
      : { for: 'time', until: instantOf(text) };
  });

/** What a prepared wait makes of its step: it begins, is skipped, or fails. `now` in ms is when a duration begins. */
export const waitCommand = (
  step: StepPath,
  prepared: Exclude<ReturnType<typeof prepareWait>, { readonly status: 'pending' }>,
  now: number,
): RunCommand => {
  if (prepared.status === 'failed') return { type: 'fail_step', step, error: boundError(prepared.error) };
  const { value } = prepared;
  if (value === 'not_met') return { type: 'skip_step', step };
  if ('durationMs' in value) return { type: 'wait', step, for: 'time', until: now + value.durationMs };
  return { type: 'wait', step, ...value };
};
