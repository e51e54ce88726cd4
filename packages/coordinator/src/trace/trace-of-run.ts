import type { RunId, RunState, TraceContext } from '@skein/domain';
import { formatTraceparent, parseTraceparent } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { rootOf } from '../run/tree-sizes.ts';

/*
 * Where the spans of a run are. Their ids follow from what the log holds, so that whoever drives the run, after a restart or elsewhere, names
 * the same spans as whoever drove it before; nothing of a span is kept in memory while it lasts.
 */

/** Hex of the beginning of the hash of a name. */
const idOf = ({ deps }: Pick<Engine, 'deps'>, name: string, chars: 16 | 32): string =>
  deps.hasher.digest(`trace/${name}`).slice('sha256:'.length, 'sha256:'.length + chars);

interface TraceOfRun {
  readonly context: TraceContext;
  readonly caller?: TraceContext;
}

/** Made once for each run that is driven here. */
const made = new WeakMap<RunState, TraceOfRun>();

/** The span of a run that was submitted, and that of whoever asked for it. */
export const traceOfRun = (engine: Pick<Engine, 'deps'>, state: RunState): TraceOfRun => {
  const known = made.get(state);
  if (known !== undefined) return known;
  const trace = findTrace(engine, state);
  made.set(state, trace);
  return trace;
};

const findTrace = (engine: Pick<Engine, 'deps'>, state: RunState): TraceOfRun => {
  const spanId = idOf(engine, `run/${state.runId}`, 16);
  const caller = parseTraceparent(state.traceparent);
  if (caller !== undefined) return { context: { ...caller, spanId }, caller };
  const traceId = idOf(engine, `root/${rootOf(state)}`, 32);
  const context = { traceId, spanId, sampled: engine.deps.tracer?.samples(traceId) ?? false };
  if (state.source.kind !== 'call') return { context };
  return { context, caller: { ...context, spanId: idOf(engine, `call/${state.runId}`, 16) } };
};

/** The span of what a run does: of a lease by its token, of a call by the child's id, of a wait by its step and instant. */
export const traceWithin = (
  engine: Pick<Engine, 'deps'>,
  run: TraceContext,
  name: `task/${RunId}/${number}` | `call/${RunId}` | `wait/${RunId}/${string}`,
): TraceContext => ({ ...run, spanId: idOf(engine, name, 16) });

/** What a worker is told with the lease of a task. */
export const traceparentOfTask = (engine: Engine, state: RunState, token: number): string =>
  formatTraceparent(traceWithin(engine, traceOfRun(engine, state).context, `task/${state.runId}/${token}`));

/** What a called run is told, where its caller was told something. */
export const traceparentOfCall = (engine: Engine, parent: RunState, childRunId: RunId): string | undefined =>
  parent.traceparent === undefined
    ? undefined
    : formatTraceparent(traceWithin(engine, traceOfRun(engine, parent).context, `call/${childRunId}`));
