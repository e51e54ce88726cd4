import { type Kysely, type Migration, sql } from 'kysely';

/**
 * Dead letters and the delivery stream, checksums of what the run log is read from, and what retention removed. It only adds: rows that
 * are there already have no checksum, and are not checked.
 */
export const deliveryAndChecksums: Migration = {
  up: async (database: Kysely<unknown>) => {
    await addDeadLetters(database);
    await addDeliveryEvents(database);
    await addChecksums(database);
    await addRetention(database);
    await addQueueOrder(database);
    // A row as large as the largest fact is written here and removed in one commit, to learn whether writes go through.
    await database.schema
      .createTable('write_probe')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('body', 'blob', (column) => column.notNull())
      .execute();
  },
};

const addDeadLetters = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await schema
    .createTable('dead_letter')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('letter', 'text', (column) => column.notNull())
    .addColumn('settled_at', 'bigint')
    .addColumn('settled_by', 'text')
    .addColumn('redriven_run_id', 'text')
    .addColumn('commit_id', 'text')
    .addPrimaryKeyConstraint('dead_letter_key', ['tenant', 'id'])
    .execute();
  await schema.createIndex('dead_letter_age').on('dead_letter').columns(['tenant', 'at', 'id']).execute();
  await schema.createIndex('dead_letter_run').on('dead_letter').columns(['tenant', 'run_id', 'at', 'id']).execute();
  // A partial index is only used by queries that spell its condition out.
  await schema
    .createIndex('dead_letter_open')
    .on('dead_letter')
    .columns(['tenant', 'at', 'id'])
    .where(sql.ref('status'), '=', sql.lit('open'))
    .execute();
};

const addDeliveryEvents = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await schema
    .createTable('delivery_event')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('seq', 'bigint', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('item_id', 'text', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('step', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('attempts', 'integer')
    .addColumn('age_ms', 'bigint')
    .addColumn('commit_id', 'text')
    .addPrimaryKeyConstraint('delivery_event_key', ['tenant', 'seq'])
    .modifyEnd(sql`without rowid`)
    .execute();
  // Only events that came without facts have a name of their own.
  await schema
    .createIndex('delivery_event_commit')
    .unique()
    .on('delivery_event')
    .column('commit_id')
    .where(sql.ref('commit_id'), 'is not', null)
    .execute();
  // Events of a tenant up to this number were removed by retention.
  await schema
    .createTable('delivery_gap')
    .addColumn('tenant', 'text', (column) => column.primaryKey().notNull())
    .addColumn('pruned_seq', 'bigint', (column) => column.notNull())
    .execute();
};

const addChecksums = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await schema.alterTable('run_log').addColumn('checksum', 'bigint').execute();
  await schema.alterTable('run_checkpoint').addColumn('checksum', 'bigint').execute();
};

/** In the order in which `nextQueuedQuery` walks: one DAG of one tenant after the other, and of each only the first runs. */
const addQueueOrder = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await schema
    .createIndex('run_head_turns')
    .on('run_head')
    .columns(['priority desc', 'tenant', 'dag', 'created_at', 'run_id'])
    .where(sql.ref('status'), '=', sql.lit('queued'))
    .execute();
};

const addRetention = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await schema.alterTable('run_head').addColumn('pruned_seq', 'bigint').execute();
  await schema
    .createIndex('run_head_ended')
    .on('run_head')
    .columns(['finished_at', 'run_id'])
    .where(sql<boolean>`finished_at is not null and pruned_seq is null`)
    .execute();
};
