/** What to do with a note: add a line, put another text in the place of a passage, or take a passage out. */
export type MemoryOperation = 'append' | 'replace' | 'remove';

/**
 * A wish of an agent to change a memory scope. Views are read-only in a run; proposals are stored, folded into the next revision of
 * their scope, or wait for a person.
 */
export interface MemoryProposal {
  /** `global`, `dag/NAME` or `agent/ID`. */
  readonly scope: string;
  readonly op: MemoryOperation;
  /** The new text; empty for `remove`. */
  readonly text: string;
  /** The passage, word for word, that `replace` and `remove` are about; absent for `append`. */
  readonly basis?: string;
}

/** Where a proposal stands. `review` waits for a person; the last four are final, except that a revert takes `folded` back. */
export type ProposalStatus = 'pending' | 'review' | 'folded' | 'rejected' | 'dropped' | 'reverted';

/** A stored proposal, with where it comes from. Instants in ms. */
export interface StoredProposal extends MemoryProposal {
  /** `run:step:attempt:index`, unique within the tenant; the index has two digits, so that ids of one attempt sort as it made them. */
  readonly proposalId: string;
  readonly runId: string;
  readonly step: string;
  readonly attempt: number;
  readonly agentId: string;
  readonly versionId: string;
  readonly at: number;
  readonly status: ProposalStatus;
  /** Why it waits for review or was dropped, for people. */
  readonly reason?: string;
  /** The revision that it went into. */
  readonly revision?: number;
}

/** What becomes of the proposals of a scope: `auto` folds, `review` asks a person, `off` drops with a reason. */
export type MemoryPolicy = 'auto' | 'review' | 'off';

/** Largest text of one memory scope, in bytes of UTF-8. */
export const maxMemoryBytes = 64 * 1024;

/** Most proposals of one attempt, and the largest text of one, in bytes of UTF-8. */
export const maxProposals = 64;
export const maxProposalBytes = 8 * 1024;
