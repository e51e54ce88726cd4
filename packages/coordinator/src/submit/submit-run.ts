import type { JsonValue, KeptStep, RunId, RunSource, RunView, TenantId } from '@skein/domain';
import {
  canonicalJson,
  createRunState,
  DomainError,
  formatTraceparent,
  parseTraceparent,
  resolveParams,
  shardOf,
  utf8Length,
  viewRun,
} from '@skein/domain';
import type { RunCreation } from '@skein/ports';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import { metric } from '../engine/metric-names.ts';
import type { IndexedDag } from '../project/dag-cache.ts';
import { viewOfRun } from '../query/view-of-run.ts';
import { newRunId } from '../run/new-run-id.ts';
import type { Settlement } from '../run/run-actor.ts';
import { RunActor } from '../run/run-actor.ts';
import { askRun } from '../run/run-turn.ts';
import type { Admission, AdmittedWith } from './admission.ts';
import { fillWindow } from './fill-window.ts';
import { storeLargeParams } from './large-params.ts';
import { admissionCommand, forgetAdmissions, prepareAdmission } from './prepare-admission.ts';
import { requireUnits, routingContextOf } from './routing-context.ts';
import type { SubmitRun } from './submit-request.ts';

/** A run that is to be created, whatever the surface. */
export interface NewRun {
  readonly tenant: TenantId;
  readonly dag: IndexedDag;
  readonly params: { readonly [name: string]: JsonValue };
  readonly routingContext: { [key: string]: JsonValue };
  readonly priority: number;
  readonly source: RunSource;
  readonly idempotency?: { readonly key: string; readonly bodyDigest: string };
  readonly fire?: { readonly scheduleId: string; readonly nominalAt: number };
  readonly kept?: readonly KeptStep[];
  /** What the run that is retried was admitted with. */
  readonly earlier?: AdmittedWith;
  readonly timeoutMs?: number;
  readonly untrustedInput?: true;
  /** See `run_submitted`; what is no trace context counts as none. */
  readonly traceparent?: string;
}

/** Tries of a creation whose project or snapshot changed while it was prepared; after these the run waits its turn in the store. */
const maxSealings = 3;

/** The admission, when the window has room and nobody waits; undefined leaves the run queued, as `mayWait` asks for. */
const admissionNow = async (
  engine: Engine,
  runId: RunId,
  run: NewRun,
  mayWait: boolean,
): Promise<Admission | undefined> => {
  if (mayWait || engine.window.backlog || engine.window.room === 0) return undefined;
  try {
    return await prepareAdmission(engine, { ...run, runId });
  } catch (thrown) {
    if (!isPassing(thrown)) throw thrown;
    engine.deps.log.warn('run is queued because its admission cannot be prepared now', {
      dag: run.dag.dag.name,
      error: thrown,
    });
    return undefined;
  }
};

const tryCreate = async (
  engine: Engine,
  run: NewRun,
  mayWait: boolean,
): Promise<{ readonly settlement: Settlement; readonly actor: RunActor }> => {
  const { tenant, dag } = run;
  const release = engine.window.reserve();
  try {
    const runId = newRunId(engine);
    const admission = await admissionNow(engine, runId, run, mayWait);
    const paramsRef = await storeLargeParams(engine, run);
    const shard = shardOf(runId);
    if (!engine.runs.shards.has(shard) || engine.phase !== 'running') {
      throw new DomainError('unavailable', 'this coordinator is not ready to take runs');
    }
    const actor = new RunActor(shard, createRunState(tenant, runId, dag.dag, dag.graph));
    actor.largeParams = paramsRef === undefined ? undefined : run.params;
    const creation: RunCreation = {
      source: run.source,
      routingContext: run.routingContext,
      ...(run.idempotency === undefined ? {} : { idempotency: run.idempotency }),
      ...(run.fire === undefined ? {} : { fire: run.fire }),
    };
    actor.creation = creation;
    const caller = parseTraceparent(run.traceparent);
    engine.runs.add(actor);
    const submitted = askRun(engine, actor, {
      type: 'submit',
      dagDigest: dag.digest,
      params: paramsRef === undefined ? run.params : {},
      routingContext: run.routingContext,
      priority: run.priority,
      source: run.source,
      ...(paramsRef === undefined ? {} : { paramsRef }),
      ...(run.kept === undefined ? {} : { kept: run.kept }),
      ...(run.timeoutMs === undefined ? {} : { timeoutMs: run.timeoutMs }),
      ...(run.untrustedInput === undefined ? {} : { untrustedInput: run.untrustedInput }),
      ...(caller === undefined ? {} : { traceparent: formatTraceparent(caller) }),
    });
    if (admission !== undefined) void askRun(engine, actor, admissionCommand(engine, actor, admission));
    const settlement = await submitted;
    if (settlement.status === 'recorded' && admission === undefined) engine.window.backlog = true;
    return { settlement, actor };
  } finally {
    release();
    if (engine.window.backlog) fillWindow(engine);
  }
};

