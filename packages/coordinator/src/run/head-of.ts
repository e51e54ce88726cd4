import type { RunState } from '@skein/domain';
import { isTerminalRun } from '@skein/domain';
import type { RunHead } from '@skein/ports';

/** The list row that belongs to a state; `dueAt` is the run's durable timer. */
export const headOf = (state: RunState, shard: number, dueAt: number | undefined): RunHead => ({
  tenant: state.tenant,
  runId: state.runId,
  dag: state.dag.name,
  dagDigest: state.dagDigest,
  status: state.status,
  seq: state.seq,
  shard,
  priority: state.priority,
  createdAt: state.createdAt,
  partial: state.partial,
  ...(state.startedAt === undefined ? {} : { startedAt: state.startedAt }),
  ...(state.finishedAt === undefined ? {} : { finishedAt: state.finishedAt }),
  ...(state.snapshotDigest === undefined ? {} : { snapshotDigest: state.snapshotDigest }),
  ...(state.source.kind === 'retry' ? { retryOf: state.source.retryOf } : {}),
  ...(state.source.kind === 'call' ? { parentRunId: state.source.parentRunId, rootRunId: state.source.rootRunId } : {}),
  // Shown under the run that it is about.
  ...(state.source.kind === 'evaluation'
    ? { parentRunId: state.source.ofRunId, rootRunId: state.source.rootRunId }
    : {}),
  ...(dueAt === undefined || isTerminalRun(state.status) ? {} : { dueAt }),
});
