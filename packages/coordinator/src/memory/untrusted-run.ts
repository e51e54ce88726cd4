import type { RunId, TenantId } from '@skein/domain';
import { isDomainError } from '@skein/domain';
import type { LRUCache } from 'lru-cache';
import type { Engine } from '../engine/engine.ts';
import { recentValues } from '../engine/recent-values.ts';

/** Runs whose answer is remembered. It never changes: it is in the first fact. */
const maxKnown = 10_000;

const knownOf = new WeakMap<Engine, LRUCache<string, boolean>>();

/** Whether the run was started with untrusted input. A run whose first fact cannot be found is not trusted. Throws `unavailable`. */
export const isUntrustedRun = async (engine: Engine, tenant: TenantId, runId: RunId): Promise<boolean> => {
  let known = knownOf.get(engine);
  if (known === undefined) {
    known = recentValues(maxKnown);
    knownOf.set(engine, known);
  }
  const key = `${tenant} ${runId}`;
  const cached = known.get(key);
  if (cached !== undefined) return cached;
  const untrusted = await readUntrusted(engine, tenant, runId);
  known.set(key, untrusted);
  return untrusted;
};

const readUntrusted = async (engine: Engine, tenant: TenantId, runId: RunId): Promise<boolean> => {
  try {
    const [first] = await engine.deps.runs.readFacts(tenant, runId, 0, 1);
    return first?.type !== 'run_submitted' || first.untrustedInput === true;
  } catch (thrown) {
    if (isDomainError(thrown) && thrown.code === 'not_found') return true;
    throw thrown;
  }
};
