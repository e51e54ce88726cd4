import { DomainError } from '@skein/domain';
import { type Migration, Migrator } from 'kysely';
import type { Queries } from '../sql/schema.ts';
import { firstTables } from './0001-first-tables.ts';
import { memoryCallsReferences } from './0002-memory-calls-references.ts';
import { deliveryAndChecksums } from './0003-delivery-and-checksums.ts';
import { rollouts } from './0004-rollouts.ts';
import { fleet } from './0005-fleet.ts';

/** In this order, for ever; a migration that was released never changes. */
const migrationsAt = (now: number): { readonly [name: string]: Migration } => ({
  '0001-first-tables': firstTables,
  '0002-memory-calls-references': memoryCallsReferences(now),
  '0003-delivery-and-checksums': deliveryAndChecksums,
  '0004-rollouts': rollouts,
  '0005-fleet': fleet,
});

/**
 * Brings the database up to this version, at `now` in ms. Throws `unavailable` when it cannot, also when a newer version wrote it.
 * `schema`: where PostgreSQL keeps our tables; its caller has seen to it that the connection's search path is that schema.
 */
export const migrate = async (database: Queries, now: number, schema?: string): Promise<void> => {
  const migrator = new Migrator({
    db: database,
    provider: { getMigrations: async () => ({ ...migrationsAt(now) }) },
    ...(schema === undefined ? {} : { migrationTableSchema: schema }),
  });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  if (error instanceof DomainError) throw error;
  throw new DomainError('unavailable', 'the database cannot be brought up to this version', {}, error);
};
