import type { AgentDecision, CallTargets, Digest, Problem, RolloutTally, RunCommand, TenantId } from '@skein/domain';
import { DomainError, maxFactBytes, toErrorData, utf8Length } from '@skein/domain';
import type { IndexedDag } from '../project/dag-cache.ts';
import { boundProblems, messageOf } from '../run/bound-error.ts';
import type { RoutedRun } from './agent-routes.ts';
import type { StoredSnapshot } from './run-snapshots.ts';

type Agents = { readonly [agentId: string]: AgentDecision };

/** What a run that was let in is recorded with. */
export interface AdmittedWith {
  readonly agents: Agents;
  readonly snapshotDigest?: Digest;
  /** Targets of all calls of the tree; absent when nothing is called. */
  readonly calls?: CallTargets;
  /** Revision of each memory scope in the snapshot. */
  readonly memory?: { readonly [scope: string]: number };
}

/** How a run is let in, or why it can never be. */
export type Admission =
  | {
      readonly kind: 'admit';
      readonly with: AdmittedWith;
      /** The project's revision that this was decided by; absent when the project has no say. */
      readonly revision?: number;
      /** How the run stands to live rollouts, counted in its commit. */
      readonly tallies?: readonly RolloutTally[];
    }
  | { readonly kind: 'reject'; readonly command: Extract<RunCommand, { readonly type: 'reject' }> };

/** A run that is to be let in. */
export interface RunToAdmit extends RoutedRun {
  readonly tenant: TenantId;
  readonly dag: IndexedDag;
  /** What the run that is retried was admitted with. */
  readonly earlier?: AdmittedWith;
}

/** The answer to what can never work. */
export const rejected = (problems: readonly Problem[]): Admission => {
  const error = new DomainError('invalid_argument', messageOf(problems), boundProblems(problems));
  return { kind: 'reject', command: { type: 'reject', error: toErrorData(error) } };
};

/** Bytes that an admission may take beside what every fact has. */
const maxAdmissionBytes = maxFactBytes - 1024;

/** What no fact can hold could never be recorded, however often it is tried. */
const checkSize = (admission: AdmittedWith): AdmittedWith => {
  const actual = utf8Length(JSON.stringify(admission));
  if (actual <= maxAdmissionBytes) return admission;
  const calls = Object.values(admission.calls ?? {}).reduce((sum, names) => sum + Object.keys(names).length, 0);
  const agents = Object.keys(admission.agents).length;
  const message = `the tree of the run is too large to be recorded: ${calls} calls of other DAGs and ${agents} agents`;
  throw new DomainError('too_large', message, { limit: maxAdmissionBytes, actual });
};

/** Throws `too_large`. */
export const admittedBy = (agents: Agents, calls: CallTargets, stored: StoredSnapshot | undefined): AdmittedWith =>
  checkSize({
    agents,
    ...(stored === undefined ? {} : { snapshotDigest: stored.digest }),
    ...(Object.keys(calls).length === 0 ? {} : { calls }),
    ...(stored === undefined || Object.keys(stored.memory).length === 0 ? {} : { memory: stored.memory }),
  });
