import type { Digest, TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import type { Admission } from './admission.ts';
import type { AdmissionPlan } from './admission-plan.ts';
import type { Routes } from './agent-routes.ts';
import { RunSnapshots } from './run-snapshots.ts';

/**
 * What is known of one tenant's admissions at one revision of its project. Keyed by that revision alone, which every write of a rollout, a freeze,
 * a version or a memory raises: nothing in here outlives what it was made of.
 */
export interface CachedAdmissions {
  readonly revision: number;
  /** Whole admissions of DAGs no agent of which has a live rollout. */
  readonly admissions: Map<Digest, Admission>;
  readonly plans: Map<Digest, Promise<AdmissionPlan>>;
  readonly snapshots: RunSnapshots;
  routes?: Promise<Routes>;
}

const cacheOf = new WeakMap<Engine, Map<TenantId, CachedAdmissions>>();

/** What is known at this revision; another one's is forgotten. */
export const cachedFor = (engine: Engine, tenant: TenantId, revision: number): CachedAdmissions => {
  let tenants = cacheOf.get(engine);
  if (tenants === undefined) {
    tenants = new Map();
    cacheOf.set(engine, tenants);
  }
  let cached = tenants.get(tenant);
  if (cached?.revision !== revision) {
    cached = { revision, admissions: new Map(), plans: new Map(), snapshots: new RunSnapshots() };
    tenants.set(tenant, cached);
  }
  return cached;
};

/** Forgets a tenant's. */
export const forgetPlans = (engine: Engine, tenant: TenantId): void => {
  cacheOf.get(engine)?.delete(tenant);
};
