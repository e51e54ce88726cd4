import type { Readiness } from '../coordinator.ts';
import type { Engine } from './engine.ts';
import { beatMs } from './health.ts';

/** The loop's lag above which no new work should be sent here, in ms. */
const maxLagMs = 1_000;

/** An append that has no answer for so long means that the store is away, in ms. */
const maxAppendMs = 5_000;

/** Without a beat for so long nobody knows how the loop is, in ms. */
const staleMs = 5_000 + beatMs;

type Check = Readiness['checks'][string];

/** Whether the coordinator can do its work now; what cannot be known is `unknown`, never `ready`. */
export const readinessOf = (engine: Engine): Readiness => {
  const { health, runs, phase, deps } = engine;
  const silentMs = health.silentMs;
  const checks: { [name: string]: Check } = {};
  checks['phase'] = { ok: phase === 'running', detail: phase };
  checks['shards'] = { ok: runs.shards.size > 0, detail: `${runs.shards.size} at home here` };
  checks['loop'] = {
    ok: silentMs !== undefined && silentMs < staleMs && health.lagMs < maxLagMs,
    detail:
      silentMs === undefined
        ? 'not started'
        : `lag ${Math.round(health.lagMs)} ms, last beat ${Math.round(silentMs)} ms ago`,
  };
  const now = deps.clock.monotonicMs();
  const waitingMs = health.oldestWaitingAt === undefined ? 0 : now - health.oldestWaitingAt;
  const age = health.lastCommitAt === undefined ? 'none yet' : `${Math.round(now - health.lastCommitAt)} ms ago`;
  checks['store'] = {
    ok: waitingMs < maxAppendMs && health.failures === 0 && engine.store.reason === undefined,
    detail: `${engine.store.reason === undefined ? '' : `takes no writes (${engine.store.reason}) for ${Math.round(engine.store.closedMs)} ms, `}last commit ${age}, ${health.waiting} waiting, ${health.failures} failed since`,
  };
  const { quarantined } = runs;
  checks['runs'] = {
    // The others go on, so that this is for people, not for a load balancer.
    ok: true,
    detail: quarantined.length === 0 ? 'all readable' : `not driven here: ${quarantined.join(', ')}`,
  };
  const unknown = phase === 'running' && (silentMs === undefined || silentMs >= staleMs);
  const ready = Object.values(checks).every(({ ok }) => ok);
  return {
    status: unknown ? 'unknown' : ready ? 'ready' : 'not_ready',
    checks,
    loopLagMs: health.lagMs,
    ...(health.lastCommitAt === undefined ? {} : { lastCommitAgeMs: now - health.lastCommitAt }),
    ...(health.oldestWaitingAt === undefined ? {} : { oldestWaitingMs: now - health.oldestWaitingAt }),
  };
};
