import type { RunId, RunSource, RunState, Step } from '@skein/domain';
import { createRunState, DomainError, shardOf } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { IndexedDag } from '../project/dag-cache.ts';
import { storeLargeParams } from '../submit/large-params.ts';
import { traceparentOfCall } from '../trace/trace-of-run.ts';
import type { OpenCall } from './call-steps.ts';
import { RunActor } from './run-actor.ts';
import { askRun } from './run-turn.ts';
import { depthOf, rootOf } from './tree-sizes.ts';

/** A child run that is to be created for an open call. */
export interface NewChild {
  readonly open: OpenCall;
  readonly definition: Step;
  readonly dag: IndexedDag;
  readonly params: RunState['params'];
  /** The parent stops: the child is created and ends in the same commit, so that each call has its run. */
  readonly cancelled: boolean;
}

/** Who cancels a child: its caller, which is being stopped. */
export const cancelledBy = (parentRunId: RunId): string => `run ${parentRunId}`;

const sourceOf = (parent: RunState, { step, attempt }: OpenCall): RunSource => ({
  kind: 'call',
  parentRunId: parent.runId,
  step,
  attempt,
  rootRunId: rootOf(parent),
  depth: depthOf(parent) + 1,
});

/**
 * Creates the run of a call, admitted in the same commit with what the root was admitted with (R4). It never waits for the admission window.
 * Idempotent by the child's id: a run that exists stays as it is. Durable when it resolves. Throws what the append throws.
 */
export const createChild = async (engine: Engine, parent: RunState, child: NewChild): Promise<void> => {
  const { open, definition, dag, params, cancelled } = child;
  const { tenant, routingContext, priority, untrustedInput } = parent;
  const { childRunId } = open.call;
  const paramsRef = await storeLargeParams(engine, { tenant, params, routingContext });
  const shard = shardOf(childRunId);
  if (!engine.runs.shards.has(shard) || engine.phase === 'stopped')
    throw new DomainError('unavailable', 'another coordinator is home to this run', { runId: childRunId });
  if (engine.runs.find(childRunId) !== undefined) return;
  const actor = new RunActor(shard, createRunState(tenant, childRunId as RunId, dag.dag, dag.graph));
  const source = sourceOf(parent, open);
  const traceparent = traceparentOfCall(engine, parent, childRunId);
  actor.creation = { source, routingContext };
  actor.largeParams = paramsRef === undefined ? undefined : params;
  engine.runs.add(actor);
  const submitted = askRun(engine, actor, {
    type: 'submit',
    dagDigest: dag.digest,
    params: paramsRef === undefined ? params : {},
    routingContext,
    priority,
    source,
    ...(paramsRef === undefined ? {} : { paramsRef }),
    ...(definition.timeoutMs === undefined ? {} : { timeoutMs: definition.timeoutMs }),
    ...(untrustedInput === undefined ? {} : { untrustedInput }),
    ...(traceparent === undefined ? {} : { traceparent }),
  });
  if (cancelled) {
    void askRun(engine, actor, { type: 'cancel', by: cancelledBy(parent.runId), reason: 'requested' });
  } else {
    // As the root is now: it may have been migrated while the params were stored.
    const { agents, snapshotDigest, calls, memory } = parent;
    actor.pins = snapshotDigest;
    void askRun(engine, actor, {
      type: 'admit',
      agents,
      ...(snapshotDigest === undefined ? {} : { snapshotDigest }),
      ...(calls === undefined ? {} : { calls }),
      ...(memory === undefined ? {} : { memory }),
    });
  }
  const settlement = await submitted;
  if (settlement.status === 'failed' || settlement.status === 'refused') throw settlement.error;
};
