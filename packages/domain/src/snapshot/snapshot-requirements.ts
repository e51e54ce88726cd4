import type { CallTargets } from '../run/run-fact.ts';

/** An agent that some step of a DAG graph runs. */
export interface RequiredAgent {
  readonly agentId: string;
  /** Version pinned in the DAG: digest or alias. */
  readonly version?: string;
  /** Where it is asked for, for messages: `step "triage" of DAG "daily"`. */
  readonly askedBy: string;
  /** The first steps that ask for it, at most four: `daily/triage`. */
  readonly steps: readonly string[];
}

/** Memory scopes whose steps opted in (S4); names sorted. */
export interface RequiredMemory {
  readonly global: boolean;
  readonly dags: readonly string[];
  readonly agents: readonly string[];
  /** By scope (`global`, `dag/NAME`, `agent/ID`): the first steps that opted in, at most four. */
  readonly steps: { readonly [scope: string]: readonly string[] };
}

/** What the snapshot of a run must hold, before versions are chosen. Agents are sorted by id, one entry each; none means no snapshot. */
export interface SnapshotRequirements {
  readonly agents: readonly RequiredAgent[];
  readonly memory: RequiredMemory;
  /** Digests of the DAGs that the tree may call; empty when nothing is called. */
  readonly calls: CallTargets;
  /** Every step that is named above, in walk order: which of several askers of a part comes first. Absent means by agent id. */
  readonly askers?: readonly string[];
}

/** Most steps that are named as askers of one agent, memory scope or part. */
export const maxAskers = 4;
