import type { Digest, JsonValue, TenantId, ValueRef } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { KnownValues } from './known-values.ts';
import { missing } from './known-values.ts';
import { fetchValue, storeValue } from './stored-values.ts';

/** Runs a resolution until nothing is missing, fetching and storing in between. Throws what it throws, `not_found`, `unavailable`. */
export const awaitValues = async <T>(
  engine: Engine,
  tenant: TenantId,
  resolve: (known: KnownValues) => T | typeof missing,
): Promise<T> => {
  const values = new Map<Digest, JsonValue>();
  const stored = new Map<string, ValueRef>();
  for (;;) {
    const load = new Set<Digest>();
    const store = new Map<string, JsonValue>();
    const resolved = resolve({
      load: (digest) => {
        const value = values.get(digest);
        if (value === undefined) load.add(digest);
        return value;
      },
      stored: (name, value) => {
        const ref = stored.get(name);
        if (ref === undefined) store.set(name, value);
        return ref;
      },
    });
    if (resolved !== missing) return resolved;
    for (const digest of load) values.set(digest, await fetchValue(engine, tenant, digest));
    for (const [name, value] of store) stored.set(name, await storeValue(engine, tenant, value));
  }
};
