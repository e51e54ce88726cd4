import type { RolloutId, TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { currentOf, requireRollout, shownOf } from './find-rollout.ts';
import { mayChange } from './read-rollouts.ts';
import type { RolloutView } from './rollout-views.ts';
import type { SharedLook } from './shared-looks.ts';
import { viewRollout } from './view-rollout.ts';
import { watchKey } from './watch-key.ts';

/** The least time between two views, and the longest without a look: another coordinator may write (ms). */
const leastMs = 500;
const pollMs = 1_000;

/** Resolves when woken, after `ms`, or when the signal aborts. */
const nextWake = (
  engine: Engine,
  woken: { flag: boolean; resolve: (() => void) | undefined },
  signal: AbortSignal,
  ms: number,
): Promise<void> =>
  new Promise((resolve) => {
    if (woken.flag || signal.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      cancel();
      signal.removeEventListener('abort', finish);
      woken.resolve = undefined;
      resolve();
    };
    const cancel = engine.deps.clock.after(ms, finish);
    signal.addEventListener('abort', finish, { once: true });
    woken.resolve = finish;
  });

/** What changes with time alone is no change. */
const contentOf = (view: RolloutView): string => {
  const { evidence, ...rest } = view;
  return JSON.stringify([rest, evidence === undefined ? undefined : { ...evidence, at: 0 }]);
};

const lookAt = async (engine: Engine, tenant: TenantId, id: RolloutId, agentId: string): Promise<SharedLook> => {
  const record = await requireRollout(engine, tenant, id, agentId);
  const view = await viewRollout(engine, record);
  return { record, view, content: contentOf(view) };
};

/**
 * The rollout of an agent as it is and whenever it changes, at most twice a second, until it has ended or the signal aborts. A reader that is
 * slow misses views in between, never the last. Throws `not_found`, `unavailable`.
 */
export const watchRollout = async function* (
  engine: Engine,
  tenant: TenantId,
  agentId: string,
  signal: AbortSignal,
): AsyncGenerator<RolloutView, void, undefined> {
  const { clock } = engine.deps;
  const woken: { flag: boolean; resolve: (() => void) | undefined } = { flag: false, resolve: undefined };
  const unwatch = engine.evaluator.watchers.watch(watchKey(tenant, agentId), () => {
    woken.flag = true;
    woken.resolve?.();
  });
  try {
    const { id } = (await currentOf(engine, tenant, agentId)) ?? (await shownOf(engine, tenant, agentId));
    let shown = '';
    while (!signal.aborted && engine.phase !== 'stopped') {
      woken.flag = false;
      const { record, view, content } = await engine.evaluator.looks.at(tenant, id, clock.monotonicMs(), leastMs, () =>
        lookAt(engine, tenant, id, agentId),
      );
      if (content !== shown) {
        shown = content;
        yield view;
        if (!mayChange(record)) return;
        const pause = { flag: false, resolve: undefined };
        await nextWake(engine, pause, signal, leastMs);
        continue;
      }
      if (!mayChange(record)) return;
      const at = clock.monotonicMs();
      await nextWake(engine, woken, signal, pollMs);
      // Woken at once: the batch that woke it may go on.
      const waited = clock.monotonicMs() - at;
      if (waited < leastMs) await nextWake(engine, { flag: false, resolve: undefined }, signal, leastMs - waited);
    }
  } finally {
    unwatch();
  }
};