/** The shard of the id was given away before anything was written: another id has a home here. */
const isMoved = ({ code, details }: DomainError): boolean =>
  code === 'unavailable' && (details as { readonly reason?: unknown } | undefined)?.reason === 'moved';

/**
 * Creates a run, and admits it in the same commit when the window has room. Durable when it resolves.
 * Throws `already_exists` (key reused with another body), `unavailable`.
 */
export const createRun = async (
  engine: Engine,
  run: NewRun,
): Promise<{ readonly run: RunView; readonly created: boolean }> => {
  engine.store.requireOpen();
  for (let tries = 1; ; tries += 1) {
    const { settlement, actor } = await tryCreate(engine, run, tries > maxSealings);
    switch (settlement.status) {
      case 'recorded':
        engine.deps.meter.count(metric.runsSubmitted);
        return {
          run: actor.inFlight === undefined ? viewRun(actor.state) : await viewOfRun(engine, run.tenant, actor.runId),
          created: true,
        };
      case 'duplicate':
        if (!settlement.sameBody) {
          throw new DomainError('already_exists', 'this idempotency key was used for another run request', {
            runId: settlement.runId,
          });
        }
        return { run: await viewOfRun(engine, run.tenant, settlement.runId), created: false };
      case 'failed':
        if (isMoved(settlement.error) && tries <= maxSealings) break;
        if (settlement.error.code !== 'version_conflict' || tries > maxSealings) throw settlement.error;
        forgetAdmissions(engine, run.tenant);
        break;
      case 'refused':
        throw settlement.error;
    }
  }
};

const checkSubmit = (engine: Engine, submit: SubmitRun): void => {
  const { priority = 0, idempotencyKey } = submit;
  if (!Number.isSafeInteger(priority) || Math.abs(priority) > 1_000_000) {
    throw new DomainError('invalid_argument', 'priority must be an integer from -1000000 to 1000000', {
      problems: [{ message: 'not such an integer', field: 'priority' }],
    });
  }
  if (idempotencyKey !== undefined && (idempotencyKey.length === 0 || idempotencyKey.length > 255)) {
    throw new DomainError('invalid_argument', 'an idempotency key has 1 to 255 characters');
  }
  requireUnits(submit.routingContext ?? {});
  const { maxParamsBytes, maxRoutingContextBytes } = engine.config;
  checkSize('params', (submit.params ?? {}) as JsonValue, maxParamsBytes);
  checkSize('routing context', submit.routingContext ?? {}, maxRoutingContextBytes);
};

const checkSize = (what: string, value: JsonValue, limit: number): void => {
  const actual = utf8Length(canonicalJson(value));
  if (actual > limit) throw new DomainError('too_large', `the ${what} of a run may not be so large`, { limit, actual });
};

/** Starts a run of the DAG that the name means now. See `Coordinator.submitRun`. */
export const submitRun = async (
  engine: Engine,
  tenant: TenantId,
  submit: SubmitRun,
): Promise<{ readonly run: RunView; readonly created: boolean }> => {
  checkSubmit(engine, submit);
  const dag = await engine.dags.byName(tenant, submit.dag);
  const params = resolveParams(dag.dag.params, submit.params ?? {});
  if (!params.ok) {
    const message = params.error.map((problem) => problem.message).join('; ');
    throw new DomainError('invalid_argument', message, { problems: params.error });
  }
  const { fire, idempotencyKey, priority = 0, routingContext = {}, traceparent } = submit;
  const context = routingContextOf(dag.dag, params.value, routingContext);
  checkSize('routing context', context, engine.config.maxRoutingContextBytes);
  const trust = submit.untrustedInput === true ? ({ untrustedInput: true } as const) : {};
  const body = { dag: submit.dag, params: submit.params ?? {}, routingContext, priority, ...trust } as JsonValue;
  return createRun(engine, {
    tenant,
    dag,
    params: params.value,
    routingContext: context,
    priority,
    source:
      fire === undefined
        ? { kind: 'api' }
        : { kind: 'schedule', scheduleId: fire.scheduleId, nominalAt: new Date(fire.nominalAt).toISOString() },
    ...trust,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(fire === undefined ? {} : { fire }),
    ...(idempotencyKey === undefined
      ? {}
      : { idempotency: { key: idempotencyKey, bodyDigest: engine.deps.hasher.digest(canonicalJson(body)) } }),
  });
};
