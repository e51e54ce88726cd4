import type { Dag } from '../dag/dag.ts';
import type { ErrorCode } from '../errors/error-catalog.ts';
import type { Digest, RunId, StepId, StepPath } from '../identity/ids.ts';
import type { JsonValue } from '../json/json-value.ts';
import type { AgentDecision, RecordedResult } from '../run/run-fact.ts';
import type { Usage } from '../task/task-result.ts';

/** Steps of one agent whose outputs are kept in a fold; those of further ones are read again where they are needed. */
export const keptOutputs = 256;

/** One execution of an agent step, or item, in one round; changed in place while facts are folded. */
export interface StepFold {
  readonly runId: RunId;
  readonly step: StepPath;
  readonly round: number;
  /** Step code has begun. */
  started: boolean;
  /** How the first application attempt ended: an error code, or true for one that did not fail. */
  first?: true | ErrorCode;
  status?: 'succeeded' | 'failed' | 'cancelled';
  durationMs: number;
  /** Of attempts that are counted already, and that of the last one. */
  spent: Usage | undefined;
  usage: Usage | undefined;
  /** The next attempt goes on from the transcript of the last one, and its usage holds that one's. */
  goesOn: boolean;
  /** Place in its run's log of the last result, and of the first turn of the conversation. */
  seq: number;
  askedSeq?: number;
  outputs?: RecordedResult['outputs'];
}

/** What is known of one agent in a tree. */
export interface AgentFold {
  readonly steps: Map<string, StepFold>;
  /** Steps of earlier rounds. */
  readonly earlier: StepFold[];
  takeover: boolean;
}

/** One run of a tree. */
export interface RunFold {
  readonly tree: TreeFold;
  readonly runId: RunId;
  readonly dag: Dag;
  readonly agentOf: ReadonlyMap<StepId, string>;
  params: { readonly [name: string]: JsonValue };
  paramsRef?: { readonly digest: Digest; readonly bytes: number };
  /** Child runs that its steps called, in order. */
  readonly called: { readonly runId: RunId; readonly dagDigest: Digest }[];
  readonly rounds: Map<StepId, number>;
}

/** A tree of runs, folded from their facts: the root first. */
export interface TreeFold {
  readonly runs: RunFold[];
  readonly agents: Map<string, AgentFold>;
  /** Of the root. */
  decisions: { readonly [agentId: string]: AgentDecision };
  cancelled?: 'requested' | 'timeout' | 'rolled_back';
  ended?: { readonly status: 'succeeded' | 'failed' | 'cancelled'; readonly partial: boolean; readonly at: number };
  /** Rollouts for which a run of the tree was migrated. */
  readonly migratedFor: Set<string>;
}

/** A tree of which nothing was read yet. */
export const createTreeFold = (): TreeFold => ({
  runs: [],
  agents: new Map(),
  decisions: {},
  migratedFor: new Set(),
});

const agentsOf = (dag: Dag): ReadonlyMap<StepId, string> => {
  const steps = [...dag.steps, ...Object.values(dag.handlers ?? {})];
  return new Map(steps.flatMap(({ id, action }) => (action.kind === 'agent' ? [[id, action.agent] as const] : [])));
};

/** A run of the tree whose facts follow; the first one is the root. */
export const openRunFold = (tree: TreeFold, runId: RunId, dag: Dag): RunFold => {
  const run: RunFold = { tree, runId, dag, agentOf: agentsOf(dag), params: {}, called: [], rounds: new Map() };
  tree.runs.push(run);
  return run;
};
