import type { IdSource } from '@skein/ports';
import { v7 } from 'uuid';

/** Ids of this process: prefix + `_` + UUIDv7; ids that one process makes sort in the order in which it made them. */
export const createIdSource = (): IdSource => ({ next: (prefix) => `${prefix}_${v7()}` });
