import type { Digest, ErrorData, JsonValue, Step, StepPath, TenantId, ValueRef } from '@skein/domain';
import { canonicalJson, DomainError, isDomainError, parseStepPath, toErrorData } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { RunActor } from '../run/run-actor.ts';
import type { KnownValues } from './known-values.ts';
import { itemsOf, missing, referTo, utf8Bytes } from './known-values.ts';
import type { CurrentItem } from './resolve-references.ts';
import { needsOf, resolveItems, resolveReferences } from './resolve-references.ts';

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

/** Bytes of inline values in one offer; above it values travel by digest. */
const maxInlineOfferBytes = 256 * 1024;

/** Values over this size go by digest in an offer that is too large. */
const spillBytes = 4 * 1024;

interface Missing {
  readonly load: Set<Digest>;
  readonly store: Map<string, JsonValue>;
}

const knownFor = (engine: Engine, preparation: Preparation | undefined, wanted: Missing): KnownValues => ({
  load: (digest) => {
    const value = preparation?.values.get(digest) ?? engine.values.get(digest);
    if (value === undefined) wanted.load.add(digest);
    return value;
  },
  stored: (name, value) => {
    const ref = preparation?.stored.get(name);
    if (ref === undefined) wanted.store.set(name, value);
    return ref;
  },
});

/** The JSON value behind a digest. Throws `not_found`, `digest_mismatch`, `unavailable`. */
export const fetchValue = async (engine: Engine, tenant: TenantId, digest: Digest): Promise<JsonValue> => {
  const cached = engine.values.get(digest);
  if (cached !== undefined) return cached;
  const bytes = await engine.deps.blobs.get(tenant, digest);
  const value = JSON.parse(new TextDecoder().decode(bytes)) as JsonValue;
  if (value !== null) engine.values.set(digest, value, { size: Math.max(1, bytes.byteLength) });
  return value;
};

/** Stores a value as canonical JSON. */
export const storeValue = async (engine: Engine, tenant: TenantId, value: JsonValue): Promise<ValueRef> => {
  const bytes = new TextEncoder().encode(canonicalJson(value));
  const digest = await engine.deps.blobs.put(tenant, bytes);
  return { digest, bytes: bytes.byteLength };
};

const fetchMissing = async (engine: Engine, actor: RunActor, path: StepPath, wanted: Missing): Promise<void> => {
  const preparation = actor.preparations.get(path);
  if (preparation === undefined) return;
  try {
    for (const digest of wanted.load) preparation.values.set(digest, await fetchValue(engine, actor.tenant, digest));
    for (const [name, value] of wanted.store)
      preparation.stored.set(name, await storeValue(engine, actor.tenant, value));
    preparation.busy = false;
    engine.wake(actor);
  } catch (thrown) {
    if (isDomainError(thrown) && thrown.code === 'unavailable') {
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
  resolve: (known: KnownValues) => T | typeof missing,
): Prepared<T> => {
  let preparation = actor.preparations.get(path);
  if (preparation?.busy === true) return pending;
  if (preparation?.error !== undefined) return { status: 'failed', error: preparation.error };
  const wanted: Missing = { load: new Set(), store: new Map() };
  try {
    const value = resolve(knownFor(engine, preparation, wanted));
    if (value !== missing) return { status: 'ready', value };
  } catch (thrown) {
    if (!isDomainError(thrown))
      engine.deps.log.error('a step cannot be prepared', { runId: actor.runId, path, error: thrown });
    return { status: 'failed', error: toErrorData(thrown) };
  }
  preparation ??= { values: new Map(), stored: new Map(), busy: false };
  preparation.busy = true;
  actor.preparations.set(path, preparation);
  void fetchMissing(engine, actor, path, wanted);
  return pending;
};

const spill = (inputs: PreparedInputs, known: KnownValues): PreparedInputs | typeof missing => {
  const sizes = Object.entries(inputs.refs).map(([expression, ref]) => ({
    expression,
    ref,
    bytes: 'inline' in ref ? utf8Bytes(JSON.stringify(ref.inline)) : 0,
  }));
  if (sizes.reduce((sum, { bytes }) => sum + bytes, 0) <= maxInlineOfferBytes) return inputs;
  const refs: { [expression: string]: ValueRef } = {};
  let complete = true;
  for (const { expression, ref, bytes } of sizes) {
    const moved = 'inline' in ref && bytes > spillBytes ? known.stored(expression, ref.inline) : ref;
    if (moved === undefined) complete = false;
    else refs[expression] = moved;
  }
  return complete ? { ...inputs, refs } : missing;
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

/** Resolves all inputs of a ready task. A failure is the step's: a reference that names nothing. */
export const prepareTask = (engine: Engine, actor: RunActor, path: StepPath, step: Step): Prepared<PreparedInputs> => {
  const needs = needsOf(actor.state.graph, step);
  if (step.foreach === undefined && needs.references.length === 0 && needs.upstream.length === 0) return noInputs;
  return prepare(engine, actor, path, (known) => {
    const item = itemOf(actor, path, known);
    if (item === missing) return missing;
    const resolved = resolveReferences(actor.state, step, item, known);
    if (resolved === missing) return missing;
    const inputs = item === undefined ? resolved : { ...resolved, item };
    return needs.references.length > 8 ? spill(inputs, known) : inputs;
  });
};

/** Resolves the list of a fan-out. */
export const prepareItems = (
  engine: Engine,
  actor: RunActor,
  step: Step,
): Prepared<{ readonly items: readonly JsonValue[]; readonly ref: ValueRef }> =>
  prepare(engine, actor, step.id, (known) => resolveItems(actor.state, step, known));
