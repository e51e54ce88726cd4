import { DomainError, isDomainError, shardOf } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { viewOfRun } from '../query/view-of-run.ts';
import type { PeerAnswer } from './ask-peer.ts';
import { askPeer, isMoved, movedReason } from './ask-peer.ts';
import { isRepeatable, runOfCall } from './place-of-call.ts';
import type { RoutedMethod } from './routes.ts';

/** How long a call waits for a run's home to be known and to answer, and the pause between two tries, in ms. */
const patienceMs = 2_000;
const pauseMs = 25;

/** A use case as it is carried out here. */
export type LocalCall = (...args: readonly never[]) => Promise<unknown>;

const noHome = (runId: string | undefined, last: DomainError | undefined): DomainError =>
  new DomainError(
    'unavailable',
    runId === undefined
      ? 'no coordinator takes runs now'
      : 'no coordinator is known to be home to this run now, or it does not answer',
    { ...(runId === undefined ? {} : { runId }), reason: movedReason, retryAfterMs: 250 },
    last,
  );

/** Nobody knows whether it was done, and doing it again would do it twice. */
const unclear = (method: string, last: DomainError): DomainError =>
  new DomainError(
    'unavailable',
    `the coordinator that was asked (${method}) did not answer: look at the run before you ask again`,
    { reason: 'unclear' },
    last,
  );

/** Resolves after a pause, or as soon as members or homes change. */
const pause = (engine: Engine): Promise<void> =>
  new Promise((resolve) => {
    const finish = (): void => {
      cancel();
      stop();
      resolve();
    };
    const cancel = engine.deps.clock.after(pauseMs, finish);
    const stop = engine.members.onChange(finish);
  });

const runHere = async (call: LocalCall, args: readonly unknown[]): Promise<PeerAnswer> => {
  try {
    return { status: 'done', value: await call(...(args as readonly never[])) };
  } catch (thrown) {
    if (!isDomainError(thrown)) throw thrown;
    return { status: 'refused', error: thrown };
  }
};

/** Stands for this coordinator where a peer's id is expected: no id is empty. */
const here = '';

/** Where to go now: `here`, to the peer of this id, or, undefined, nowhere yet. */
const placeOf = (engine: Engine, runId: string | undefined, tries: number): string | undefined => {
  const { members, peers, runs } = engine;
  if (runId === undefined) {
    if (runs.shards.size > 0 && !members.isLeaving) return here;
    const staying = members.live.filter(
      ({ leaving, coordinatorId }) => !leaving && peers.connected.includes(coordinatorId),
    );
    return staying[tries % Math.max(1, staying.length)]?.coordinatorId ?? (runs.shards.size > 0 ? here : undefined);
  }
  const home = members.homeOf(shardOf(runId));
  if (home === undefined) return undefined;
  if (home === 'here') return here;
  return peers.connected.includes(home.coordinatorId) ? home.coordinatorId : undefined;
};

/** What was asked for, when its answer was lost and it turns out to be done: a run is cancelled, or a dead letter redriven by the same person. */
const settledMeanwhile = async (
  engine: Engine,
  method: RoutedMethod,
  args: readonly unknown[],
  error: DomainError,
): Promise<unknown> => {
  if (error.code !== 'illegal_transition') return undefined;
  const [tenant, id] = args as readonly [string, string];
  if (method === 'cancelRun') {
    const view = await viewOfRun(engine, tenant, id);
    return view.status === 'cancelled' ? view : undefined;
  }
  if (method === 'redriveDeadLetter') {
    const { by, dryRun } = args[2] as { readonly by: string; readonly dryRun: boolean };
    const deadLetter = await engine.deps.delivery.readDeadLetter(tenant, id);
    const runId = deadLetter?.redrivenRunId;
    const isOurs = !dryRun && deadLetter?.status === 'redriven' && deadLetter.settledBy === by;
    return isOurs && runId !== undefined ? { deadLetter, runId, dryRun } : undefined;
  }
  return undefined;
};

/**
 * Carries a use case out where it belongs. While a home moves it is asked for again, for up to two seconds; then `unavailable`. What may
 * not be repeated is not, once nobody knows what came of it.
 */
export const routeCall = async (
  engine: Engine,
  method: RoutedMethod,
  call: LocalCall,
  args: readonly unknown[],
): Promise<unknown> => {
  const { clock } = engine.deps;
  const deadline = clock.monotonicMs() + patienceMs;
  const runId = await runOfCall(engine, method, args);
  let last: DomainError | undefined;
  let wasUnclear = false;
  for (let tries = 0; ; tries += 1) {
    const place = engine.phase === 'stopped' ? undefined : placeOf(engine, runId, tries);
    if (place !== undefined) {
      const answer = place === here ? await runHere(call, args) : await askPeer(engine, place, method, args);
      if (answer.status === 'done') return answer.value;
      last = answer.error;
      if (answer.status === 'unclear') {
        if (!isRepeatable(method, args)) throw unclear(method, answer.error);
        wasUnclear = true;
      } else if (!isMoved(answer.error) && !isBetweenHomes(engine, place, answer.error)) {
        const settled = wasUnclear ? await settledMeanwhile(engine, method, args, answer.error) : undefined;
        if (settled !== undefined) return settled;
        throw answer.error;
      }
      if (place !== here) engine.members.lookNow();
    }
    if (clock.monotonicMs() >= deadline || engine.phase === 'stopped') throw noHome(runId, last);
    await pause(engine);
  }
};

/** What was at home here when the call began is not any more: nothing was written. */
const isBetweenHomes = (engine: Engine, place: string, { code }: DomainError): boolean =>
  place === here && code === 'unavailable' && engine.phase === 'running' && engine.runs.shards.size === 0;
