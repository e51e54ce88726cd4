import { DomainError } from '@skein/domain';
import type { ClaimedHint, RunHead } from '@skein/ports';
import { FairQueue } from '../dispatch/fair-queue.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { askRun } from '../run/run-turn.ts';
import type { AdmittedWith } from './admission.ts';
import { AdmissionBackoff } from './admission-backoff.ts';
import { admittedWith } from './admitted-with.ts';
import { admissionCommand, forgetAdmissions, prepareAdmission } from './prepare-admission.ts';

/** How long a claimed hint stays away from others, in ms; a crash hands it out again. */
const visibilityMs = 10_000;

/** Hints that are claimed at once. */
const maxClaim = 64;

/** Runs of the store's order among which the next is chosen. */
const candidates = 64;

interface Filling {
  running: boolean;
  again: boolean;
  /** Hints are being published: the queue's wake-up tells nothing new, since a claim follows. */
  publishing: boolean;
  readonly order: FairQueue<RunHead>;
  readonly backoff: AdmissionBackoff;
}

const fillings = new WeakMap<Engine, Filling>();

/** What a retry run takes over from the run that it retries. Throws `unavailable`. */
const earlierOf = async (engine: Engine, hint: ClaimedHint): Promise<AdmittedWith | undefined> => {
  const actor = await engine.runs.open(engine, hint.tenant, hint.runId);
  const { source } = actor.state;
  if (source.kind !== 'retry' || source.latest === true) return undefined;
  const head = await engine.deps.runs.readHead(hint.tenant, source.retryOf);
  if (head === undefined) return undefined;
  return engine.runs.read(engine, hint.tenant, source.retryOf, admittedWith);
};

/** What became of an admission; `failed` for a reason that concerns this run, `later` when a store does not answer. */
type Admitted = 'settled' | 'failed' | 'later';

/** Admits one queued run. */
const admitClaimed = async (engine: Engine, hint: ClaimedHint): Promise<Admitted> => {
  const release = engine.window.reserve();
  try {
    const head = await engine.deps.runs.readHead(hint.tenant, hint.runId);
    if (head?.status !== 'queued' || engine.runs.isUndrivable(hint.runId)) return 'settled';
    const actor = await engine.runs.open(engine, hint.tenant, hint.runId);
    const dag = await engine.dags.byDigest(hint.tenant, head.dagDigest);
    const earlier = await earlierOf(engine, hint);
    const { routingContext, source } = actor.state;
    const admission = await prepareAdmission(engine, {
      tenant: hint.tenant,
      runId: hint.runId,
      dag,
      routingContext,
      source,
      ...(earlier === undefined ? {} : { earlier }),
    });
    if (actor.state.status !== 'queued') return 'settled';
    const current = actor.dropped ? await engine.runs.open(engine, hint.tenant, hint.runId) : actor;
    const settlement = await askRun(engine, current, admissionCommand(engine, current, admission));
    if (settlement.status === 'failed' && settlement.error.code === 'version_conflict')
      forgetAdmissions(engine, hint.tenant);
    return settlement.status === 'failed' ? 'later' : 'settled';
  } catch (thrown) {
    if (isPassing(thrown)) return 'later';
    const spent = thrown instanceof DomainError && (thrown.code === 'unimplemented' || thrown.code === 'not_found');
    if (!spent) engine.deps.log.error('queued run cannot be admitted', { runId: hint.runId, error: thrown });
    return spent ? 'settled' : 'failed';
  } finally {
    release();
  }
};

/**
 * Of the store's candidates those whose turn it is, by the rule that also gives out slots. The order lives on between two looks, so
 * that a DAG which was served stays behind those that were not.
 */
const inTurn = (engine: Engine, { order, backoff }: Filling, heads: readonly RunHead[], room: number): RunHead[] => {
  const now = engine.deps.clock.monotonicMs();
  backoff.expire(now);
  const queued = new Map(
    heads.filter(({ runId }) => !backoff.staysAway(runId, now)).map((head) => [head.runId, head] as const),
  );
  for (const run of order.runs) if (!queued.has(run.runId)) order.set(run, 0, 0);
  for (const head of [...queued.values()].sort((a, b) => a.createdAt - b.createdAt)) {
    if (!order.has(head.runId) && !engine.runs.isUndrivable(head.runId)) order.set(head, 1, head.createdAt);
  }
  const next: RunHead[] = [];
  while (next.length < room) {
    const head = order.take(engine.deps.clock.now());
    if (head === undefined) break;
    next.push(head);
  }
  return next;
};

const publishNext = async (engine: Engine, filling: Filling, room: number): Promise<void> => {
  const shards = [...engine.runs.shards];
  // Runs that stay away take nobody's place among the candidates.
  const heads = await engine.deps.runs.nextQueued(shards, Math.max(room + 1, candidates) + filling.backoff.size);
  engine.window.backlog = heads.length > 0;
  const wanted = inTurn(engine, filling, heads, room);
  if (wanted.length === 0) return;
  filling.publishing = true;
  try {
    await engine.deps.queue.publish(
      wanted.map(({ tenant, runId, shard, priority, seq }) => ({ tenant, runId, shard, priority, seq })),
    );
  } finally {
    filling.publishing = false;
  }
};

/** A hint of a run that was not let in is spent too: given back it would be claimed again at once. The store still has the run. */
const fillOnce = async (engine: Engine, filling: Filling): Promise<void> => {
  const { queue, clock } = engine.deps;
  while (engine.phase === 'running' && engine.window.room > 0) {
    await publishNext(engine, filling, engine.window.room);
    const claimed = await queue.claim(Math.min(maxClaim, Math.max(1, engine.window.room)), visibilityMs);
    if (claimed.length === 0) return;
    const outcomes = await Promise.all(
      claimed.map(async (hint) => {
        const outcome = await admitClaimed(engine, hint);
        if (outcome === 'settled') filling.backoff.forget(hint.runId);
        else filling.backoff.failed(hint.runId, clock.monotonicMs());
        return outcome;
      }),
    );
    await queue.done(claimed.map(({ claim }) => claim));
    if (outcomes.includes('later')) return;
  }
};

/** Lets queued runs in while the window has room, in the store's order. One filling at a time; never throws. */
export const fillWindow = (engine: Engine): void => {
  // It is called again when the store takes writes.
  if (engine.store.reason !== undefined) return;
  let filling = fillings.get(engine);
  if (filling === undefined) {
    filling = {
      running: false,
      again: false,
      publishing: false,
      order: new FairQueue(),
      backoff: new AdmissionBackoff(),
    };
    fillings.set(engine, filling);
  }
  if (filling.running) {
    if (!filling.publishing) filling.again = true;
    return;
  }
  const own = filling;
  own.running = true;
  void (async () => {
    try {
      do {
        own.again = false;
        await fillOnce(engine, own);
      } while (own.again && engine.phase === 'running');
    } catch (thrown) {
      engine.deps.log.warn('queued runs could not be admitted now', { error: thrown });
    } finally {
      own.running = false;
    }
  })();
};
