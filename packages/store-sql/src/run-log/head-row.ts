import type { RunHead } from '@skein/ports';
import type { Selectable } from 'kysely';
import type { RunHeadTable } from '../sql/schema.ts';

/** A row of `run_head` as the value that the ports know. */
export const headOf = (row: Selectable<RunHeadTable>): RunHead => ({
  tenant: row.tenant,
  runId: row.run_id,
  dag: row.dag,
  dagDigest: row.dag_digest,
  status: row.status,
  seq: Number(row.seq),
  shard: row.shard,
  priority: row.priority,
  createdAt: Number(row.created_at),
  ...(row.started_at === null ? {} : { startedAt: Number(row.started_at) }),
  ...(row.finished_at === null ? {} : { finishedAt: Number(row.finished_at) }),
  ...(row.snapshot_digest === null ? {} : { snapshotDigest: row.snapshot_digest }),
  partial: row.partial !== 0,
  ...(row.retry_of === null ? {} : { retryOf: row.retry_of }),
  ...(row.due_at === null ? {} : { dueAt: Number(row.due_at) }),
});
