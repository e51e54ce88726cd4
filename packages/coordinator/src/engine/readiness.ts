import type { QueueStatus } from '@skein/ports';
import type { CoordinatorStanding, Readiness } from '../coordinator.ts';
import type { Engine } from './engine.ts';
import { beatMs } from './health.ts';

/** The loop's lag above which no new work should be sent here, in ms. */
const maxLagMs = 1_000;

/** An append that has no answer for so long means that the store is away, in ms. */
const maxAppendMs = 5_000;

/** Without a beat for so long nobody knows how the loop is, in ms. */
const staleMs = 5_000 + beatMs;

type Check = Readiness['checks'][string];

/** In a fleet one that others leave nothing to is well, as long as it can give signs of life. */
const shardsCheck = ({ runs, members, deps }: Engine): Check => {
  const at = `${runs.shards.size} at home here`;
  if (!members.isFleet) return { ok: runs.shards.size > 0, detail: at };
  const isSeen = deps.clock.monotonicMs() < runs.homeUntil;
  const others = `${members.live.length} other coordinators`;
  return { ok: isSeen && !members.isLeaving, detail: `${at}, ${others}${isSeen ? '' : ', the fleet cannot be seen'}` };
};

/** For people: one that another cannot reach drives its own runs, and passes nothing on until it can. */
const peersCheck = ({ members, peers }: Engine): Check => {
  const connected = new Set(peers.connected);
  const away = members.live.filter(({ coordinatorId }) => !connected.has(coordinatorId));
  const names = away.map(({ coordinatorId }) => coordinatorId).join(', ');
  return { ok: true, detail: `${connected.size} connected${away.length === 0 ? '' : `, not reached: ${names}`}` };
};

const standingOf = ({ config, deps, fleet, members, peers, runs }: Engine): CoordinatorStanding => {
  const connected = new Set(peers.connected);
  const own = members.knownFacts;
  return {
    coordinatorId: config.coordinatorId,
    now: new Date(deps.clock.now()).toISOString(),
    workers: fleet.sessions.filter(({ via, link }) => via === undefined && link !== undefined).length,
    shards: runs.shards.size,
    others: members.live.map(({ coordinatorId, facts, leaving }) => ({
      coordinatorId,
      reached: connected.has(coordinatorId),
      sameFacts: facts.length === own.size && facts.every((fact) => own.has(fact)),
      leaving,
    })),
  };
};

/** Runs are let in without it, so that this is for people, not for a load balancer. */
const queueCheck = ({ up, reason, downMs, failures, durability }: QueueStatus): Check => ({
  ok: true,
  detail: up
    ? `answers, durability ${durability}, ${failures} calls failed`
    : `away (${reason ?? 'unknown'}) for ${Math.round(downMs ?? 0)} ms, ${failures} calls failed; runs are admitted from the store`,
});

/** Whether the coordinator can do its work now; what cannot be known is `unknown`, never `ready`. */
export const readinessOf = (engine: Engine): Readiness => {
  const { health, runs, phase, deps } = engine;
  const silentMs = health.silentMs;
  const checks: { [name: string]: Check } = {};
  checks['phase'] = { ok: phase === 'running', detail: phase };
  checks['shards'] = shardsCheck(engine);
  if (engine.members.isFleet) checks['peers'] = peersCheck(engine);
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
  const { storeTrouble } = engine.members;
  const refusing =
    engine.store.reason === undefined
      ? ''
      : `takes no writes (${engine.store.reason}) for ${Math.round(engine.store.closedMs)} ms, `;
  const away = storeTrouble === undefined ? '' : `cannot be asked: ${storeTrouble}, `;
  checks['store'] = {
    ok: waitingMs < maxAppendMs && health.failures === 0 && refusing === '' && away === '',
    detail: `${refusing}${away}last commit ${age}, ${health.waiting} waiting, ${health.failures} failed since`,
  };
  const queue = deps.queue.status?.();
  if (queue !== undefined) checks['queue'] = queueCheck(queue);
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
    coordinator: standingOf(engine),
    loopLagMs: health.lagMs,
    ...(health.lastCommitAt === undefined ? {} : { lastCommitAgeMs: now - health.lastCommitAt }),
    ...(health.oldestWaitingAt === undefined ? {} : { oldestWaitingMs: now - health.oldestWaitingAt }),
  };
};
