import type { RunId, RunView, TenantId } from '@skein/domain';
import { isTerminalRun } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { viewOfRun } from './view-of-run.ts';
import { watchUntil } from './watch-until.ts';

/** The run as soon as it is terminal, or as it is after `waitMs` or when the signal aborts. Throws `not_found`, `unavailable`. */
export const waitRun = (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  waitMs: number,
  signal: AbortSignal,
): Promise<RunView> =>
  watchUntil(
    engine,
    runId,
    () => viewOfRun(engine, tenant, runId),
    ({ status }) => isTerminalRun(status),
    { waitMs, signal },
  );
