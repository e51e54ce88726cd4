import type { Digest, RunId, RunState, TenantId } from '@skein/domain';
import { createRunState, DomainError, decodeRunState, evolveAll } from '@skein/domain';
import type { RunHead } from '@skein/ports';
import { fetchValue } from '../dispatch/stored-values.ts';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { unknownFact } from './known-facts.ts';

/** The state of a run as the log says: the last checkpoint and the facts after it. */
export interface LoadedRun {
  readonly head: RunHead;
  readonly state: RunState;
  readonly checkpointSeq: number;
}

const fromCheckpoint = async (engine: Engine, head: RunHead): Promise<RunState | undefined> => {
  const checkpoint = await engine.deps.runs.loadCheckpoint(head.tenant, head.runId);
  if (checkpoint === undefined) return undefined;
  const { dag, graph } = await engine.dags.byDigest(head.tenant, head.dagDigest);
  try {
    return decodeRunState(new TextDecoder().decode(checkpoint.body), dag, graph);
  } catch (thrown) {
    engine.deps.log.warn('state checkpoint cannot be used, the whole log is read', {
      runId: head.runId,
      error: thrown,
    });
    return undefined;
  }
};

/**
 * Folds a run from the store. Throws `not_found`, `unimplemented` (a fact of an unknown type or version), `data_corrupt`, `unavailable`.
 */
export const loadRun = async (engine: Engine, tenant: TenantId, runId: RunId): Promise<LoadedRun> => {
  const head = await engine.deps.runs.readHead(tenant, runId);
  if (head === undefined) throw new DomainError('not_found', `there is no run ${runId}`, { runId });
  const { dag, graph } = await engine.dags.byDigest(tenant, head.dagDigest);
  const isPruned = head.prunedSeq !== undefined;
  const base = isPruned || head.seq > engine.config.checkpointFacts ? await fromCheckpoint(engine, head) : undefined;
  if (isPruned && (base === undefined || base.seq < head.prunedSeq)) {
    throw new DomainError('data_corrupt', 'the last state of the run, which stands for its facts, cannot be read', {
      runId,
    });
  }
  const state = base ?? createRunState(tenant, runId, dag, graph);
  const checkpointSeq = state.seq;
  const facts = await engine.deps.runs.readFacts(tenant, runId, state.seq);
  const unknown = unknownFact(facts, engine.members.knownFacts);
  if (unknown !== undefined) {
    throw new DomainError(
      'unimplemented',
      `the run holds a fact ${unknown.type} v${unknown.v} that this version does not know`,
      {
        runId,
        type: unknown.type,
        v: unknown.v,
      },
    );
  }
  evolveAll(state, facts);
  if (state.paramsRef !== undefined) state.params = await paramsOf(engine, tenant, state.paramsRef.digest);
  return { head, state, checkpointSeq };
};

/** Large params live in the blob store. */
const paramsOf = async (engine: Engine, tenant: TenantId, digest: Digest): Promise<RunState['params']> => {
  try {
    return (await fetchValue(engine, tenant, digest)) as RunState['params'];
  } catch (thrown) {
    if (isPassing(thrown)) throw thrown;
    // Not `not_found`, which would say that there is no such run.
    throw new DomainError('internal', 'the params of the run cannot be read', { digest }, thrown);
  }
};
