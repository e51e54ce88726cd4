import type { RunId, RunView, TenantId } from '@skein/domain';
import { isTerminalRun } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { viewOfRun } from './view-of-run.ts';

/** Looks again after so many ms without a wake-up: another coordinator may drive the run. */
const pollMs = 1_000;

/** The run as soon as it is terminal, or as it is after `waitMs` or when the signal aborts. Throws `not_found`, `unavailable`. */
export const waitRun = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  waitMs: number,
  signal: AbortSignal,
): Promise<RunView> => {
  const { clock } = engine.deps;
  const deadline = clock.monotonicMs() + waitMs;
  let wake: () => void = () => undefined;
  let woken = false;
  const unwatch = engine.watchers.watch(runId, () => {
    woken = true;
    wake();
  });
  try {
    for (;;) {
      woken = false;
      const view = await viewOfRun(engine, tenant, runId);
      const leftMs = deadline - clock.monotonicMs();
      if (isTerminalRun(view.status) || leftMs <= 0 || signal.aborted || engine.phase === 'stopped') return view;
      if (woken) continue;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(Math.min(leftMs, pollMs), () => wake());
        wake = () => {
          cancel();
          signal.removeEventListener('abort', wake);
          resolve();
        };
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  } finally {
    unwatch();
  }
};
