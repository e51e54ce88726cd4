import type { JsonObject, RunFact, RunId, TenantId } from '@skein/domain';
import type { RunEvent } from '../coordinator.ts';
import type { Engine } from '../engine/engine.ts';

/** Facts that are read at once, each at most 64 KiB: what a reader that stopped reading holds of the memory. */
const pageFacts = 32;

/** Looks again after so many ms without a wake-up: another coordinator may drive the run. */
const pollMs = 1_000;

const eventOf = (runId: RunId, seq: number, fact: RunFact): RunEvent => {
  const { type, v: _version, at, ...data } = fact;
  return { seq, type, at: new Date(at).toISOString(), runId, data: data as unknown as JsonObject };
};

/** Stands for facts that retention removed; its number is that of the last one, so a reader goes on after it. */
const gapOf = (engine: Engine, runId: RunId, from: number, to: number): RunEvent => ({
  seq: to,
  type: 'gap',
  at: new Date(engine.deps.clock.now()).toISOString(),
  runId,
  data: { from, to },
});

/** Resolves with the next wake-up, after the poll time, or when the signal aborts. */
const nextWake = (
  engine: Engine,
  woken: { flag: boolean; resolve: (() => void) | undefined },
  signal: AbortSignal,
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
    const cancel = engine.deps.clock.after(pollMs, finish);
    signal.addEventListener('abort', finish, { once: true });
    woken.resolve = finish;
  });

/**
 * Facts of a run as events, from the store, in order: first those after `afterSeq`, then as they become durable, until the run has
 * finished or the signal aborts. What retention removed is one event `gap` with `{ from, to }`, never silent. A slow reader holds up
 * nobody, and holds one small page. Throws `not_found`, `unavailable`.
 */
export const watchRun = async function* (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  afterSeq: number,
  signal: AbortSignal,
): AsyncGenerator<RunEvent, void, undefined> {
  const woken: { flag: boolean; resolve: (() => void) | undefined } = { flag: false, resolve: undefined };
  const unwatch = engine.watchers.watch(runId, () => {
    woken.flag = true;
    woken.resolve?.();
  });
  try {
    let seq = Math.max(0, afterSeq);
    while (!signal.aborted && engine.phase !== 'stopped') {
      woken.flag = false;
      const facts = await engine.deps.runs.readFacts(tenant, runId, seq, pageFacts);
      for (const fact of facts) {
        seq += 1;
        yield eventOf(runId, seq, fact);
        if (fact.type === 'run_finished' || signal.aborted) return;
      }
      if (facts.length === 0) {
        const head = await engine.deps.runs.readHead(tenant, runId);
        const pruned = head?.prunedSeq ?? 0;
        if (pruned > seq) {
          yield gapOf(engine, runId, seq + 1, pruned);
          seq = pruned;
          continue;
        }
        // A reader that resumes behind the end has seen all.
        if (head?.finishedAt !== undefined && head.seq <= seq) return;
        if (head === undefined || head.seq <= seq) await nextWake(engine, woken, signal);
      }
    }
  } finally {
    unwatch();
  }
};
