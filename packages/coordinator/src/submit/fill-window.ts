import { DomainError } from '@skein/domain';
import type { ClaimedHint, RunHead } from '@skein/ports';
import { FairQueue } from '../dispatch/fair-queue.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { askRun } from '../run/run-turn.ts';
import { admittedWith } from './admitted-with.ts';
import type { AdmittedWith } from './prepare-admission.ts';
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
  readonly order: FairQueue<RunHead>;
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

/** Admits one queued run. True when its hint is spent. */
const admitClaimed = async (engine: Engine, hint: ClaimedHint): Promise<boolean> => {
  const release = engine.window.reserve();
  try {
    const head = await engine.deps.runs.readHead(hint.tenant, hint.runId);
    if (head?.status !== 'queued' || engine.runs.isUndrivable(hint.runId)) return true;
    const actor = await engine.runs.open(engine, hint.tenant, hint.runId);
    const dag = await engine.dags.byDigest(hint.tenant, head.dagDigest);
    const admission = await prepareAdmission(engine, hint.tenant, dag, await earlierOf(engine, hint));
    if (actor.state.status !== 'queued') return true;
    const current = actor.dropped ? await engine.runs.open(engine, hint.tenant, hint.runId) : actor;
    const settlement = await askRun(engine, current, admissionCommand(current, admission));
    if (settlement.status === 'failed' && settlement.error.code === 'version_conflict')
      forgetAdmissions(engine, hint.tenant);
    return settlement.status !== 'failed';
  } catch (thrown) {
    if (isPassing(thrown)) return false;
    const spent = thrown instanceof DomainError && (thrown.code === 'unimplemented' || thrown.code === 'not_found');
    if (!spent) engine.deps.log.error('queued run cannot be admitted', { runId: hint.runId, error: thrown });
    return spent;
  } finally {
    release();
  }
};

/**
 * Of the store's candidates those whose turn it is, by the rule that also gives out slots. The order lives on between two looks, so
 * that a DAG which was served stays behind those that were not.
 */
const inTurn = (engine: Engine, order: FairQueue<RunHead>, heads: readonly RunHead[], room: number): RunHead[] => {
  const queued = new Map(heads.map((head) => [head.runId, head]));
  for (const run of order.runs) if (!queued.has(run.runId)) order.set(run, 0, 0);
  for (const head of [...heads].sort((a, b) => a.createdAt - b.createdAt)) {
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

const publishNext = async (engine: Engine, order: FairQueue<RunHead>, room: number): Promise<void> => {
  const shards = [...engine.runs.shards];
  const heads = await engine.deps.runs.nextQueued(shards, Math.max(room + 1, candidates));
  engine.window.backlog = heads.length > 0;
  const wanted = inTurn(engine, order, heads, room);
  if (wanted.length === 0) return;
  await engine.deps.queue.publish(
    wanted.map(({ tenant, runId, shard, priority, seq }) => ({ tenant, runId, shard, priority, seq })),
  );
};

const fillOnce = async (engine: Engine, order: FairQueue<RunHead>): Promise<void> => {
  const { queue } = engine.deps;
  while (engine.phase === 'running' && engine.window.room > 0) {
    await publishNext(engine, order, engine.window.room);
    const claimed = await queue.claim(Math.min(maxClaim, Math.max(1, engine.window.room)), visibilityMs);
    if (claimed.length === 0) return;
    const settled = await Promise.all(claimed.map(async (hint) => ({ hint, spent: await admitClaimed(engine, hint) })));
    const spent = settled.filter((one) => one.spent).map(({ hint }) => hint.claim);
    const back = settled.filter((one) => !one.spent).map(({ hint }) => hint.claim);
    if (spent.length > 0) await queue.done(spent);
    if (back.length > 0) {
      await queue.release(back);
      return;
    }
  }
};

/** Lets queued runs in while the window has room, in the store's order. One filling at a time; never throws. */
export const fillWindow = (engine: Engine): void => {
  let filling = fillings.get(engine);
  if (filling === undefined) {
    filling = { running: false, again: false, order: new FairQueue() };
    fillings.set(engine, filling);
  }
  if (filling.running) {
    filling.again = true;
    return;
  }
  const own = filling;
  own.running = true;
  void (async () => {
    try {
      do {
        own.again = false;
        await fillOnce(engine, own.order);
      } while (own.again && engine.phase === 'running');
    } catch (thrown) {
      engine.deps.log.warn('queued runs could not be admitted now', { error: thrown });
    } finally {
      own.running = false;
    }
  })();
};
