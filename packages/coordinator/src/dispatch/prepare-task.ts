import type { Digest, ErrorData, JsonValue, Step, StepPath, TenantId, ValueRef } from '@skein/domain';
import { DomainError, isDomainError, parseStepPath, toErrorData } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import type { RunActor } from '../run/run-actor.ts';
import { boundInputs } from './bound-inputs.ts';
import type { KnownValues } from './known-values.ts';
import { itemsOf, missing, referTo } from './known-values.ts';
import { offeredDefinition } from './offered-definition.ts';
import type { CurrentItem } from './resolve-references.ts';
import { needsOf, resolveItems, resolveReferences } from './resolve-references.ts';
import { fetchValue, storeValue, valueKey } from './stored-values.ts';

/** Inputs of a task as they travel in its offer. */
export interface PreparedInputs {
  readonly refs: { readonly [expression: string]: ValueRef };
  readonly upstreamEnv: { readonly [name: string]: ValueRef };
  readonly item?: CurrentItem;
}

/** Values that a path's resolution waits for, or has got; kept until the task is leased. */
export interface Preparation {
  readonly values: Map<Digest, JsonValue>;
  readonly stored: Map<string, ValueRef>;
  /** The snapshot was read, also if it is too large to stay in memory. */
  sealed: boolean;
  busy: boolean;
  error?: ErrorData;
}

/** `pending` calls the run again once what is missing was fetched or stored. */
export type Prepared<T> =
  | { readonly status: 'ready'; readonly value: T }
  | { readonly status: 'pending' }
  | { readonly status: 'failed'; readonly error: ErrorData };

const noInputs: Prepared<PreparedInputs> = { status: 'ready', value: { refs: {}, upstreamEnv: {} } };

const pending = { status: 'pending' } as const;

/** How long to wait before another try after a store was unavailable. */
const retryMs = 500;

interface Missing {
  readonly load: Set<Digest>;
  readonly store: Map<string, JsonValue>;
  snapshot?: Digest;
}

const knownFor = (
  engine: Engine,
  tenant: TenantId,
  preparation: Preparation | undefined,
  wanted: Missing,
): KnownValues => ({
  load: (digest) => {
    const value = preparation?.values.get(digest) ?? engine.values.get(valueKey(tenant, digest));
    if (value === undefined) wanted.load.add(digest);
    return value;
  },
  stored: (name, value) => {
    const ref = preparation?.stored.get(name);
    if (ref === undefined) wanted.store.set(name, value);
    return ref;
  },
});

const fetchMissing = async (engine: Engine, actor: RunActor, path: StepPath, wanted: Missing): Promise<void> => {
  const preparation = actor.preparations.get(path);
  if (preparation === undefined) return;
  try {
    for (const digest of wanted.load) preparation.values.set(digest, await fetchValue(engine, actor.tenant, digest));
    for (const [name, value] of wanted.store)
      preparation.stored.set(name, await storeValue(engine, actor.tenant, value));
    if (wanted.snapshot !== undefined) {
      await engine.sealed.load(actor.tenant, wanted.snapshot);
      preparation.sealed = true;
    }
    preparation.busy = false;
    engine.wake(actor);
  } catch (thrown) {
    if (isPassing(thrown)) {
      engine.deps.clock.after(retryMs, () => {
        preparation.busy = false;
        engine.wake(actor);
      });
      return;
    }
    preparation.error = toErrorData(thrown);
    preparation.busy = false;
    engine.deps.log.error('value of a step cannot be read', { runId: actor.runId, path, error: thrown });
    engine.wake(actor);
  }
};

/** Runs a resolution; when it misses something, fetches that beside the loop and answers `pending`. */
const prepare = <T>(
  engine: Engine,
  actor: RunActor,
  path: StepPath,
  resolve: (known: KnownValues, wanted: Missing, preparation: Preparation | undefined) => T | typeof missing,
): Prepared<T> => {
  let preparation = actor.preparations.get(path);
  if (preparation?.busy === true) return pending;
  if (preparation?.error !== undefined) return { status: 'failed', error: preparation.error };
  const wanted: Missing = { load: new Set(), store: new Map() };
  try {
    const value = resolve(knownFor(engine, actor.tenant, preparation, wanted), wanted, preparation);
    if (value !== missing) return { status: 'ready', value };
  } catch (thrown) {
    if (!isDomainError(thrown))
      engine.deps.log.error('a step cannot be prepared', { runId: actor.runId, path, error: thrown });
    return { status: 'failed', error: toErrorData(thrown) };
  }
  preparation ??= { values: new Map(), stored: new Map(), sealed: false, busy: false };
  preparation.busy = true;
  actor.preparations.set(path, preparation);
  void fetchMissing(engine, actor, path, wanted);
  return pending;
};

const itemOf = (actor: RunActor, path: StepPath, known: KnownValues): CurrentItem | undefined | typeof missing => {
  const parsed = parseStepPath(path);
  if (parsed?.index === undefined) return undefined;
  const step = actor.state.steps.get(parsed.stepId);
  const items = step === undefined ? [] : itemsOf(step, known);
  if (items === missing) return missing;
  const item = items[parsed.index];
  if (item === undefined) throw new DomainError('internal', `the fan-out has no item ${parsed.index}`);
  const value = referTo('item', item, known);
  return value === missing ? missing : { index: parsed.index, value };
};

/** The snapshot that an agent step needs and that is not in memory, as after a restart: with it the bytes can travel in the offer. */
const missingSnapshot = (engine: Engine, actor: RunActor, step: Step): Digest | undefined => {
  const digest = step.action.kind === 'agent' ? actor.state.snapshotDigest : undefined;
  return digest === undefined || engine.sealed.find(digest) !== undefined ? undefined : digest;
};

/**
 * Resolves all inputs of a ready task. A failure is the step's: a reference that names nothing, a definition that no frame can hold,
 * a snapshot that is gone.
 */
export const prepareTask = (engine: Engine, actor: RunActor, path: StepPath, step: Step): Prepared<PreparedInputs> => {
  const needs = needsOf(actor.state.graph, step);
  const lacking = missingSnapshot(engine, actor, step);
  const plain = step.foreach === undefined && needs.references.length === 0 && needs.upstream.length === 0;
  if (plain && lacking === undefined && offeredDefinition(step).tooLarge === undefined) return noInputs;
  return prepare(engine, actor, path, (known, wanted, preparation) => {
    const { tooLarge } = offeredDefinition(step);
    if (tooLarge !== undefined) throw tooLarge;
    if (lacking !== undefined && preparation?.sealed !== true) wanted.snapshot = lacking;
    const item = itemOf(actor, path, known);
    if (item === missing) return missing;
    const resolved = resolveReferences(actor.state, step, item, known);
    if (resolved === missing) return missing;
    const inputs = boundInputs(item === undefined ? resolved : { ...resolved, item }, known);
    return wanted.snapshot === undefined ? inputs : missing;
  });
};

/** Resolves the list of a fan-out. */
export const prepareItems = (
  engine: Engine,
  actor: RunActor,
  step: Step,
): Prepared<{ readonly items: readonly JsonValue[]; readonly ref: ValueRef }> =>
  prepare(engine, actor, step.id, (known) => resolveItems(actor.state, step, known));
