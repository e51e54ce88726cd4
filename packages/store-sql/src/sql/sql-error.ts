import { DomainError } from '@skein/domain';
import type { SqlFailure } from '../thread/sql-thread-messages.ts';

/** The thread died with the answer: what it was doing may or may not be on disk. */
export class ThreadLost extends Error {
  constructor(cause: unknown) {
    super('the database thread is gone', { cause });
    this.name = 'ThreadLost';
  }
}

/** What a failed write or read is to its caller; closed. */
type StoreReason = 'disk_full' | 'io_error' | 'locked';

const outside: { readonly [code: string]: readonly [reason: StoreReason, message: string] } = {
  SQLITE_FULL: ['disk_full', 'the disk is full'],
  SQLITE_BUSY: ['locked', 'the database is locked'],
  SQLITE_LOCKED: ['locked', 'the database is locked'],
  SQLITE_PROTOCOL: ['locked', 'the database is locked'],
  SQLITE_CANTOPEN: ['io_error', 'the database file cannot be opened'],
  SQLITE_READONLY: ['io_error', 'the database file cannot be written'],
  SQLITE_PERM: ['io_error', 'the database file cannot be written'],
  SQLITE_IOERR: ['io_error', 'the disk failed'],
};

const damage: { readonly [code: string]: string } = {
  SQLITE_CORRUPT: 'the database file is damaged',
  SQLITE_NOTADB: 'the file is not a database',
};

const familyOf = (code: string): string => code.split('_').slice(0, 2).join('_');

/**
 * The typed error of a failed statement: `unavailable` with `details.reason` for what the outside did and may end, `data_corrupt` for a
 * file that is not what was written, `internal` for what we did.
 */
export const sqlError = ({ code, message }: SqlFailure): DomainError => {
  const family = familyOf(code);
  const details = { sqlite: code, message };
  const harm = code === 'SQLITE_IOERR_CORRUPTFS' ? damage['SQLITE_CORRUPT'] : damage[family];
  if (harm !== undefined) return new DomainError('data_corrupt', harm, details);
  const [reason, text] = outside[family] ?? [];
  return reason === undefined || text === undefined
    ? new DomainError('internal', 'a statement failed', details)
    : new DomainError('unavailable', text, { reason, ...details });
};

/** The typed error of a database that is closed, or whose thread is gone. */
export const closedError = (message: string, cause?: unknown): DomainError =>
  new DomainError('unavailable', message, { reason: 'closed' }, cause);
