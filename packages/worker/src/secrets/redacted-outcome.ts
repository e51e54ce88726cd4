import type { ErrorData, JsonValue, TaskOutcome } from '@skein/domain';
import type { Redactor } from './redactor.ts';

/** An outcome whose error, with its details, says no secret. */
export const redactedOutcome = (redactor: Redactor, outcome: TaskOutcome): TaskOutcome => {
  if (redactor.isEmpty || !('error' in outcome) || outcome.error === undefined) return outcome;
  const { code, message, details } = outcome.error;
  const error: ErrorData = {
    code,
    message: redactor.text(message),
    ...(details === undefined
      ? {}
      : { details: redactor.value(details as JsonValue) as NonNullable<ErrorData['details']> }),
  };
  return { ...outcome, error };
};
