import type { Dag } from '../dag/dag.ts';
import type { Digest } from '../identity/ids.ts';

/** What a walk over DAGs needs to know about them. */
export interface DagSource {
  /** The project's current DAG of a name; asked once for each name. */
  readonly resolveDag: (name: string) => Dag | undefined;
  /** The digest of a DAG's content; asked once for each DAG. */
  readonly digestOf: (dag: Dag) => Digest;
}

/** A DAG and its digest. */
export interface DigestedDag {
  readonly dag: Dag;
  readonly digest: Digest;
}

/** One file of DAGs, by its root: the documents inside call one another by name before they call the project's. */
export type DagScope = DigestedDag;

/** Finds DAGs by name, and remembers them and their digests. */
export class DagFinder {
  readonly #source: DagSource;
  readonly #digests = new Map<Dag, Digest>();
  readonly #named = new Map<string, DigestedDag | undefined>();

  constructor(source: DagSource) {
    this.#source = source;
  }

  digested(dag: Dag): DigestedDag {
    const digest = this.#digests.get(dag) ?? this.#source.digestOf(dag);
    this.#digests.set(dag, digest);
    return { dag, digest };
  }

  /** The DAG that a name means inside a file, and the file that it belongs to: a document of the same file, else a DAG of the project. */
  find(scope: DagScope, name: string): (DigestedDag & { readonly scope: DagScope }) | undefined {
    const { subDags } = scope.dag;
    if (subDags !== undefined && Object.hasOwn(subDags, name)) return { ...this.digested(subDags[name] as Dag), scope };
    if (scope.dag.name === name) return { ...scope, scope };
    const found = this.#findNamed(name);
    return found === undefined ? undefined : { ...found, scope: found };
  }

  #findNamed(name: string): DigestedDag | undefined {
    if (!this.#named.has(name)) {
      const dag = this.#source.resolveDag(name);
      this.#named.set(name, dag === undefined ? undefined : this.digested(dag));
    }
    return this.#named.get(name);
  }
}
