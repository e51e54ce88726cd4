import { cleanText, DomainError, type JsonValue, type SnapshotInvalidReason } from '@skein/domain';

/** The error for bytes that are no snapshot; `part` names the part (`skill deploy`) when one is at fault. */
export const snapshotInvalid = (
  reason: SnapshotInvalidReason,
  message: string,
  part?: string,
  more: { readonly [key: string]: JsonValue | readonly JsonValue[] } = {},
): DomainError<'snapshot_invalid'> => {
  const named = part === undefined ? {} : { part: clip(part) };
  const text = clip(part === undefined ? message : `${part}: ${message}`);
  return new DomainError('snapshot_invalid', text, { reason, ...named, ...more });
};

/** Most characters of a message: what hostile bytes call themselves must not fill a log. */
const maxMessageLength = 1_000;

const clip = (text: string): string =>
  text.length <= maxMessageLength ? text : `${cleanText(text.slice(0, maxMessageLength))}\u2026`;

/** The error for anything over a limit, in the limit's unit. */
export const tooLarge = (what: string, limit: number, actual: number, unit = 'bytes'): DomainError<'too_large'> =>
  new DomainError('too_large', `${what}: ${actual} ${unit} where the limit is ${limit}`, { limit, actual, unit });
