import type { RecordedResult, RunId, RunState } from '@skein/domain';
import { DomainError, isDomainError, isTerminalRun, parseStepPath, planRun, shardOf, toErrorData } from '@skein/domain';
import { awaitValues } from '../dispatch/await-values.ts';
import type { PreparedCall } from '../dispatch/prepare-call.ts';
import { isCall, paramsOfCall } from '../dispatch/prepare-call.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import type { OpenCall } from './call-steps.ts';
import { callAt, openCallsOf } from './call-steps.ts';
import { refusedCall, resultOfChild } from './child-result.ts';
import { cancelledBy, createChild } from './create-child.ts';
import type { CallOutcome, CallRef } from './open-calls.ts';
import type { RunActor } from './run-actor.ts';
import { askRun } from './run-turn.ts';

/*
 * One look at one open call, whatever made it necessary: the call began, the child ended, the parent stops, or either was read from the log.
 * The parent's log says that there is a call; the store says what became of its child:
 *  - no child: it is created, under the id that the log names
 *  - a child that is over: the parent gets its result, until the parent's log holds it
 *  - a child that goes on: it is told to stop, if the parent wants that; its end makes the next look
 * So a process may die on any line here, and the next look goes on from what is durable (R5).
 */

/** Failed creations after which a call is given up, when it is not the store that does not answer. */
const maxRefusals = 5;

const refOf = (actor: RunActor, { step, call }: OpenCall): CallRef => ({
  tenant: actor.tenant,
  parentRunId: actor.runId,
  step,
  childRunId: call.childRunId,
});

/** Has a call of a run looked at. */
export const tendCall = (engine: Engine, actor: RunActor, open: OpenCall): void =>
  engine.calls.tend(refOf(actor, open));

/** Has every open call of a run looked at that was read from the log, which also says whether they are to stop. */
export const adoptCalls = (engine: Engine, actor: RunActor): void => {
  const calls = openCallsOf(actor.state);
  const { cancelCalls } = calls.length === 0 ? { cancelCalls: [] } : planRun(actor.state, engine.deps.clock.now());
  actor.stopping = new Set(cancelCalls.map(({ childRunId }) => childRunId));
  for (const open of calls) tendCall(engine, actor, open);
};

/** Has the call looked at that made this run, which is over. */
export const tendCaller = (engine: Engine, { tenant, runId, source }: RunState): void => {
  if (source.kind !== 'call') return;
  engine.calls.tend({ tenant, parentRunId: source.parentRunId, step: source.step, childRunId: runId });
};

/** A safety net for children that are driven elsewhere, and cannot say here that they are over. */
export const auditCalls = (engine: Engine, actor: RunActor): void => {
  if (actor.inFlight !== undefined) return;
  for (const open of openCallsOf(actor.state)) {
    if (engine.runs.find(open.call.childRunId) === undefined) tendCall(engine, actor, open);
  }
};

/** The caller, with a state that is durable, and the call; undefined when it has its result already. */
const openCaller = async (
  engine: Engine,
  { tenant, parentRunId, step, childRunId }: CallRef,
): Promise<{ readonly parent: RunActor; readonly open: OpenCall } | undefined> => {
  let parent = engine.runs.find(parentRunId);
  if (parent === undefined) {
    const head = await engine.deps.runs.readHead(tenant, parentRunId);
    if (head === undefined || isTerminalRun(head.status) || engine.runs.isUndrivable(parentRunId)) return undefined;
    parent = await engine.runs.open(engine, tenant, parentRunId);
    engine.wake(parent);
  }
  // Nothing may come between the end of this loop and the look.
  while (parent.inFlight !== undefined) await parent.inFlight;
  if (parent.dropped)
    return engine.phase === 'stopped' ? undefined : openCaller(engine, { tenant, parentRunId, step, childRunId });
  const open = callAt(parent.state, step);
  return open?.call.childRunId === childRunId ? { parent, open } : undefined;
};

/** The last state of the child when it is over; `open` while it goes on; undefined when there is none. */
const childOf = async (engine: Engine, { tenant, childRunId }: CallRef): Promise<RunState | 'open' | undefined> => {
  const finished = engine.runs.finished(tenant, childRunId);
  if (finished !== undefined) return finished;
  const actor = engine.runs.find(childRunId);
  if (actor !== undefined && actor.creation === undefined && !isTerminalRun(actor.state.status)) return 'open';
  const head = await engine.deps.runs.readHead(tenant, childRunId);
  if (head === undefined) return undefined;
  if (!isTerminalRun(head.status)) return 'open';
  return engine.runs.read(engine, tenant, childRunId, (state) => state);
};

