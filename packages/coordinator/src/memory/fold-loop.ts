import type { TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { metric } from '../engine/metric-names.ts';
import { foldScope, maxFoldProposals, requireScope } from './fold-scope.ts';
import type { FoldResult } from './memory-views.ts';

/** Scopes that one look folds at most; the others wait for the next. */
const maxScopes = 256;

/** Folds the scopes that are due: enough proposals wait, or one has waited for long enough. A scope that fails costs only itself. */
export const foldDueScopes = async (engine: Engine): Promise<void> => {
  const { foldIntervalMs, foldAfter } = engine.config.memory;
  const waiting = await engine.deps.memory.pendingScopes(maxScopes);
  const now = engine.deps.clock.now();
  let pending = 0;
  for (const { tenant, scope, count, oldestAt } of waiting) {
    pending += count;
    if (engine.phase !== 'running') return;
    const waitedMs = now - oldestAt;
    if (!engine.members.hasDuty(`fold/${tenant}/${scope}`)) continue;
    // Less than nothing: it comes from a clock that was ahead.
    if (count < foldAfter && waitedMs >= 0 && waitedMs < foldIntervalMs) continue;
    try {
      await foldScope(engine, tenant, scope);
    } catch (thrown) {
      engine.deps.log.warn('memory cannot be folded now', { tenant, scope, error: thrown });
    }
  }
  engine.deps.meter.gauge(metric.memoryPending, pending);
};

/** Folds of one scope, and looks for scopes, that one call does at most: what comes meanwhile waits for the next. */
const maxRounds = 256;

/** Folds one scope until nothing waits in it. `settles`: see `holdingOf`. Throws `unavailable`. */
export const drainScope = async (
  engine: Engine,
  tenant: TenantId,
  scope: string,
  settles?: string,
): Promise<FoldResult | undefined> => {
  let sum: FoldResult | undefined;
  for (let round = 0; round < maxRounds; round += 1) {
    const result = await foldScope(engine, tenant, scope, settles);
    if (result === undefined) break;
    sum = {
      scope,
      revision: result.revision,
      folded: result.folded + (sum?.folded ?? 0),
      review: result.review + (sum?.review ?? 0),
      dropped: result.dropped + (sum?.dropped ?? 0),
    };
    if (result.folded + result.review + result.dropped < maxFoldProposals) break;
  }
  return sum;
};

/** Folds what waits now. See `Coordinator.foldNow`. */
export const foldNow = async (engine: Engine, tenant: TenantId, scope?: string): Promise<readonly FoldResult[]> => {
  if (scope !== undefined) {
    requireScope(scope);
    const result = await drainScope(engine, tenant, scope);
    return result === undefined ? [] : [result];
  }
  const results = new Map<string, FoldResult>();
  for (let round = 0; round < maxRounds; round += 1) {
    const waiting = await engine.deps.memory.pendingScopes(maxScopes, tenant);
    const fresh = waiting.filter((one) => !results.has(one.scope));
    for (const one of fresh) {
      const result = await drainScope(engine, tenant, one.scope);
      if (result !== undefined) results.set(one.scope, result);
    }
    if (waiting.length < maxScopes || fresh.length === 0) break;
  }
  return [...results.values()];
};

/** Looks at every scope once per `sweepMs` while the coordinator runs. The returned function stops it. */
export const startFolds = (engine: Engine): (() => void) => {
  const { clock, log } = engine.deps;
  let cancel: () => void = () => {};
  let stopped = false;
  const plan = (): void => {
    if (stopped) return;
    cancel = clock.after(engine.config.sweepMs, () => {
      foldDueScopes(engine)
        .catch((thrown: unknown) => log.warn('memory proposals cannot be read now', { error: thrown }))
        .then(plan, plan);
    });
  };
  plan();
  return () => {
    stopped = true;
    cancel();
  };
};
