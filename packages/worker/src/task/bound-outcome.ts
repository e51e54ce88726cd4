import { cleanText, type ErrorData, type TaskOutcome, utf8Length } from '@skein/domain';

/** Longest message of an error, in UTF-16 units. */
const maxMessageLength = 2_048;
/** Largest details of an error as JSON; with values of 40 KiB beside it, the fact of a result stays below 64 KiB. */
const maxDetailsBytes = 8 * 1024;

/** The outcome with its error cut to what a message and a fact can carry; details that are too large are left out, and said to be. */
export const boundOutcome = (outcome: TaskOutcome): TaskOutcome =>
  'error' in outcome && outcome.error !== undefined ? { ...outcome, error: boundError(outcome.error) } : outcome;

const boundError = ({ code, message, details }: ErrorData): ErrorData => {
  const short = message.length > maxMessageLength ? `${cleanText(message.slice(0, maxMessageLength - 1))}…` : message;
  if (details === undefined) return { code, message: short };
  const bytes = utf8Length(JSON.stringify(details));
  return { code, message: short, details: bytes > maxDetailsBytes ? { detailsBytes: bytes } : details };
};
