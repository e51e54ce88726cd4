import type { RunId, RunState, TenantId } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { recentValues } from '../engine/recent-values.ts';
import { evaluationPriority } from '../evaluation/evaluation-priority.ts';
import { callsDags } from './call-steps.ts';

/** Most runs in one tree, the root included: a DAG that calls itself must come to an end. A fan-out of the largest size fits twice. */
export const maxTreeRuns = 20_000;

/** Trees whose size stays in memory; that of another one is counted again. */
const maxTrees = 4_096;

/** Children that are read at once. */
const pageRuns = 1_000;

/** The root of a run's tree. */
export const rootOf = ({ source, runId }: RunState): RunId => (source.kind === 'call' ? source.rootRunId : runId);

/** Calls between the root of the tree and a run. */
export const depthOf = ({ source }: RunState): number => (source.kind === 'call' ? source.depth : 0);

/**
 * How many runs the trees of open runs have, the root included. Counted once from the store, then kept as calls begin;
 * after an append in doubt it is counted again. The number is a bound, not a fact: it may be off by calls that begin meanwhile.
 */
export class TreeSizes {
  readonly #sizes = recentValues<RunId, number>(maxTrees);
  readonly #loading = new Map<RunId, Promise<number>>();

  /** Undefined when it must be loaded first. */
  of(root: RunId): number | undefined {
    return this.#sizes.get(root);
  }

  began(root: RunId): void {
    const size = this.#sizes.get(root);
    if (size !== undefined) this.#sizes.set(root, size + 1);
  }

  forget(root: RunId): void {
    this.#sizes.delete(root);
  }

  /** Counts a tree, once for all who ask at the same time. Throws `unavailable`. */
  async load(engine: Engine, tenant: TenantId, root: RunId): Promise<void> {
    if (this.#sizes.has(root)) return;
    let loading = this.#loading.get(root);
    if (loading === undefined) {
      loading = countTree(engine, tenant, root).finally(() => this.#loading.delete(root));
      this.#loading.set(root, loading);
    }
    const size = await loading;
    if (!this.#sizes.has(root)) this.#sizes.set(root, size);
  }
}

const countTree = async (engine: Engine, tenant: TenantId, root: RunId): Promise<number> => {
  let size = 1;
  const open: RunId[] = [root];
  for (let parent = open.pop(); parent !== undefined && size < maxTreeRuns; parent = open.pop()) {
    let cursor: string | undefined;
    do {
      const filter = { tenant, parentRunId: parent, limit: pageRuns };
      const page = await engine.deps.runs.listRuns(cursor === undefined ? filter : { ...filter, cursor });
      // Those that are only about a run of the tree are none of it.
      const called = page.items.filter(({ priority }) => priority !== evaluationPriority);
      size += called.length;
      for (const child of called) {
        const { dag } = await engine.dags.byDigest(tenant, child.dagDigest);
        if (callsDags(dag)) open.push(child.runId);
      }
      cursor = page.nextCursor;
    } while (cursor !== undefined && size < maxTreeRuns);
  }
  return size;
};
