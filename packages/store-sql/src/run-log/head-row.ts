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
  ...(row.parent_run_id === null ? {} : { parentRunId: row.parent_run_id }),
  ...(row.root_run_id === null ? {} : { rootRunId: row.root_run_id }),
  ...(row.due_at === null ? {} : { dueAt: Number(row.due_at) }),
  ...(row.pruned_seq === null ? {} : { prunedSeq: Number(row.pruned_seq) }),
});

/** What of a head may change after its creation, as it is bound; the key comes with it. */
export type HeadValues = {
  readonly tenant: string;
  readonly runId: string;
  readonly status: string;
  readonly seq: number;
  readonly priority: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly snapshotDigest: string | null;
  readonly partial: number;
  readonly dueAt: number | null;
};

/** The bound form of a head. */
export const headValuesOf = (head: RunHead): HeadValues => ({
  tenant: head.tenant,
  runId: head.runId,
  status: head.status,
  seq: head.seq,
  priority: head.priority,
  startedAt: head.startedAt ?? null,
  finishedAt: head.finishedAt ?? null,
  snapshotDigest: head.snapshotDigest ?? null,
  partial: head.partial ? 1 : 0,
  dueAt: head.dueAt ?? null,
});
