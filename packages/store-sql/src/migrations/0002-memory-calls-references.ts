import { type Kysely, type Migration, sql } from 'kysely';

/** Of the tables as they are at this point of the history; later migrations do not change it. */
interface Tables {
  memory: { tenant: string; scope: string; revision: number; text: string };
  memory_history: {
    tenant: string;
    scope: string;
    revision: number;
    text: string;
    at: number;
    change: string;
  };
  run_head: { tenant: string; status: string; snapshot_digest: string | null };
  snapshot: { tenant: string; digest: string; manifest: string; refs: number; last_used_at: number };
  snapshot_part: { tenant: string; snapshot_digest: string; part_digest: string; size: number };
}

/**
 * Memory with its history and proposals, candidates of agents, runs that call runs, and counted references to snapshots. It only adds.
 * `now` (ms) becomes the last use of snapshots that are there already, so that none is collected before its time.
 */
export const memoryCallsReferences = (now: number): Migration => ({
  up: async (database: Kysely<unknown>) => {
    const tables = database as Kysely<Tables>;
    await addMemoryTables(tables);
    await addCandidates(tables);
    await addParents(tables);
    await addReferences(tables, now);
  },
});

const addMemoryTables = async (database: Kysely<Tables>): Promise<void> => {
  const { schema } = database;
  await schema.alterTable('memory').addColumn('commit_id', 'text').execute();
  await schema
    .createTable('memory_history')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('revision', 'integer', (column) => column.notNull())
    .addColumn('text', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('change', 'text', (column) => column.notNull())
    .addColumn('commit_id', 'text')
    .addPrimaryKeyConstraint('memory_history_key', ['tenant', 'scope', 'revision'])
    .execute();
  // Until now a scope had one revision, the one that it was seeded with; nobody wrote down when.
  await database
    .insertInto('memory_history')
    .columns(['tenant', 'scope', 'revision', 'text', 'at', 'change'])
    .expression((eb) =>
      eb
        .selectFrom('memory')
        .select([
          'tenant',
          'scope',
          'revision',
          'text',
          sql<number>`0`.as('at'),
          sql<string>`'{"kind":"seed"}'`.as('change'),
        ]),
    )
    .execute();
  await schema
    .createTable('memory_proposal')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('proposal_id', 'text', (column) => column.notNull())
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('op', 'text', (column) => column.notNull())
    .addColumn('text', 'text', (column) => column.notNull())
    .addColumn('basis', 'text')
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('step', 'text', (column) => column.notNull())
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('agent_id', 'text', (column) => column.notNull())
    .addColumn('version_id', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addColumn('revision', 'integer')
    .addColumn('commit_id', 'text')
    .addPrimaryKeyConstraint('memory_proposal_key', ['tenant', 'proposal_id'])
    .execute();
  await schema
    .createIndex('memory_proposal_age')
    .on('memory_proposal')
    .columns(['tenant', 'at', 'proposal_id'])
    .execute();
  await schema
    .createIndex('memory_proposal_run')
    .on('memory_proposal')
    .columns(['tenant', 'run_id', 'at', 'proposal_id'])
    .execute();
  // A partial index is only used by queries that spell its condition out.
  await schema
    .createIndex('memory_proposal_pending')
    .on('memory_proposal')
    .columns(['tenant', 'scope', 'at', 'proposal_id'])
    .where(sql.ref('status'), '=', sql.lit('pending'))
    .execute();
  await schema
    .createIndex('memory_proposal_review')
    .on('memory_proposal')
    .columns(['tenant', 'at', 'proposal_id'])
    .where(sql.ref('status'), '=', sql.lit('review'))
    .execute();
};

const addCandidates = async ({ schema }: Kysely<Tables>): Promise<void> => {
  await schema
    .createTable('agent_candidate')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('agent_id', 'text', (column) => column.notNull())
    .addColumn('version_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('agent_candidate_key', ['tenant', 'agent_id'])
    .execute();
};

const addParents = async ({ schema }: Kysely<Tables>): Promise<void> => {
  await schema.alterTable('run_head').addColumn('parent_run_id', 'text').execute();
  await schema.alterTable('run_head').addColumn('root_run_id', 'text').execute();
  // Roots, and the children of one run.
  await schema.createIndex('run_head_parent').on('run_head').columns(['tenant', 'parent_run_id', 'run_id']).execute();
  // Roots of one DAG, however often it is called.
  await schema
    .createIndex('run_head_dag_root')
    .on('run_head')
    .columns(['tenant', 'dag', 'run_id'])
    .where(sql.ref('parent_run_id'), 'is', null)
    .execute();
};

const addReferences = async (database: Kysely<Tables>, now: number): Promise<void> => {
  const { schema } = database;
  await schema
    .alterTable('snapshot')
    .addColumn('refs', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  await schema
    .alterTable('snapshot')
    .addColumn('last_used_at', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  await database
    .updateTable('snapshot')
    .set({
      last_used_at: now,
      refs: sql<number>`(select count(*) from run_head where run_head.tenant = snapshot.tenant
        and run_head.snapshot_digest = snapshot.digest and run_head.status in ('queued', 'running', 'waiting'))`,
    })
    .execute();
  await schema
    .createIndex('snapshot_unused')
    .on('snapshot')
    .columns(['last_used_at'])
    .where(sql.ref('refs'), '=', sql.lit(0))
    .execute();
  await schema
    .createTable('snapshot_part')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('snapshot_digest', 'text', (column) => column.notNull())
    .addColumn('part_digest', 'text', (column) => column.notNull())
    .addColumn('size', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('snapshot_part_key', ['tenant', 'snapshot_digest', 'part_digest'])
    .execute();
  await schema.createIndex('snapshot_part_part').on('snapshot_part').columns(['tenant', 'part_digest']).execute();
  const snapshots = await database.selectFrom('snapshot').select(['tenant', 'digest', 'manifest']).execute();
  for (const { tenant, digest, manifest } of snapshots) {
    const { parts } = JSON.parse(manifest) as { parts: readonly { digest: string; size: number }[] };
    for (let at = 0; at < parts.length; at += 1_000) {
      const rows = parts
        .slice(at, at + 1_000)
        .map((part) => ({ tenant, snapshot_digest: digest, part_digest: part.digest, size: part.size }));
      await database
        .insertInto('snapshot_part')
        .values(rows)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
  }
};