/** Creates the child, from what its turn prepared or, after a crash, from what the log says. False when it ended at once. */
const create = async (engine: Engine, parent: RunActor, open: OpenCall, fresh?: PreparedCall): Promise<boolean> => {
  const { state, tenant } = parent;
  const definition = state.graph.byId.get(parseStepPath(open.step)?.stepId ?? open.step);
  if (definition === undefined || !isCall(definition)) throw new DomainError('internal', `${open.step} is no call`);
  const dag = fresh?.dag ?? (await engine.dags.byDigest(tenant, open.call.dagDigest));
  const params =
    fresh?.params ??
    (await awaitValues(engine, tenant, (known) => paramsOfCall(engine, state, open.step, definition, dag, known)));
  const cancelled = parent.stopping.has(open.call.childRunId);
  await createChild(engine, state, { open, definition, dag, params, cancelled });
  return !cancelled;
};

/** Tells a child to stop, once in its life: told again while its handlers run, it would stop them too. */
const stopChild = async (engine: Engine, parent: RunActor, childRunId: RunId): Promise<CallOutcome> => {
  if (!parent.stopping.has(childRunId) || parent.stopped.has(childRunId)) return 'settled';
  const by = cancelledBy(parent.runId);
  const wasTold = await engine.runs.read(engine, parent.tenant, childRunId, ({ cancel, closing }) =>
    [cancel, closing?.cancel].some((request) => request?.by === by),
  );
  if (!wasTold) {
    const child = await engine.runs.open(engine, parent.tenant, childRunId);
    const settlement = await askRun(engine, child, { type: 'cancel', by, reason: 'requested' });
    // Refused: it is over, and its end makes another look.
    if (settlement.status === 'failed') return 'later';
  }
  parent.stopped.add(childRunId);
  return 'settled';
};

const giveBack = async (
  engine: Engine,
  parent: RunActor,
  ref: CallRef,
  result: RecordedResult,
): Promise<CallOutcome> => {
  const { step, childRunId } = ref;
  const settlement = await askRun(engine, parent, { type: 'return', step, childRunId, result });
  if (settlement.status === 'refused') {
    engine.deps.log.error('result of a called run was refused', {
      runId: parent.runId,
      stepId: step,
      childRunId,
      error: settlement.error,
    });
  }
  return settlement.status === 'failed' ? 'later' : 'settled';
};

const look = async (engine: Engine, ref: CallRef, failures: number): Promise<CallOutcome> => {
  const caller = await openCaller(engine, ref);
  if (caller === undefined) return 'settled';
  const { parent, open } = caller;
  const fresh = parent.called.get(ref.childRunId);
  parent.called.delete(ref.childRunId);
  const child = fresh === undefined ? await childOf(engine, ref) : undefined;
  if (child === 'open') return stopChild(engine, parent, ref.childRunId);
  if (child !== undefined) return giveBack(engine, parent, ref, await resultOfChild(engine, open.call.dag, child));
  try {
    const goesOn = await create(engine, parent, open, fresh);
    return goesOn ? stopChild(engine, parent, ref.childRunId) : 'settled';
  } catch (thrown) {
    const isConflict = isDomainError(thrown) && thrown.code === 'version_conflict';
    if (isPassing(thrown) || (isConflict && failures < maxRefusals)) return 'later';
    engine.deps.log.error('run of a call cannot be created', { runId: parent.runId, ...ref, error: thrown });
    return giveBack(engine, parent, ref, refusedCall(open.call.dag, ref.childRunId, toErrorData(thrown)));
  }
};

/** Looks at a call. Never rejects. */
export const lookAtCall = async (engine: Engine, ref: CallRef, failures: number): Promise<CallOutcome> => {
  if (engine.phase === 'stopped') return 'settled';
  const { members } = engine;
  if (members.isFleet && members.homeOf(shardOf(ref.parentRunId)) !== 'here') {
    // Whoever is home to the caller looked at its calls when it read the run; a child has the shard of its caller.
    engine.peers.wake(ref.tenant, ref.parentRunId);
    return 'settled';
  }
  try {
    return await look(engine, ref, failures);
  } catch (thrown) {
    if (!isPassing(thrown)) engine.deps.log.error('call of a run cannot be looked at', { ...ref, error: thrown });
    return 'later';
  }
};
