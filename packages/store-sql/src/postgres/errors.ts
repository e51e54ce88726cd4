import { DomainError, isDomainError } from '@skein/domain';

/** What a failed statement, or a connection that could not be had, is to its caller; closed. */
type PostgresReason =
  | 'refused'
  | 'lost'
  | 'timeout'
  | 'shutdown'
  | 'starting'
  | 'too_many_connections'
  | 'read_only'
  | 'denied'
  | 'disk_full'
  | 'out_of_memory'
  | 'io_error'
  | 'locked';

/** By SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html; the longest prefix counts. */
const outside: { readonly [state: string]: readonly [reason: PostgresReason, message: string] } = {
  '08': ['lost', 'the connection to PostgreSQL was lost'],
  '25006': ['read_only', 'PostgreSQL only reads: it is a standby'],
  '28': ['denied', 'PostgreSQL does not let us in'],
  '3D000': ['denied', 'the database does not exist'],
  '40001': ['locked', 'the database is contended'],
  '40P01': ['locked', 'the database is contended'],
  '42501': ['denied', 'PostgreSQL does not let us do this'],
  '53': ['out_of_memory', 'PostgreSQL lacks a resource'],
  '53100': ['disk_full', 'the disk is full'],
  '53300': ['too_many_connections', 'PostgreSQL has no connection left'],
  '53400': ['too_many_connections', 'PostgreSQL has no connection left'],
  '55P03': ['locked', 'the database is locked'],
  '57014': ['timeout', 'PostgreSQL cancelled the statement'],
  '57P01': ['shutdown', 'PostgreSQL is stopping'],
  '57P02': ['shutdown', 'PostgreSQL has crashed'],
  '57P03': ['starting', 'PostgreSQL is starting'],
  '57P05': ['lost', 'the connection to PostgreSQL was lost'],
  '58': ['io_error', 'the disk of PostgreSQL failed'],
  '25P03': ['lost', 'the connection to PostgreSQL was lost'],
  '25P04': ['lost', 'the connection to PostgreSQL was lost'],
};

/** A connection that is gone with an answer: what it was doing may or may not be on disk. */
export class ConnectionLost extends Error {
  constructor(cause: unknown) {
    super('the connection to PostgreSQL is gone', { cause });
    this.name = 'ConnectionLost';
  }
}

const stateOf = (error: unknown): string | undefined => {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** True when the server says that it repeats well: a serialization failure or a deadlock. */
export const isContention = (error: unknown): boolean => ['40001', '40P01'].includes(stateOf(error) ?? '');

/** True when the server only reads: another one writes, or will, and this connection leads to it no more. */
export const onlyReads = (error: unknown): boolean => stateOf(error) === '25006';

/** What the driver would throw on a standby that was asked to write. */
export const standbyError = (): Error => Object.assign(new Error('the server is a standby'), { code: '25006' });

/**
 * True when a statement that was prepared before the tables changed (another process has migrated them) must be prepared anew, or
 * is not there (a proxy gave us another server connection).
 */
export const isStalePlan = (error: unknown): boolean =>
  (stateOf(error) === '0A000' && messageOf(error).includes('cached plan')) || stateOf(error) === '26000';

/** True when the connection cannot go on after this: no error of a statement, or one with which the server ends it. */
export const endsConnection = (error: unknown): boolean => {
  const state = stateOf(error);
  return state === undefined || /^(?:08|57P0[1235]|25P0[34])/.test(state);
};

/** The typed error of a connection that could not be opened: always `unavailable`. */
export const connectError = (error: unknown): DomainError => {
  const state = stateOf(error);
  const [reason, message] = (state === undefined ? undefined : familyOf(state)) ?? [
    /timeout/i.test(messageOf(error)) ? 'timeout' : 'refused',
    'PostgreSQL cannot be reached',
  ];
  return new DomainError('unavailable', message, { reason, postgres: state ?? networkCodeOf(error) }, error);
};

/**
 * The typed error of a failed statement: `unavailable` with `details.reason` for what the outside did and may end, `data_corrupt` for
 * damage that PostgreSQL itself found, `invalid_argument` for a text that it cannot hold, `internal` for what we did.
 */
export const postgresError = (error: unknown): DomainError => {
  if (isDomainError(error)) return error;
  const state = stateOf(error);
  if (state === undefined) return lostError(error);
  const details = { postgres: state, message: messageOf(error) };
  if (state === 'XX001' || state === 'XX002') {
    return new DomainError('data_corrupt', 'the data of PostgreSQL is damaged', details);
  }
  if (state === '22021' || state === '22P05') {
    return new DomainError('invalid_argument', 'a text holds a character that cannot be stored', details);
  }
  const [reason, text] = familyOf(state) ?? [];
  return reason === undefined || text === undefined
    ? new DomainError('internal', 'a statement failed', details, error)
    : new DomainError('unavailable', text, { reason, ...details });
};

/** The typed error of a connection that went while it was needed, as often as it was replaced. */
export const lostError = (cause: unknown): DomainError =>
  new DomainError('unavailable', 'the connection to PostgreSQL was lost', { reason: 'lost' }, cause);

const familyOf = (state: string): readonly [reason: PostgresReason, message: string] | undefined =>
  outside[state] ?? outside[state.slice(0, 2)];

const networkCodeOf = (error: unknown): string => {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : 'none';
};
