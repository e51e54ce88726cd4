import { DomainError } from '@skein/domain';
import { type Migration, Migrator } from 'kysely';
import type { Queries } from '../sql/schema.ts';
import { firstTables } from './0001-first-tables.ts';

/** In this order, for ever; a migration that was released never changes. */
const migrations: { readonly [name: string]: Migration } = {
  '0001-first-tables': firstTables,
};

/** Brings the database up to this version. Throws `unavailable` when it cannot, also when a newer version wrote it. */
export const migrate = async (database: Queries): Promise<void> => {
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => ({ ...migrations }) } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  if (error instanceof DomainError) throw error;
  throw new DomainError('unavailable', 'the database cannot be brought up to this version', {}, error);
};
