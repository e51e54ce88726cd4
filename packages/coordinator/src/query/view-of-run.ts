import type {
  JsonValue,
  RunId,
  RunState,
  RunView,
  StepPath,
  StepState,
  StepView,
  TenantId,
  ValueRef,
  ViewHints,
} from '@skein/domain';
import {
  cloneRunState,
  DomainError,
  findTarget,
  isSettledStep,
  isTerminalRun,
  parseStepPath,
  viewRun,
  viewStep,
} from '@skein/domain';
import type { Page, RunFilter, RunHead } from '@skein/ports';
import type { RunSummary } from '../coordinator.ts';
import { awaitValues } from '../dispatch/await-values.ts';
import { fanoutResults } from '../dispatch/known-values.ts';
import { fetchValue } from '../dispatch/stored-values.ts';
import type { Engine } from '../engine/engine.ts';
import type { RunActor } from '../run/run-actor.ts';

/** Largest page of items. */
const maxItems = 1_000;

const hintsOf = (engine: Engine, actor: RunActor | undefined): ViewHints => {
  if (actor === undefined) return {};
  return {
    readyWait: (path) => {
      const step = actor.state.graph.byId.get(parseStepPath(path)?.stepId ?? path);
      return step === undefined ? undefined : actor.waits.get(engine.classes.of(actor.tenant, step));
    },
  };
};

/** A run as it is in the log. Throws `not_found`, `unavailable`. */
export const viewOfRun = (engine: Engine, tenant: TenantId, runId: RunId): Promise<RunView> =>
  engine.runs.read(engine, tenant, runId, (state, actor) => viewRun(state, hintsOf(engine, actor)));

const iso = (at: number): string => new Date(at).toISOString();

const summaryOf = (head: RunHead): RunSummary => ({
  runId: head.runId,
  dag: head.dag,
  status: head.status,
  createdAt: iso(head.createdAt),
  ...(head.startedAt === undefined ? {} : { startedAt: iso(head.startedAt) }),
  ...(head.finishedAt === undefined ? {} : { finishedAt: iso(head.finishedAt) }),
  partial: head.partial,
  ...(head.retryOf === undefined ? {} : { retryOf: head.retryOf }),
  ...(head.parentRunId === undefined ? {} : { parentRunId: head.parentRunId }),
});

/** One page of the run list, newest first. */
export const listRuns = async (engine: Engine, filter: RunFilter): Promise<Page<RunSummary>> => {
  const page = await engine.deps.runs.listRuns(filter);
  const items = page.items.map(summaryOf);
  return page.nextCursor === undefined ? { items } : { items, nextCursor: page.nextCursor };
};

/** Items of a fan-out, in item order. Throws `not_found` for a step that the DAG does not have; a step without items has none. */
export const listItems = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  stepId: string,
  limit: number,
  cursor?: string,
): Promise<Page<StepView>> => {
  const from = cursor === undefined ? 0 : Number(cursor);
  if (!Number.isSafeInteger(from) || from < 0)
    throw new DomainError('invalid_argument', 'the cursor is not one of this list');
  return engine.runs.read(engine, tenant, runId, (state, actor) => {
    const step = state.steps.get(stepId);
    if (step === undefined)
      throw new DomainError('not_found', `the run has no step ${stepId}`, { runId, step: stepId });
    const states = step.fanout?.states ?? [];
    const end = from + Math.max(1, Math.min(limit, maxItems));
    const definition = state.graph.byId.get(stepId);
    const items = states.slice(from, end).map((item) => viewStep(definition, item, hintsOf(engine, actor)));
    return end < states.length ? { items, nextCursor: String(end) } : { items };
  });
};

/** The step, or item, of a path; a handler's is `@NAME`. Throws `not_found`. */
const targetOf = (state: RunState, path: StepPath): StepState => {
  const target = findTarget(state, path)?.target;
  if (target === undefined)
    throw new DomainError('not_found', `the run has no step ${path}`, { runId: state.runId, step: path });
  return target;
};

/** One output in full. `stdout` is a name too, and so is a fan-out's `results`. Throws `not_found`, `unavailable`. */
export const readOutput = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  path: StepPath,
  name: string,
): Promise<JsonValue> => {
  const found = await engine.runs.read(engine, tenant, runId, (state): RunState | ValueRef => {
    const target = targetOf(state, path);
    // Values are fetched one after the other, while the run goes on.
    if (target.fanout !== undefined && name === 'results') return cloneRunState(state);
    const definition = state.graph.byId.get(parseStepPath(path)?.stepId ?? path);
    const own = target.result?.outputs[name];
    const ref = own ?? (name === 'stdout' || name === definition?.output ? target.result?.stdout : undefined);
    if (ref === undefined)
      throw new DomainError('not_found', `step ${path} has no output ${name}`, { runId, step: path, name });
    return ref;
  });
  if ('steps' in found) return awaitValues(engine, tenant, (known) => fanoutResults(found, path, known));
  return 'inline' in found ? found.inline : fetchValue(engine, tenant, found.digest);
};

/** Bytes of an attempt's log. `complete` says that this attempt writes no more. Throws `not_found`, `unavailable`. */
export const readLog = async (
  engine: Engine,
  tenant: TenantId,
  runId: RunId,
  path: StepPath,
  options: { readonly attempt?: number; readonly offset: number; readonly limit: number },
): Promise<{
  readonly attempt: number;
  readonly bytes: Uint8Array;
  readonly next: number;
  readonly complete: boolean;
}> => {
  const target = await engine.runs.read(engine, tenant, runId, (state) => {
    const step = targetOf(state, path);
    return { attempt: step.attempt, over: isTerminalRun(state.status) || isSettledStep(step.status) };
  });
  const wanted = options.attempt;
  const attempts =
    wanted === undefined || wanted > target.attempt ? await engine.deps.logs.attempts(tenant, runId, path) : [];
  const latest = Math.max(target.attempt, ...attempts);
  if (wanted !== undefined && (wanted < 1 || wanted > latest))
    throw new DomainError('not_found', `step ${path} has no attempt ${wanted}`, { runId, step: path, attempt: wanted });
  const attempt = wanted ?? latest;
  const over = target.over || attempt < target.attempt;
  const { bytes, next } = await engine.deps.logs.read(
    { tenant, runId, step: path, attempt },
    options.offset,
    options.limit,
  );
  return { attempt, bytes, next, complete: over && bytes.byteLength === 0 };
};
