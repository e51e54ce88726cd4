import type { Digest, RunId, TenantId, TreeFold } from '@skein/domain';
import { createTreeFold, foldTreeFact, openRunFold } from '@skein/domain';
import type { Engine } from '../engine/engine.ts';
import { pauseOf } from '../engine/pause-of.ts';

/** Facts that are read at once: between two pages everybody else has a turn. */
const pageFacts = 500;

/**
 * The tree of a root run, folded page by page from its own log and those of the runs that it called; evaluation runs are no part of it.
 * Undefined when there is no such run, or retention has taken its facts. Throws `unavailable`, `data_corrupt`.
 */
export const readTree = async (engine: Engine, tenant: TenantId, rootRunId: RunId): Promise<TreeFold | undefined> => {
  const { runs, clock } = engine.deps;
  const pause = pauseOf(clock);
  const head = await runs.readHead(tenant, rootRunId);
  if (head === undefined || head.prunedSeq !== undefined) return undefined;
  const tree = createTreeFold();
  const open: { readonly runId: RunId; readonly dagDigest: Digest }[] = [
    { runId: rootRunId, dagDigest: head.dagDigest },
  ];
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    // A child that its parent names may not have been made before both were stopped.
    if (next.runId !== rootRunId && (await runs.readHead(tenant, next.runId)) === undefined) continue;
    const { dag } = await engine.dags.byDigest(tenant, next.dagDigest);
    const run = openRunFold(tree, next.runId, dag);
    for (let seq = 0; ; await pause()) {
      const facts = await runs.readFacts(tenant, next.runId, seq, pageFacts);
      for (const fact of facts) {
        seq += 1;
        foldTreeFact(run, fact, seq);
      }
      if (facts.length < pageFacts) break;
    }
    open.push(...run.called);
  }
  return tree;
};
