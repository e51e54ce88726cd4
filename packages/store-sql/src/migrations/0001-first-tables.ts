import { type Kysely, type Migration, sql } from 'kysely';

/** The first tables. Every key starts with the tenant; shards and their leases belong to the whole system. */
export const firstTables: Migration = {
  up: async (database: Kysely<unknown>) => {
    await createRunTables(database);
    await createProjectTables(database);
    await createFleetTables(database);
  },
};

const createRunTables = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await schema
    .createTable('run_head')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('dag', 'text', (column) => column.notNull())
    .addColumn('dag_digest', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('seq', 'bigint', (column) => column.notNull())
    .addColumn('shard', 'integer', (column) => column.notNull())
    .addColumn('priority', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('started_at', 'bigint')
    .addColumn('finished_at', 'bigint')
    .addColumn('snapshot_digest', 'text')
    .addColumn('partial', 'integer', (column) => column.notNull())
    .addColumn('retry_of', 'text')
    .addColumn('due_at', 'bigint')
    .addPrimaryKeyConstraint('run_head_key', ['tenant', 'run_id'])
    .execute();
  // A partial index is only used by queries that spell its condition out.
  await schema
    .createIndex('run_head_due')
    .on('run_head')
    .columns(['shard', 'due_at'])
    .where(sql.ref('due_at'), 'is not', null)
    .execute();
  await schema
    .createIndex('run_head_queued')
    .on('run_head')
    .columns(['created_at', 'run_id'])
    .where(sql.ref('status'), '=', sql.lit('queued'))
    .execute();
  await schema
    .createIndex('run_head_open')
    .on('run_head')
    .columns(['created_at', 'run_id'])
    .where(sql.ref('status'), 'in', sql`('running', 'waiting')`)
    .execute();
  await schema.createIndex('run_head_dag').on('run_head').columns(['tenant', 'dag', 'run_id']).execute();
  await schema
    .createTable('run_log')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('seq', 'bigint', (column) => column.notNull())
    .addColumn('count', 'integer', (column) => column.notNull())
    .addColumn('facts', 'text', (column) => column.notNull())
    .addColumn('commit_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('run_log_key', ['tenant', 'run_id', 'seq'])
    .execute();
  await schema
    .createTable('run_key')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('body_digest', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('run_key_key', ['tenant', 'key'])
    .execute();
  await schema
    .createTable('run_fire')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('dag', 'text', (column) => column.notNull())
    .addColumn('schedule_id', 'text', (column) => column.notNull())
    .addColumn('nominal_at', 'bigint', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('run_fire_key', ['tenant', 'dag', 'schedule_id', 'nominal_at'])
    .execute();
  await schema
    .createTable('run_checkpoint')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('seq', 'bigint', (column) => column.notNull())
    .addColumn('body', 'blob', (column) => column.notNull())
    .addPrimaryKeyConstraint('run_checkpoint_key', ['tenant', 'run_id'])
    .execute();
};

const createProjectTables = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await schema
    .createTable('project')
    .addColumn('tenant', 'text', (column) => column.notNull().primaryKey())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('dag')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('dag', 'text', (column) => column.notNull())
    .addColumn('source', 'text')
    .addPrimaryKeyConstraint('dag_key', ['tenant', 'digest'])
    .execute();
  await schema
    .createTable('dag_current')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('dag_current_key', ['tenant', 'name'])
    .execute();
  await schema
    .createTable('agent_version')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('agent_id', 'text', (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('version_id', 'text', (column) => column.notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('published_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('agent_version_key', ['tenant', 'agent_id', 'number'])
    .addUniqueConstraint('agent_version_id', ['tenant', 'agent_id', 'version_id'])
    .execute();
  await schema
    .createTable('agent_active')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('agent_id', 'text', (column) => column.notNull())
    .addColumn('version_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('agent_active_key', ['tenant', 'agent_id'])
    .execute();
  await schema
    .createTable('memory')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('revision', 'integer', (column) => column.notNull())
    .addColumn('text', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('memory_key', ['tenant', 'scope'])
    .execute();
  await schema
    .createTable('snapshot')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('manifest', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('snapshot_key', ['tenant', 'digest'])
    .execute();
};

const createFleetTables = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await schema
    .createTable('writer')
    .addColumn('name', 'text', (column) => column.notNull().primaryKey())
    .addColumn('openings', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('token')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('token_id', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint')
    .addColumn('revoked_at', 'bigint')
    .addPrimaryKeyConstraint('token_key', ['tenant', 'token_id'])
    .execute();
  await schema
    .createTable('shard_home')
    .addColumn('shard', 'integer', (column) => column.notNull().primaryKey())
    .addColumn('owner', 'text')
    .addColumn('epoch', 'bigint', (column) => column.notNull())
    .addColumn('lease_until', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('queue_hint')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('seq', 'bigint', (column) => column.notNull())
    .addColumn('shard', 'integer', (column) => column.notNull())
    .addColumn('priority', 'integer', (column) => column.notNull())
    .addColumn('position', 'bigint', (column) => column.notNull())
    .addColumn('claim', 'text')
    .addColumn('visible_at', 'double precision', (column) => column.notNull())
    .addPrimaryKeyConstraint('queue_hint_key', ['tenant', 'run_id', 'seq'])
    .execute();
  await schema.createIndex('queue_hint_order').on('queue_hint').columns(['priority', 'position']).execute();
  await schema.createIndex('queue_hint_claim').on('queue_hint').columns(['claim']).execute();
};
