import type { Dag, DagIndex, Digest, TenantId } from '@skein/domain';
import { DomainError, indexDag } from '@skein/domain';
import type { ProjectStore, StoredDag } from '@skein/ports';
import { recentValues } from '../engine/recent-values.ts';

/** A DAG with its look-ups, shared by all its runs. */
export interface IndexedDag {
  readonly digest: Digest;
  readonly dag: Dag;
  readonly graph: DagIndex;
}

interface NamedDags {
  revision: number | undefined;
  readonly byName: Map<string, IndexedDag>;
}

/** DAGs by digest (which never change), and by name (which an apply may change). */
export class DagCache {
  readonly #projects: ProjectStore;
  readonly #solePublisher: boolean;
  readonly #byDigest = recentValues<string, IndexedDag>(1_000);
  readonly #named = new Map<TenantId, NamedDags>();

  constructor(projects: ProjectStore, solePublisher: boolean) {
    this.#projects = projects;
    this.#solePublisher = solePublisher;
  }

  /** Throws `not_found`, `unavailable`. */
  async byDigest(tenant: TenantId, digest: Digest): Promise<IndexedDag> {
    const cached = this.#byDigest.get(`${tenant} ${digest}`);
    if (cached !== undefined) return cached;
    const stored = await this.#projects.findDagByDigest(tenant, digest);
    if (stored === undefined) throw new DomainError('internal', `the DAG ${digest} of a run is not stored`, { digest });
    return this.#keep(tenant, stored);
  }

  /** The current DAG of a name. Throws `not_found`, `unavailable`. */
  async byName(tenant: TenantId, name: string): Promise<IndexedDag> {
    const named = this.#of(tenant);
    if (!this.#solePublisher) {
      const revision = await this.#projects.revision(tenant);
      if (revision !== named.revision) {
        named.byName.clear();
        named.revision = revision;
      }
    }
    const cached = named.byName.get(name);
    if (cached !== undefined) return cached;
    const stored = await this.#projects.findDag(tenant, name);
    if (stored === undefined) throw new DomainError('not_found', `there is no DAG ${name}`, { dag: name });
    const indexed = this.#keep(tenant, stored);
    // A publication may have happened meanwhile; then this map is no longer the tenant's.
    named.byName.set(name, indexed);
    return indexed;
  }

  /** Forgets the names of a tenant; called after each publication. */
  published(tenant: TenantId): void {
    this.#named.delete(tenant);
  }

  #of(tenant: TenantId): NamedDags {
    let named = this.#named.get(tenant);
    if (named === undefined) {
      named = { revision: undefined, byName: new Map() };
      this.#named.set(tenant, named);
    }
    return named;
  }

  #keep(tenant: TenantId, stored: StoredDag): IndexedDag {
    const key = `${tenant} ${stored.digest}`;
    const known = this.#byDigest.get(key);
    if (known !== undefined) return known;
    const indexed = { digest: stored.digest, dag: stored.dag, graph: indexDag(stored.dag) };
    this.#byDigest.set(key, indexed);
    return indexed;
  }
}
