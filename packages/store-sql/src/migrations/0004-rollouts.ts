import { type CreateTableBuilder, type Kysely, type Migration, sql } from 'kysely';

/**
 * Rollouts with their units, values, tallies, evidence and events, frozen agents, scores, replays, and what is said of agents beside their
 * versions. It only adds.
 */
export const rollouts: Migration = {
  up: async (database: Kysely<unknown>) => {
    await addRollouts(database);
    await addUnits(database);
    await addEvents(database);
    await addScores(database);
    await addAgents(database);
  },
};

/** Texts and integers that may not be null. */
const columns = (
  schema: Kysely<unknown>['schema'],
  table: string,
  texts: readonly string[],
  integers: readonly string[] = [],
): CreateTableBuilder<string, string> => {
  let builder: CreateTableBuilder<string, string> = schema.createTable(table);
  for (const name of texts) builder = builder.addColumn(name, 'text', (column) => column.notNull());
  for (const name of integers) builder = builder.addColumn(name, 'bigint', (column) => column.notNull());
  return builder;
};

const addRollouts = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await columns(
    schema,
    'rollout',
    ['tenant', 'id', 'agent_id', 'status', 'candidates', 'record', 'commit_id'],
    ['revision', 'created_at', 'tended'],
  )
    .addColumn('completed_at', 'bigint')
    .addPrimaryKeyConstraint('rollout_key', ['tenant', 'id'])
    .execute();
  // I1, O1: one live rollout of an agent. Opening a store fails without it.
  await schema
    .createIndex('rollout_live')
    .unique()
    .on('rollout')
    .columns(['tenant', 'agent_id'])
    .where(sql<boolean>`status in ('active', 'paused')`)
    .execute();
  await schema.createIndex('rollout_age').on('rollout').columns(['tenant', 'created_at', 'id']).execute();
  await schema
    .createIndex('rollout_agent_age')
    .on('rollout')
    .columns(['tenant', 'agent_id', 'created_at', 'id'])
    .execute();
  await schema
    .createIndex('rollout_tended')
    .on('rollout')
    .columns(['tenant', 'id'])
    .where(sql<boolean>`tended = 1`)
    .execute();
};

const addUnits = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await columns(
    schema,
    'rollout_unit',
    ['tenant', 'rollout_id', 'unit', 'run_id', 'state'],
    ['seq', 'arm', 'epoch', 'at'],
  )
    .addColumn('ended_at', 'bigint')
    .addPrimaryKeyConstraint('rollout_unit_key', ['tenant', 'rollout_id', 'seq'])
    .modifyEnd(sql`without rowid`)
    .execute();
  // A unit counts once, whatever its arm.
  await schema
    .createIndex('rollout_unit_once')
    .unique()
    .on('rollout_unit')
    .columns(['tenant', 'rollout_id', 'unit'])
    .execute();
  await schema.createIndex('rollout_unit_run').on('rollout_unit').columns(['tenant', 'run_id']).execute();
  await columns(schema, 'rollout_value', ['tenant', 'rollout_id', 'metric', 'commit_id'], ['seq', 'at'])
    .addColumn('value', 'text')
    .addPrimaryKeyConstraint('rollout_value_key', ['tenant', 'rollout_id', 'seq', 'metric'])
    .modifyEnd(sql`without rowid`)
    .execute();
  await columns(schema, 'rollout_tally', ['tenant', 'rollout_id', 'kind'], ['count'])
    .addPrimaryKeyConstraint('rollout_tally_key', ['tenant', 'rollout_id', 'kind'])
    .modifyEnd(sql`without rowid`)
    .execute();
  await columns(schema, 'rollout_evidence', ['tenant', 'rollout_id', 'evidence', 'commit_id'], ['version'])
    .addPrimaryKeyConstraint('rollout_evidence_key', ['tenant', 'rollout_id'])
    .execute();
};

const addEvents = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await columns(schema, 'rollout_event', ['tenant', 'rollout_id', 'event', 'commit_id'], ['seq', 'revision'])
    .addPrimaryKeyConstraint('rollout_event_key', ['tenant', 'seq'])
    .execute();
  // One event for each revision, I2; and the events of one rollout in their order.
  await schema
    .createIndex('rollout_event_revision')
    .unique()
    .on('rollout_event')
    .columns(['tenant', 'rollout_id', 'revision'])
    .execute();
  await columns(schema, 'webhook_cursor', ['tenant', 'webhook'], ['seq', 'failures', 'not_before'])
    .addPrimaryKeyConstraint('webhook_cursor_key', ['tenant', 'webhook'])
    .execute();
};

const addScores = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await columns(schema, 'score', ['tenant', 'run_id', 'agent_id', 'scorer', 'step', 'score', 'commit_id'])
    .addPrimaryKeyConstraint('score_key', ['tenant', 'run_id', 'agent_id', 'scorer', 'step'])
    .execute();
  await columns(schema, 'replay', ['tenant', 'id', 'agent_id', 'body', 'commit_id'], ['version', 'open', 'at'])
    .addPrimaryKeyConstraint('replay_key', ['tenant', 'id'])
    .execute();
  await schema.createIndex('replay_age').on('replay').columns(['tenant', 'at', 'id']).execute();
  await schema.createIndex('replay_agent_age').on('replay').columns(['tenant', 'agent_id', 'at', 'id']).execute();
  await schema
    .createIndex('replay_open')
    .on('replay')
    .columns(['at', 'tenant', 'id'])
    .where(sql<boolean>`open = 1`)
    .execute();
};

const addAgents = async ({ schema }: Kysely<unknown>): Promise<void> => {
  await columns(schema, 'agent_freeze', ['tenant', 'agent_id', 'freeze'])
    .addPrimaryKeyConstraint('agent_freeze_key', ['tenant', 'agent_id'])
    .execute();
  await columns(schema, 'agent_settings', ['tenant', 'agent_id', 'settings'])
    .addPrimaryKeyConstraint('agent_settings_key', ['tenant', 'agent_id'])
    .execute();
  // Names the commit that made the version active.
  await schema.alterTable('agent_active').addColumn('commit_id', 'text').execute();
};
