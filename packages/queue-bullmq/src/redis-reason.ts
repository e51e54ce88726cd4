/** Replies of a server that is there and does not do what it was asked: `OOM command not allowed …`, `READONLY …`, `NOSCRIPT …`. */
const refusal = /^([A-Z][A-Z_]{2,})\b/;

/** Why a call of Redis failed, in a word or a few: never an address, never a secret. */
export const reasonOf = (thrown: unknown): string => {
  if (!(thrown instanceof Error)) return 'unknown';
  const { code } = thrown as NodeJS.ErrnoException;
  if (typeof code === 'string') return code;
  const word = refusal.exec(thrown.message)?.[1];
  return word ?? (/clos|writ?eable|connect/i.test(thrown.message) ? 'connection closed' : thrown.name);
};

/** True for an answer of the server: the connection is fine, the server refuses. */
export const isRefusal = (thrown: unknown): boolean => thrown instanceof Error && thrown.name === 'ReplyError';
