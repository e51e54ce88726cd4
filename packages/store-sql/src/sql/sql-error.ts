import { DomainError } from '@skein/domain';
import type { SqlFailure } from '../thread/sql-thread-messages.ts';

/** The thread died with the answer: what it was doing may or may not be on disk. */
export class ThreadLost extends Error {
  constructor(cause: unknown) {
    super('the database thread is gone', { cause });
    this.name = 'ThreadLost';
  }
}

const reasons: { readonly [code: string]: string } = {
  SQLITE_FULL: 'the disk is full',
  SQLITE_BUSY: 'the database is locked',
  SQLITE_LOCKED: 'the database is locked',
  SQLITE_CORRUPT: 'the database file is damaged',
  SQLITE_NOTADB: 'the file is not a database',
  SQLITE_CANTOPEN: 'the database file cannot be opened',
  SQLITE_READONLY: 'the database file cannot be written',
  SQLITE_IOERR: 'the disk failed',
};

const familyOf = (code: string): string => code.split('_').slice(0, 2).join('_');

/** The typed error of a failed statement: `unavailable` for what the outside did, `internal` for what we did. */
export const sqlError = ({ code, message }: SqlFailure): DomainError => {
  const reason = reasons[familyOf(code)];
  return reason === undefined
    ? new DomainError('internal', 'a statement failed', { sqlite: code, reason: message })
    : new DomainError('unavailable', reason, { sqlite: code, reason: message });
};
