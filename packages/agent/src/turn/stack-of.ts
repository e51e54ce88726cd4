/** What was thrown, as text for the worker's log. To be redacted: an exception of unknown origin may quote anything. */
export const stackOf = (thrown: unknown): string =>
  thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
