import { type Kysely, type Migration, PostgresAdapter, sql } from 'kysely';

/**
 * Coordinators of a fleet, the places of workers, the audit log, sealed secrets, what tokens allow, and on PostgreSQL the bytes that a
 * single coordinator keeps in files. It only adds.
 */
export const fleet: Migration = {
  up: async (database: Kysely<unknown>) => {
    await addMembers(database);
    await addAudit(database);
    await addSecretsAndTokens(database);
    if (!(database.getExecutor().adapter instanceof PostgresAdapter)) return;
    await addBytes(database);
    await shareQueue(database);
  },
};

const addMembers = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await schema
    .createTable('coordinator_member')
    .addColumn('coordinator_id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('incarnation', 'text', (column) => column.notNull())
    .addColumn('peer_address', 'text', (column) => column.notNull())
    .addColumn('worker_address', 'text', (column) => column.notNull())
    .addColumn('facts', 'text', (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('leaving', 'integer', (column) => column.notNull())
    .addColumn('renewal', 'bigint', (column) => column.notNull())
    .addColumn('secret_fingerprint', 'text')
    .execute();
  await schema
    .createTable('worker_place')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('worker_id', 'text', (column) => column.notNull())
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('coordinator_id', 'text', (column) => column.notNull())
    .addColumn('session_id', 'text', (column) => column.notNull())
    .addColumn('commit_id', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('worker_place_key', ['tenant', 'worker_id'])
    .execute();
  await schema.createIndex('worker_place_age').on('worker_place').column('at').execute();
};

const addAudit = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await schema
    .createTable('audit')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('actor_kind', 'text', (column) => column.notNull())
    .addColumn('actor_id', 'text', (column) => column.notNull())
    .addColumn('actor_name', 'text')
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('target', 'text')
    .addColumn('outcome', 'text', (column) => column.notNull())
    .addColumn('details', 'text')
    .addPrimaryKeyConstraint('audit_key', ['tenant', 'id'])
    .execute();
  await schema.createIndex('audit_age').on('audit').columns(['tenant', 'at', 'id']).execute();
  await schema.createIndex('audit_target').on('audit').columns(['tenant', 'target', 'at', 'id']).execute();
  // Retention asks for the oldest of all tenants.
  await schema.createIndex('audit_oldest').on('audit').column('at').execute();
};

const addSecretsAndTokens = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await schema
    .createTable('sealed_secret')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('key_id', 'text', (column) => column.notNull())
    .addColumn('sealed', 'blob', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_by', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('sealed_secret_key', ['tenant', 'name'])
    .execute();
  // SQLite adds one column at a time.
  await schema.alterTable('token').addColumn('role', 'text').execute();
  await schema.alterTable('token').addColumn('labels', 'text').execute();
  await schema.alterTable('token').addColumn('max_uses', 'integer').execute();
  await schema
    .alterTable('token')
    .addColumn('uses', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  // Names the latest use, so that one whose answer was lost is not counted twice.
  await schema.alterTable('token').addColumn('use_id', 'text').execute();
};

const addBytes = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await schema
    .createTable('blob')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('size', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('blob_key', ['kind', 'tenant', 'digest'])
    .execute();
  await schema
    .createTable('blob_chunk')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('bytes', 'blob', (column) => column.notNull())
    .addPrimaryKeyConstraint('blob_chunk_key', ['kind', 'tenant', 'digest', 'seq'])
    .execute();
  await schema
    .createTable('log_chunk')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('step', 'text', (column) => column.notNull())
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('start', 'bigint', (column) => column.notNull())
    .addColumn('bytes', 'blob', (column) => column.notNull())
    .addPrimaryKeyConstraint('log_chunk_key', ['tenant', 'run_id', 'step', 'attempt', 'start'])
    .execute();
};

/** The queue of many processes: its places come from the server, and it is no part of the durable log, because losing it loses no work. */
const shareQueue = async (database: Kysely<unknown>): Promise<void> => {
  for (const statement of [
    sql`alter table queue_hint set unlogged`,
    sql`alter table queue_hint set (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05)`,
    sql`create sequence queue_position owned by queue_hint.position`,
    sql`alter table queue_hint alter column position set default nextval('queue_position')`,
    sql`create index queue_hint_next on queue_hint (priority desc, position)`,
    sql`drop index queue_hint_order`,
  ])
    await statement.execute(database);
};
