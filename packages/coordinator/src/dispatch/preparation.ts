import type { Digest, ErrorData, JsonValue, RunId, StepPath, TenantId, ValueRef } from '@skein/domain';
import { isDomainError, toErrorData } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { isPassing } from '../engine/is-passing.ts';
import type { IndexedDag } from '../project/dag-cache.ts';
import type { RunActor } from '../run/run-actor.ts';
import type { KnownValues } from './known-values.ts';
import { missing } from './known-values.ts';
import type { StoredResume, WantedResume } from './resume-point.ts';
import { resumeKey, storeResume } from './resume-point.ts';
import { fetchValue, storeValue, valueKey } from './stored-values.ts';

/** Values that a path's resolution waits for, or has got; kept until the task is leased. */
export interface Preparation {
  readonly values: Map<Digest, JsonValue>;
  readonly stored: Map<string, ValueRef>;
  /** DAGs that a call needs. */
  readonly dags: Map<Digest, IndexedDag>;
  /** What an agent goes on from, and of which entries it was made. */
  resume?: { readonly key: string; readonly stored: StoredResume };
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

const pending = { status: 'pending' } as const;

/** How long to wait before another try after a store was unavailable. */
const retryMs = 500;

/** What a resolution found missing. */
export interface Missing {
  readonly load: Set<Digest>;
  readonly store: Map<string, JsonValue>;
  snapshot?: Digest;
  dag?: Digest;
  resume?: WantedResume;
  /** Root of a tree whose runs must be counted. */
  tree?: RunId;
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
    if (wanted.dag !== undefined)
      preparation.dags.set(wanted.dag, await engine.dags.byDigest(actor.tenant, wanted.dag));
    if (wanted.tree !== undefined) await engine.trees.load(engine, actor.tenant, wanted.tree);
    if (wanted.resume !== undefined) {
      // The state may be ahead of the log: the entries are read once they are there.
      await Promise.resolve();
      while (actor.inFlight !== undefined) await actor.inFlight;
      // Read again meanwhile: these numbers are of a state that never came to the log.
      if (actor.dropped || actor.preparations.get(path) !== preparation) return;
      const stored = await storeResume(engine, actor.tenant, actor.runId, wanted.resume);
      preparation.resume = { key: resumeKey(wanted.resume), stored };
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
export const prepare = <T>(
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
  preparation ??= { values: new Map(), stored: new Map(), dags: new Map(), sealed: false, busy: false };
  preparation.busy = true;
  actor.preparations.set(path, preparation);
  void fetchMissing(engine, actor, path, wanted);
  return pending;
};
